"""Notebook 06."""

import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


def _paste(size, pieces, places, add=True):
    """Returns zeros with each piece added at its place, or laid over what is there."""
    result = numpy.zeros(size)
    for piece, place in zip(pieces, places):
        room = result[place:place + len(piece)]
        room[:] = room + piece[:len(room)] if add else piece[:len(room)]
    return result


@says
def check_gx_1d(gx_1d):
    """Notebook 06: the errors of the input of a one-dimensional convolution."""
    rng = numpy.random.default_rng(0)
    for k, stride, size in (2, 1, 4), (3, 1, 7), (3, 2, 8), (2, 3, 8):
        w = rng.integers(1, 9, k).astype(float)
        gy = rng.integers(1, 9, (size - k) // stride + 1).astype(float)
        starts = range(0, len(gy) * stride, stride)
        pieces = [w * error for error in gy]
        right = _paste(size, pieces, starts)
        hints = [
            (_paste(size, pieces, starts, add=False),
             'windows overlap, and a later error overwrites an earlier one: add with +=.'),
            (_paste(size, [w[::-1] * error for error in gy], starts),
             'the filter is turned round: each pixel gets the error times the weight that it met.'),
            (_paste(size, pieces, range(len(gy))), 'the stride is ignored: window i starts at i * stride.'),
            (_paste(size, [numpy.ones(k) * error for error in gy], starts),
             'the errors are added up without the weights.'),
            (-right, 'the sign is the wrong way round.')]
        # A hint is one only where it differs from the right answer (stride 1, no overlap, …).
        expect_array(call(gx_1d, w.copy(), gy.copy(), stride, size), right,
                     [(value, hint) for value, hint in hints if not numpy.allclose(value, right)])


@says
def check_max_pooling_backward_1d(max_pooling_backward_1d):
    """Notebook 06: the errors of the input of a one-dimensional max pooling."""
    for x, ksize, stride in (([3, 1, 2, 5, 0, 4], 2, 2), ([1, 7, 2, 4, 9, 3, 5], 3, 2),
                             ([2, 2, 1, 3, 3, 3], 3, 3), ([5, 1, 8, 8, 6, 0], 3, 1),
                             ([-4, -1, -3, -2, -6, -5], 2, 2)):
        x = numpy.array(x, float)
        gy = numpy.arange(2., (len(x) - ksize) // stride + 3)
        starts = range(0, len(gy) * stride, stride)
        windows = [x[start:start + ksize] for start in starts]
        first = [numpy.eye(ksize)[window.argmax()] for window in windows]
        last = [numpy.eye(ksize)[ksize - 1 - window[::-1].argmax()] for window in windows]
        right = _paste(len(x), [a * b for a, b in zip(first, gy)], starts)
        hints = [
            (_winners_overwrite(x, gy, ksize, stride),
             'a number that wins in several windows adds up their errors: use +=.'),
            (_paste(len(x), first, starts), 'the winners are marked; each gets the error of its output.'),
            (_paste(len(x), [a * b for a, b in zip(last, gy)], starts),
             'of equal numbers the first one wins, as argmax decides.'),
            (_paste(len(x), [(window == window.max()) * error for window, error in zip(windows, gy)], starts),
             'equal numbers all get the error; only the first one of them does.'),
            (_paste(len(x), [numpy.ones(ksize) / ksize * error for error in gy], starts),
             'the error is spread evenly: that is average pooling.'),
            (_paste(len(x), [numpy.ones(ksize) * error for error in gy], starts),
             'all of the window get the error; only its largest number does.'),
            (_paste(len(x), [a * b for a, b in zip(first, gy)], [0] * len(gy)),
             "argmax counts from the window's start: add i * stride."),
            (_paste(len(x), [numpy.eye(ksize)[0] * error for error in gy], starts),
             'the first number of each window gets the error. Where all numbers are negative: is the largest '
             'so far 0 at the start?'),
            (-right, 'the sign is the wrong way round.')]
        expect_array(call(max_pooling_backward_1d, x.copy(), gy.copy(), ksize, stride), right,
                     [(value, hint) for value, hint in hints if not numpy.allclose(value, right)])


def _winners_overwrite(x, gy, ksize, stride):
    result = numpy.zeros(len(x))
    for i, error in enumerate(gy):
        result[i * stride + x[i * stride:i * stride + ksize].argmax()] = error
    return result


@says
def check_scale_and_shift_gradients(scale_and_shift_gradients):
    """Notebook 06: the gradients of a scale and a shift per map."""
    rng = numpy.random.default_rng(0)
    x, gy = rng.standard_normal((2, 4, 3, 5, 6))
    got = call(scale_and_shift_gradients, x.copy(), gy.copy())
    if not isinstance(got, (tuple, list, numpy.ndarray)) or len(got) != 2:
        raise Wrong('wanted two arrays: return scale_gradient, shift_gradient.')
    right = {'scale': (gy * x).sum(axis=(0, 2, 3)), 'shift': gy.sum(axis=(0, 2, 3))}
    pair = numpy.stack(list(right.values()))
    if numpy.shape(got[0]) == numpy.shape(got[1]) == (3,) and numpy.allclose(got, pair[::-1]):
        raise Wrong('the two are exchanged: the gradient of scale comes first.')
    for given, (name, wanted), terms in zip(got, right.items(), (gy * x, gy)):
        try:
            expect_array(given, wanted, [
                (terms.mean(axis=(0, 2, 3)), 'this is the mean; errors are added, so wanted the sum.'),
                (terms.sum(axis=(2, 3)), 'this is summed over pixels only; all images of the batch share '
                                         'the number, so sum over them as well.'),
                (terms.sum(), 'this is summed over everything; each map has its own number.'),
                (terms.sum(axis=0), 'this is summed over images only; all pixels of a map share the number.'),
                (x.sum(axis=(0, 2, 3)), 'these are sums of x; where are the errors, gy?')])
        except Wrong as wrong:
            raise Wrong(f'gradient of {name}: {wrong}') from None


@says
def check_numerical_gradient(numerical_gradient):
    """Notebook 06: a gradient by finite differences."""
    rng = numpy.random.default_rng(0)
    for shape in (4,), (2, 3), (2, 1, 2):
        x = rng.uniform(0.5, 2, shape)
        weights = rng.uniform(1, 2, shape)
        eps = 0.25      # large, so that the kinds of difference can be told apart

        def f(v):
            if numpy.shape(v) != shape:
                raise ValueError(f'f wants an array of shape {shape}, as x; got {numpy.shape(v)}')
            return float((weights * v ** 3).sum())

        def at(nudge):
            return weights * (x + nudge) ** 3

        right = (at(eps) - at(-eps)) / (2 * eps)
        given = x.copy()
        expect_array(call(numerical_gradient, f, given, eps), right, [
            ((at(eps) - at(0)) / eps, 'nudged to one side only: use f at +eps and at -eps.'),
            ((at(0) - at(-eps)) / eps, 'nudged to one side only: use f at +eps and at -eps.'),
            (numpy.broadcast_to(right.sum(axis=tuple(range(1, right.ndim)), keepdims=True), shape),
             'a whole row is nudged at once: go through all numbers one by one, np.ndindex(x.shape).'),
            ((at(eps) - at(-eps)) / eps, 'twice too large: the two points are 2 * eps apart.'),
            ((at(eps) - at(-eps)) / 2, 'this is half the difference; divide it by eps as well.'),
            (at(eps) - at(-eps), 'these are differences; divide them by 2 * eps.'),
            (-right, 'the sign is the wrong way round: f at +eps minus f at -eps.')])
        # To take eps off again leaves x right but for rounding, and that is putting it back.
        if not numpy.allclose(given, x, rtol=1e-9):
            raise Wrong('the values are right, but x is changed afterwards: nudge a copy, or put it back.')
