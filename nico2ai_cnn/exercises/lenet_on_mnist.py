"""Notebook 07."""

import chainer
import numpy

from nico2ai_cnn.exercises._says import Waiting, Wrong, call, expect_array, says


@says
def check_conv_parameters(conv_parameters):
    """Notebook 07: the number of parameters of a convolution layer."""
    for case in (6, 16, 5), (1, 6, 5), (3, 8, 1), (96, 256, 3):
        in_channels, out_channels, ksize = case
        got = call(conv_parameters, *case)
        weights = in_channels * out_channels * ksize ** 2
        right = weights + out_channels
        if got == right:
            continue
        what = f'conv_parameters{case}'
        if got == weights:
            raise Wrong(f'{what} counts the weights; each output map also has one bias.')
        if got == weights + 1:
            raise Wrong(f'{what} counts one bias in all; each output map has its own.')
        if got == out_channels * ksize ** 2 + out_channels:
            raise Wrong(f'{what} forgets that a filter is 3-D: it spans all input channels.')
        if got == in_channels * out_channels * ksize + out_channels:
            raise Wrong(f'{what} counts ksize weights per filter slice; there are ksize x ksize.')
        raise Wrong(f'{what} gives {got}; wanted {right}.')


@says
def check_error_rates(error_rates):
    """Notebook 07: the share of each true digit that was answered wrongly."""
    confusion = numpy.array([[8, 1, 1], [0, 18, 2], [3, 0, 37]])
    right = 1 - numpy.diag(confusion) / confusion.sum(axis=1)
    expect_array(call(error_rates, confusion), right, [
        (1 - right, 'these are the shares answered rightly; wanted the wrong ones.'),
        (1 - numpy.diag(confusion) / confusion.sum(axis=0),
         'summed over columns: that is the error among equal answers. Rows are the true digits.'),
        (1 - numpy.diag(confusion) / confusion.sum(),
         'divided by all digits; divide by the digits of the row.'),
        (right * confusion.sum(axis=1) / confusion.sum(),
         'divided by all digits; divide by the digits of the row.'),
        (right * confusion.sum(axis=1), 'these are counts; divide by the digits of the row.'),
        (100 * right, 'these are per cent; wanted shares, between 0 and 1.')])


@says
def check_my_cnn(MyCNN):
    """Notebook 07: a CNN of one's own, smaller than the perceptron."""
    model = MyCNN()
    if not isinstance(model, chainer.Chain):
        raise Wrong('MyCNN must be a chainer.Chain.')
    x = numpy.random.default_rng(0).random((4, 1, 28, 28), dtype=numpy.float32)
    calls = []

    class Recorder(chainer.FunctionHook):
        def forward_preprocess(self, function, in_data):
            calls.append(function.label)

    with Recorder():
        y = model(x)
    if y is None:
        raise Waiting
    if not isinstance(y, chainer.Variable):
        raise Wrong(f'forward returns {type(y).__name__}; wanted a Variable, as layers return it: '
                    'without it no gradient comes back.')
    if y.shape != (4, 10):
        raise Wrong(f'for a batch of 4 it returns shape {y.shape}; wanted (4, 10), one logit a class.')
    if numpy.allclose(y.array.sum(axis=1), 1, atol=1e-4) and (y.array >= 0).all():
        raise Wrong('each row sums to 1: leave the softmax out, the loss applies it to the logits.')
    if not any('Convolution' in label for label in calls):
        raise Wrong('there is no convolution in it: use L.Convolution2D.')
    if not any('Pooling' in label for label in calls):
        raise Wrong('there is no pooling in it: use F.max_pooling_2d or F.average_pooling_2d.')
    n_params = model.count_params()
    if n_params == 0:
        raise Wrong('it has no parameters to train: create the layers inside "with self.init_scope():".')
    inside = list(model.children())
    for name, layer in vars(model).items():
        if isinstance(layer, (list, tuple, dict)) and name[0] != '_' and any(
                isinstance(each, chainer.Link) and not any(each is child for child in inside)
                for each in (layer.values() if isinstance(layer, dict) else layer)):
            raise Wrong(f'{name} is a {type(layer).__name__} of layers, and Chainer would not train these: give each '
                        'layer a name of its own.')
        if isinstance(layer, chainer.Link) and not any(layer is child for child in inside):
            raise Wrong(f'{name} is created outside of "with self.init_scope():", so it would not be trained.')
    if n_params >= 266610:
        raise Wrong(f'it has {n_params:,} parameters; wanted fewer than the perceptron, 266,610.')
    model.cleargrads()
    chainer.functions.sum(y ** 2).backward()
    for name, param in model.namedparams():
        if param.grad is None:
            raise Wrong(f'no gradient reaches {name}: is that layer used in forward, with Variables?')
