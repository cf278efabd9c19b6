"""Checks for the exercises: each says what is wrong with an answer, and never raises.

Every check takes the student's function or class, tries it on small inputs, and
prints one line: that it waits for an answer, what is wrong, or that it is right.
"""

import functools

import chainer
import numpy


class _Wrong(Exception):
    """Carries what to tell the student."""


def _says(check):
    @functools.wraps(check)
    def wrapped(answer):
        name = getattr(answer, '__name__', 'the answer')
        try:
            check(answer)
        except _Waiting:
            print(f'⏳ {name}: nothing here yet. Write your answer above, then run this again.')
        except _Wrong as wrong:
            print(f'✗ {name}: {wrong}')
        except Exception as error:
            print(f'✗ {name}: your code raised {type(error).__name__}: {error}')
        else:
            print(f'✓ {name}: right.')
    return wrapped


class _Waiting(Exception):
    """The stub is untouched."""


def _call(function, *args):
    result = function(*args)
    if result is None:
        raise _Waiting
    return result


def _expect_array(got, wanted, hints=()):
    """Compares arrays; ``hints`` are (wrong value, what it shows) pairs."""
    if isinstance(got, chainer.Variable):
        got = got.array
    got, wanted = numpy.asarray(got), numpy.asarray(wanted)
    for value, hint in hints:
        value = numpy.asarray(value)
        if got.shape == value.shape and numpy.allclose(got, value):
            raise _Wrong(hint)
    if got.shape != wanted.shape:
        raise _Wrong(f'the result has shape {got.shape}; wanted {wanted.shape}.')
    if not numpy.allclose(got, wanted, rtol=1e-4, atol=1e-5):
        where = tuple(int(i) for i in numpy.argwhere(~numpy.isclose(got, wanted, 1e-4, 1e-5))[0])
        raise _Wrong(f'the shape is right, but at index {where} there is {got[where]:.4g}; '
                     f'wanted {wanted[where]:.4g}.')


@_says
def check_to_nchw(to_nchw):
    """Notebook 00: ``(N, 784)`` rows to ``(N, 1, 28, 28)`` images."""
    x = numpy.arange(3 * 784, dtype=numpy.float32).reshape(3, 784)
    right = x.reshape(3, 1, 28, 28)
    for given in x, chainer.Variable(x):
        _expect_array(_call(to_nchw, given), right, [
            (right[:, 0], 'the channel axis is missing: wanted (N, 1, 28, 28).'),
            (right.transpose(0, 2, 3, 1), 'the channel axis comes second in Chainer: (N, C, H, W).'),
            (right.transpose(0, 1, 3, 2), 'rows and columns are swapped: the digits lie on their side.')])
    _expect_array(_call(to_nchw, x[:2]), right[:2])


@_says
def check_mean_images(mean_images):
    """Notebook 00: the mean image of each class, ``(10, 28, 28)``."""
    rng = numpy.random.default_rng(0)
    x = rng.random((60, 28, 28), dtype=numpy.float32)
    t = numpy.concatenate([numpy.arange(10), rng.integers(0, 10, 50)])
    sums = numpy.stack([x[t == digit].sum(axis=0) for digit in range(10)])
    counts = numpy.bincount(t)[:, None, None]
    _expect_array(_call(mean_images, x, t), sums / counts, [
        (sums, 'these are sums; divide by how many images the class has.'),
        (sums / len(x), 'divided by the number of all images; divide by those of the class.'),
        (numpy.broadcast_to(x.mean(axis=0), (10, 28, 28)),
         'every class got the mean of all images; pick the images with x[t == digit].')])


