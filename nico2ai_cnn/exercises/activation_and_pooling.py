"""Notebook 05."""

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


def _maximum(x, ksize, stride, cover_all=False):
    return F.max_pooling_2d(x[None, None], ksize, stride, cover_all=cover_all).array[0, 0]


@says
def check_max_pooling(max_pooling):
    """Notebook 05: max pooling of one map, with the windows that fit inside."""
    rng = numpy.random.default_rng(0)
    for shape, ksize, stride in (((4, 6), 2, 2), ((7, 9), 3, 2), ((7, 5), 2, 2), ((7, 8), 3, 1),
                                 ((8, 5), 1, 2)):
        # Negative numbers too: the edge map of a digit has them before its ReLU.
        x = (rng.permutation(shape[0] * shape[1]).reshape(shape) - 60).astype(numpy.float32)
        right = _maximum(x, ksize, stride)
        height, width = right.shape
        what = f'for a map of {shape}, ksize {ksize}, stride {stride}: '
        try:
            y = call(max_pooling, x.copy(), ksize, stride)
        except ValueError as error:
            if 'inhomogeneous' not in str(error) and 'broadcast' not in str(error) and 'same shape' not in str(error):
                raise
            raise Wrong(f'{what}arrays of different sizes meet ({error}). Are they slices, one for each place in the '
                        'window? Cut each to the number of windows that fit, [:height, :width].') from None
        if getattr(y, 'shape', None) == (shape[0] // stride, shape[1] // stride) != right.shape:
            raise Wrong(f'{what}only windows that fit inside count, (H - ksize) // stride + 1 of them; there are '
                        f'{shape[0] // stride} rows.')
        if isinstance(y, tuple):
            raise Wrong(f'it returns {len(y)} things; wanted the maxima alone.')
        hints = [(F.average_pooling_2d(x[None, None], ksize, stride).array[0, 0],
                  what + 'these are the means of the windows; wanted the maxima.'),
                 (-_maximum(-x, ksize, stride), what + 'these are the smallest numbers; wanted the largest.'),
                 (numpy.zeros_like(right), what + 'there are only zeros, but all numbers in the map are '
                                           'negative. Is the largest number so far 0 at the start?'),
                 (right.T, what + 'rows and columns of the result are swapped.'),
                 (x[::stride, ::stride][:height, :width],
                  what + 'this is the first number of each window; wanted the largest.'),
                 (_maximum(x, ksize, ksize), what + 'the windows lie ksize apart; wanted stride apart.'),
                 (_maximum(x, ksize, 1), what + 'the windows lie 1 apart; wanted stride apart.'),
                 (_maximum(x, stride, stride), what + 'the windows are as wide as the stride; wanted ksize.'),
                 (_maximum(x, ksize, stride, True), what + 'a last window hangs over the edge; wanted only '
                                                           'those that fit inside.'),
                 (right[:-1, :-1], what + 'one row and one column of windows too few.')]
        # A wrong way counts as wrong only where it does not give the right numbers.
        hints = [(value, hint) for value, hint in hints if not numpy.array_equal(value, right)]
        expect_array(y, right, hints)


@says
def check_pooled_shape(pooled_shape):
    """Notebook 05: the shape that F.average_pooling_2d gives, without computing it."""
    for shape, ksize, stride in (((1, 1, 4, 4), 2, 2), ((2, 6, 28, 20), 2, 2), ((1, 3, 5, 5), 2, 2),
                                 ((4, 96, 55, 27), 3, 2), ((3, 8, 9, 12), 3, 1)):
        got = call(pooled_shape, shape, ksize, stride)
        n, d, height, width = shape
        right = F.average_pooling_2d(numpy.zeros(shape, numpy.float32), ksize, stride).shape
        if not isinstance(got, (tuple, list, numpy.ndarray)) or [numpy.ndim(each) for each in got] != [0] * 4:
            raise Wrong(f"it gives {got!r}; wanted four numbers, (N, D, H', W').")
        got = tuple(got)
        if got == right:
            if not all(isinstance(length, (int, numpy.integer)) for length in got):
                raise Wrong(f'it gives {got}: the numbers are right, but a shape is made of integers; '
                            'divide with //.')
            continue
        what = f'for x {shape}, ksize {ksize}, stride {stride} it gives {got}'
        if got == F.max_pooling_2d(numpy.zeros(shape, numpy.float32), ksize, stride).shape:
            raise Wrong(f'{what}: rounded up, as with cover_all. Average pooling rounds down.')
        if got == (n, d, (height - ksize) / stride + 1, (width - ksize) / stride + 1):
            raise Wrong(f'{what}: there are no half pixels; round down.')
        if got == (n, d, (height - ksize) // stride, (width - ksize) // stride):
            raise Wrong(f'{what}: one position too few. A window as wide as the map still fits once.')
        if got == (n, d, height // stride, width // stride):
            raise Wrong(f'{what}: this is H // stride; it leaves out that the window must fit inside.')
        if got[:2] == (n, 1) != (n, d):
            raise Wrong(f'{what}: each map is pooled by itself, so there are as many maps as before.')
        if got == (n, d, right[3], right[2]):
            raise Wrong(f'{what}: height comes before width.')
        raise Wrong(f'{what}; wanted {right}.')


@says
def check_flatten_and_back(flatten_and_back):
    """Notebook 05: a batch of maps to rows and back, as Variables."""
    rng = numpy.random.default_rng(0)
    for shape in (2, 3, 4, 5), (4, 2, 6, 3):
        x = rng.standard_normal(shape, dtype=numpy.float32)
        h = chainer.Variable(x)
        both = call(flatten_and_back, h)
        if not isinstance(both, (tuple, list)) or len(both) != 2:
            raise Wrong('it must return two Variables: the flat one, and the one that is back in shape.')
        if any(each is None for each in both):
            raise Wrong('one of the two is still None.')
        flat, back = both
        if back is h:
            raise Wrong('the second is h itself; wanted the flat one, brought back into shape.')
        n, d, height, width = shape
        expect_array(flat, x.reshape(n, -1), [
            (x.ravel(), f'the batch is flattened too; wanted {n} rows, one per image.'),
            (x.transpose(0, 2, 3, 1).reshape(n, -1),
             'the maps are interleaved, pixel by pixel; wanted map after map.'),
            (x.transpose(0, 1, 3, 2).reshape(n, -1),
             'each map is read column by column; wanted row by row.'),
            (x.reshape(n, d, -1), 'each map is flat, but they still stand apart; wanted one row per image.')])
        expect_array(back, x, [
            (x.reshape(n, d, width, height), 'the way back swaps height and width.'),
            (x.reshape(n, height, width, d), 'the way back puts the maps last; wanted (N, D, H, W).')])
        if not all(isinstance(each, chainer.Variable) for each in (flat, back)):
            raise Wrong('it returns arrays; a Variable in must give Variables out, so that gradients '
                        'can pass.')
        h.cleargrad()
        F.sum(flat * flat).backward()
        through_flat, _ = h.grad, h.cleargrad()
        F.sum(back * back).backward()
        if through_flat is None or h.grad is None:
            raise Wrong('no gradient reaches h: reshape the Variable itself, not its array.')


@says
def check_relu_gradient(relu_gradient):
    """Notebook 05: the gradient that passes a ReLU."""
    rng = numpy.random.default_rng(0)
    x, gy = rng.standard_normal((2, 3, 4), dtype=numpy.float32)
    right = numpy.where(x > 0, gy, 0)
    slope = numpy.where(x > 0, 1, 0)
    expect_array(call(relu_gradient, x.copy(), gy.copy()), right, [
        (slope, 'this is the slope alone; multiply it by gy.'),
        (gy, 'everything passes; where x is negative, the slope is 0.'),
        (numpy.where(x < 0, gy, 0), 'it passes where x is negative; wanted where x is positive.'),
        (numpy.where(gy > 0, gy, 0), 'the sign of gy decides here; it is the sign of x that must.'),
        (numpy.maximum(x, 0), 'this is ReLU itself; wanted the gradient.'),
        (numpy.maximum(x, 0) * gy, 'gy is multiplied by ReLU; multiply it by the slope of ReLU.'),
        (abs(right), 'the sign of gy is lost.')])
    x = numpy.array([-1, 0, 2], numpy.float32)
    at_zero = call(relu_gradient, x, numpy.full(3, 5, numpy.float32))
    expect_array(at_zero, [0, 0, 5], [
        ([0, 5, 5], 'at x = 0 Chainer takes the slope 0, so nothing passes there.')])
