import functools

import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import exercises


def pool(x, ksize, stride, cover_all=False):
    return F.max_pooling_2d(x[None, None], ksize, stride, cover_all=cover_all).array[0, 0]


def average(x, ksize, stride):
    return F.average_pooling_2d(x[None, None], ksize, stride).array[0, 0]


def first_pixels(x, ksize, stride):
    height, width = pool(x, ksize, stride).shape
    return x[::stride, ::stride][:height, :width]


def shape(x, ksize, stride):
    return x[0], x[1], (x[2] - ksize) // stride + 1, (x[3] - ksize) // stride + 1


def rows(h):
    return F.reshape(h, (len(h), -1))


def there_and_back(h, flat=None, back=None):
    return rows(h) if flat is None else flat, h + 0 if back is None else back


def detached(h):
    return chainer.Variable(h.array)


WRONG = [
    (exercises.check_max_pooling,
     lambda x, k, s: np.max([x[i::s, j::s] for i in range(k) for j in range(k)], axis=0), 'Cut each to the number'),
    (exercises.check_max_pooling,
     lambda x, k, s: functools.reduce(np.maximum, [x[i::s, j::s] for i in range(k) for j in range(k)]), 'Cut each to the number'),
    (exercises.check_max_pooling, average, 'these are the means'),
    (exercises.check_max_pooling, lambda x, k, s: -pool(-x, k, s), 'these are the smallest'),
    (exercises.check_max_pooling,
     lambda x, k, s: np.maximum(0, pool(x, k, s)), 'Is the largest number so far 0'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, k, s).T, 'are swapped'),
    (exercises.check_max_pooling, first_pixels, 'this is the first number'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, k, k), 'the windows lie ksize apart'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, k, 1), 'the windows lie 1 apart'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, s, s), 'as wide as the stride'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, k, s, True), 'a last window hangs over'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, k, s)[:-1, :-1], 'one row and one column'),
    (exercises.check_max_pooling, lambda x, k, s: (pool(x, k, s), 0), 'it returns 2 things'),
    (exercises.check_max_pooling, lambda x, k, s: pool(x, k, s)[None], 'has shape (1, 2, 3); wanted (2, 3)'),
    (exercises.check_pooled_shape,
     lambda x, k, s: (x[0], x[1], -(-(x[2] - k) // s) + 1, -(-(x[3] - k) // s) + 1),
     'rounded up, as with cover_all'),
    (exercises.check_pooled_shape, lambda x, k, s: (x[0], x[1], (x[2] - k) / s + 1, (x[3] - k) / s + 1),
     'divide with //'),
    (exercises.check_pooled_shape, lambda x, k, s: (
        x[0], x[1], *(int(n) if n % 1 == 0 else n for n in ((x[2] - k) / s + 1, (x[3] - k) / s + 1))),
     'there are no half pixels'),
    (exercises.check_pooled_shape, lambda x, k, s: (x[0], x[1], (x[2] - k) // s, (x[3] - k) // s),
     'one position too few'),
    (exercises.check_pooled_shape, lambda x, k, s: (x[0], x[1], x[2] // s, x[3] // s), 'this is H // stride'),
    (exercises.check_pooled_shape, lambda x, k, s: (x[0], 1, *shape(x, k, s)[2:]), 'pooled by itself'),
    (exercises.check_pooled_shape,
     lambda x, k, s: (x[0], x[1], *shape(x, k, s)[:1:-1]), 'height comes before'),
    (exercises.check_pooled_shape, lambda x, k, s: shape(x, k, s)[2:], 'wanted four numbers'),
    (exercises.check_pooled_shape, lambda x, k, s: (*shape(x, k, s)[:2], shape(x, k, s)[2:]),
     'it gives (1, 1, (2, 2)); wanted four numbers'),
    (exercises.check_pooled_shape, lambda x, k, s: 4, 'it gives 4; wanted four numbers'),
    (exercises.check_pooled_shape, lambda x, k, s: (1, 1, 2, 2), 'wanted (2, 6, 14, 10)'),
    (exercises.check_flatten_and_back,
     lambda h: there_and_back(h, F.flatten(h)), 'the batch is flattened too'),
    (exercises.check_flatten_and_back,
     lambda h: there_and_back(h, rows(h.transpose(0, 2, 3, 1))), 'interleaved'),
    (exercises.check_flatten_and_back, lambda h: there_and_back(h, rows(h.transpose(0, 1, 3, 2))),
     'column by column'),
    (exercises.check_flatten_and_back, lambda h: there_and_back(h, F.reshape(h, (*h.shape[:2], -1))),
     'they still stand apart'),
    (exercises.check_flatten_and_back,
     lambda h: there_and_back(h, back=F.reshape(h, (*h.shape[:2], h.shape[3], h.shape[2]))),
     'swaps height and width'),
    (exercises.check_flatten_and_back,
     lambda h: there_and_back(h, back=F.reshape(h, (len(h), *h.shape[2:], h.shape[1]))),
     'puts the maps last'),
    (exercises.check_flatten_and_back, lambda h: there_and_back(h, rows(h).array), 'it returns arrays'),
    (exercises.check_flatten_and_back,
     lambda h: there_and_back(h, rows(detached(h))), 'no gradient reaches h'),
    (exercises.check_flatten_and_back,
     lambda h: there_and_back(h, back=detached(h)), 'no gradient reaches h'),
    (exercises.check_flatten_and_back, rows, 'must return two Variables'),
    (exercises.check_flatten_and_back, lambda h: (rows(h), None), 'still None'),
    (exercises.check_flatten_and_back, lambda h: (rows(h), h), 'the second is h itself'),
    (exercises.check_relu_gradient, lambda x, gy: x > 0, 'this is the slope alone'),
    (exercises.check_relu_gradient, lambda x, gy: gy, 'everything passes'),
    (exercises.check_relu_gradient, lambda x, gy: gy * (x < 0), 'it passes where x is negative'),
    (exercises.check_relu_gradient, lambda x, gy: gy * (gy > 0), 'the sign of gy decides'),
    (exercises.check_relu_gradient, lambda x, gy: np.maximum(x, 0), 'this is ReLU itself'),
    (exercises.check_relu_gradient, lambda x, gy: np.maximum(x, 0) * gy, 'multiplied by ReLU'),
    (exercises.check_relu_gradient, lambda x, gy: abs(gy) * (x > 0), 'the sign of gy is lost'),
    (exercises.check_relu_gradient, lambda x, gy: gy * (x >= 0), 'at x = 0 Chainer takes'),
    (exercises.check_relu_gradient, lambda x, gy: (gy * (x > 0)).T, 'has shape (4, 3); wanted (3, 4)')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out


def windows_one_by_one(x, ksize, stride):
    """Another right answer than the worked one, with Python numbers in lists."""
    height, width = ((length - ksize) // stride + 1 for length in x.shape)
    return [[max(x[r * stride + i][c * stride + j] for i in range(ksize) for j in range(ksize))
             for c in range(width)] for r in range(height)]


@pytest.mark.parametrize('check, answer', [
    (exercises.check_max_pooling, windows_one_by_one),
    (exercises.check_pooled_shape, lambda x, k, s: list(shape(x, k, s))),
    (exercises.check_pooled_shape, lambda x, k, s: np.array(shape(x, k, s))),
    (exercises.check_flatten_and_back, lambda h: [rows(h), rows(h).reshape(h.shape)]),
    (exercises.check_relu_gradient, lambda x, gy: np.where(x > 0, gy, 0))])
def test_other_right_answers(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith('✓ ')