@_says
def check_nearest_mean(nearest_mean):
    """Notebook 00: the class whose mean image is nearest."""
    rng = numpy.random.default_rng(0)
    means = rng.random((10, 28, 28), dtype=numpy.float32) * numpy.linspace(0.5, 2, 10)[:, None, None]
    right = rng.integers(0, 10, 20)
    x = means[right] + 0.1 * rng.standard_normal((20, 28, 28))
    distance = ((x[:, None] - means[None]) ** 2).sum(axis=(2, 3))
    similarity = (x[:, None] * means[None]).sum(axis=(2, 3))
    _expect_array(_call(nearest_mean, x, means), right, [
        (distance.argmax(axis=1), 'these are the farthest means; the nearest has the smallest distance.'),
        (similarity.argmax(axis=1), 'the largest product is not the smallest distance: '
                                    'bright mean images win everything. Subtract, square, sum.'),
        (distance.min(axis=1), 'these are the distances; wanted which class is nearest (argmin).')])


@_says
def check_conv_parameters(conv_parameters):
    """Notebook 07: the number of parameters of a convolution layer."""
    for case in (1, 6, 5), (6, 16, 5), (3, 8, 1), (96, 256, 3):
        in_channels, out_channels, ksize = case
        got = _call(conv_parameters, *case)
        weights = in_channels * out_channels * ksize ** 2
        right = weights + out_channels
        if got == right:
            continue
        call = f'conv_parameters{case}'
        if got == weights:
            raise _Wrong(f'{call} counts the weights; each output map also has one bias.')
        if got == weights + 1:
            raise _Wrong(f'{call} counts one bias in all; each output map has its own.')
        if got == out_channels * ksize ** 2 + out_channels:
            raise _Wrong(f'{call} forgets that a filter is 3-D: it spans all input channels.')
        if got == in_channels * out_channels * ksize + out_channels:
            raise _Wrong(f'{call} counts ksize weights per filter slice; there are ksize x ksize.')
        raise _Wrong(f'{call} gives {got}; wanted {right}.')


@_says
def check_error_rates(error_rates):
    """Notebook 07: the share of each true digit that was answered wrongly."""
    confusion = numpy.array([[8, 1, 1], [0, 18, 2], [3, 0, 37]])
    right = 1 - numpy.diag(confusion) / confusion.sum(axis=1)
    _expect_array(_call(error_rates, confusion), right, [
        (1 - right, 'these are the shares answered rightly; wanted the wrong ones.'),
        (1 - numpy.diag(confusion) / confusion.sum(axis=0),
         'summed over columns: that is the error among equal answers. Rows are the true digits.'),
        (1 - numpy.diag(confusion) / confusion.sum(),
         'divided by all digits; divide by the digits of the row.')])


@_says
def check_my_cnn(MyCNN):
    """Notebook 07: a CNN of one's own, smaller than the perceptron."""
    model = MyCNN()
    if not isinstance(model, chainer.Chain):
        raise _Wrong('MyCNN must be a chainer.Chain.')
    x = numpy.random.default_rng(0).random((4, 1, 28, 28), dtype=numpy.float32)
    calls = []

    class Recorder(chainer.FunctionHook):
        def forward_preprocess(self, function, in_data):
            calls.append(function.label)

    with Recorder():
        y = model(x)
    if y is None:
        raise _Waiting
    if y.shape != (4, 10):
        raise _Wrong(f'for a batch of 4 it returns shape {y.shape}; wanted (4, 10), one logit a class.')
    if numpy.allclose(y.array.sum(axis=1), 1, atol=1e-4) and (y.array >= 0).all():
        raise _Wrong('each row sums to 1: leave the softmax out, the loss applies it to the logits.')
    if not any('Convolution' in label for label in calls):
        raise _Wrong('there is no convolution in it: use L.Convolution2D.')
    if not any('Pooling' in label for label in calls):
        raise _Wrong('there is no pooling in it: use F.max_pooling_2d or F.average_pooling_2d.')
    n_params = model.count_params()
    if n_params == 0:
        raise _Wrong('it has no parameters to train: create the layers inside "with self.init_scope():".')
    if n_params >= 266610:
        raise _Wrong(f'it has {n_params:,} parameters; wanted fewer than the perceptron, 266,610.')
    model.cleargrads()
    chainer.functions.sum(y ** 2).backward()
    for name, param in model.namedparams():
        if param.grad is None:
            raise _Wrong(f'no gradient reaches {name}: is that layer used in forward, with Variables?')
