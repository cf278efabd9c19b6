import numpy as np
import pytest

from nico2ai_cnn import exercises


def convolve(flip=False, add=True, by_stride=True, weigh=True, sign=1):
    """A backward pass in one dimension, right or wrong in one way."""
    def gx_1d(w, gy, stride, size):
        w = (w[::-1] if flip else w) if weigh else np.ones(len(w))
        gx = np.zeros(size)
        for i, error in enumerate(gy):
            start = i * stride if by_stride else i
            gx[start:start + len(w)] = gx[start:start + len(w)] * add + sign * w * error
        return gx
    return gx_1d


def pool(share, offset=True, add=True):
    """``share(window)``: what part of the error each number gets."""
    def max_pooling_backward_1d(x, gy, ksize, stride):
        gx = np.zeros(len(x))
        for i, error in enumerate(gy):
            part = share(x[i * stride:i * stride + ksize]) * error
            for j in np.flatnonzero(part):
                index = j + i * stride * offset
                gx[index] = gx[index] * add + part[j]
        return gx
    return max_pooling_backward_1d


def winner(window):
    return np.eye(len(window))[window.argmax()]


def last_winner(window):
    return winner(window[::-1])[::-1]


def nudged(high, low, divisor, spoil=0):
    """``(f(x + high) - f(x + low)) / divisor``, all times eps."""
    def numerical_gradient(f, x, eps):
        gradient = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            nudge = np.zeros(x.shape)
            nudge[index] = eps
            gradient[index] = (f(x + high * nudge) - f(x + low * nudge)) / divisor(eps)
        x += spoil
        return gradient
    return numerical_gradient


def reduced(how, **keywords):
    return lambda x, gy: (how(x * gy, **keywords), how(gy, **keywords))


every = {'axis': (0, 2, 3)}
def by_rows(f, x, eps):
    gradient = np.zeros(x.shape)
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += eps
        down[i] -= eps
        gradient[i] = (f(up) - f(down)) / (2 * eps)
    return gradient


WRONG = [
    (exercises.check_numerical_gradient, by_rows, 'a whole row is nudged at once'),
    (exercises.check_gx_1d, convolve(add=False), 'a later error overwrites'),
    (exercises.check_gx_1d, convolve(flip=True), 'the filter is turned round'),
    (exercises.check_gx_1d, convolve(by_stride=False), 'the stride is ignored'),
    (exercises.check_gx_1d, convolve(weigh=False), 'without the weights'),
    (exercises.check_gx_1d, convolve(sign=-1), 'the sign'),
    (exercises.check_gx_1d, lambda w, gy, stride, size: np.convolve(gy, w), 'shape (5,); wanted (8,)'),
    (exercises.check_gx_1d, lambda w, gy, stride, size: np.convolve(w, gy, 'valid'), 'wanted (4,)'),
    (exercises.check_gx_1d, lambda w, gy, stride, size: w * gy, 'raised ValueError'),
    (exercises.check_max_pooling_backward_1d, pool(winner, add=False), 'adds up their errors'),
    (exercises.check_max_pooling_backward_1d, pool(winner, offset=False), 'add i * stride'),
    (exercises.check_max_pooling_backward_1d, pool(last_winner), 'the first one wins'),
    (exercises.check_max_pooling_backward_1d, pool(lambda w: w == w.max()), 'equal numbers all get'),
    (exercises.check_max_pooling_backward_1d, pool(lambda w: np.ones(len(w)) / len(w)), 'average pooling'),
    (exercises.check_max_pooling_backward_1d, pool(lambda w: np.ones(len(w))), 'only its largest number'),
    (exercises.check_max_pooling_backward_1d, pool(lambda w: -winner(w)), 'the sign'),
    (exercises.check_max_pooling_backward_1d, pool(lambda w: winner(np.maximum(w, 0))),
     'is the largest so far 0 at the start?'),
    (exercises.check_max_pooling_backward_1d, lambda x, gy, k, s: pool(winner)(x, np.ones(len(gy)), k, s),
     'the winners are marked'),
    (exercises.check_scale_and_shift_gradients, reduced(np.mean, **every), 'scale: this is the mean'),
    (exercises.check_scale_and_shift_gradients, reduced(np.sum), 'each map has its own number'),
    (exercises.check_scale_and_shift_gradients, reduced(np.sum, axis=(2, 3)), 'summed over pixels only'),
    (exercises.check_scale_and_shift_gradients, reduced(np.sum, axis=0), 'summed over images only'),
    (exercises.check_scale_and_shift_gradients, reduced(np.sum, axis=(1, 2, 3)), 'shape (4,); wanted (3,)'),
    (exercises.check_scale_and_shift_gradients, lambda x, gy: reduced(np.sum, **every)(x, gy)[::-1],
     'exchanged'),
    (exercises.check_scale_and_shift_gradients, lambda x, gy: (x.sum(**every), gy.sum(**every)),
     'where are the errors'),
    (exercises.check_scale_and_shift_gradients, lambda x, gy: ((x * gy).sum(**every), gy.mean(**every)),
     'shift: this is the mean'),
    (exercises.check_scale_and_shift_gradients, lambda x, gy: gy.sum(**every), 'wanted two arrays'),
    (exercises.check_scale_and_shift_gradients, lambda x, gy: 0, 'wanted two arrays'),
    (exercises.check_numerical_gradient, nudged(1, 0, lambda eps: eps), 'one side only'),
    (exercises.check_numerical_gradient, nudged(0, -1, lambda eps: eps), 'one side only'),
    (exercises.check_numerical_gradient, nudged(1, -1, lambda eps: eps), 'twice too large'),
    (exercises.check_numerical_gradient, nudged(1, -1, lambda eps: 2), 'divide it by eps as well'),
    (exercises.check_numerical_gradient, nudged(1, -1, lambda eps: 1), 'divide them by 2 * eps'),
    (exercises.check_numerical_gradient, nudged(-1, 1, lambda eps: 2 * eps), 'the sign'),
    (exercises.check_numerical_gradient, nudged(1, -1, lambda eps: 2 * eps, spoil=1), 'x is changed'),
    (exercises.check_numerical_gradient, lambda f, x, eps: (f(x + eps) - f(x - eps)) / (2 * eps),
     'shape (); wanted (4,)'),
    (exercises.check_numerical_gradient, lambda f, x, eps: np.array([f(v) for v in x]),
     'f wants an array of shape (4,), as x; got ()')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out


def test_different_ways_to_nudge_are_right(capsys):
    def in_place(f, x, eps):
        gradient = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            kept = x[index]
            x[index] = kept + eps
            gradient[index] = f(x)
            x[index] = kept - eps
            gradient[index] -= f(x)
            x[index] = kept
        return gradient / (2 * eps)

    def there_and_back(f, x, eps):
        gradient = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            x[index] += eps
            gradient[index] = f(x)
            x[index] -= 2 * eps
            gradient[index] -= f(x)
            x[index] += eps                     # x again, but for rounding
        return gradient / (2 * eps)

    exercises.check_numerical_gradient(in_place)
    exercises.check_numerical_gradient(there_and_back)
    exercises.check_gx_1d(convolve())
    exercises.check_max_pooling_backward_1d(pool(winner))
    exercises.check_scale_and_shift_gradients(reduced(np.sum, **every))
    assert capsys.readouterr().out.count('✓') == 5
