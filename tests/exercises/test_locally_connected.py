import numpy as np
import pytest

from nico2ai_cnn import exercises


def counts(one=1, dense_bias=1, local_bias=1, conv_bias=1, channels=True, maps=True):
    def count_parameters(in_channels, H, W, out_channels, k):
        out = out_channels if maps else 1
        units = out * (H - k + one) * (W - k + one)
        window = (in_channels if channels else 1) * k * k
        return (units * (in_channels * H * W + dense_bias), units * (window + local_bias),
                out * (window + conv_bias))
    return count_parameters


def units(height, width, maps, k):
    return maps * (height - k + 1) * (width - k + 1)


def right_but(i, value):
    """The right counts, but for number i."""
    return lambda *case: tuple(value(*case) if j == i else count for j, count in enumerate(counts()(*case)))


def local(bias=True, own=True, own_bias=True, move=True, turn=False, batch=True, channels=True):
    def local_convolution(x, W, b, stride):
        k = W.shape[-1]
        y = np.zeros((len(x), *W.shape[:3]))
        for o, i, j in np.ndindex(*W.shape[:3]):
            top, left = (i * stride, j * stride) if move else (i, j)
            kernel = W[o, i, j] if own else W[o, 0, 0]
            kernel = kernel[:, ::-1, ::-1] if turn else kernel
            products = x[:, :, top:top + k, left:left + k] * kernel
            y[:, o, i, j] = products.sum((1, 2, 3)) if channels else products[:, 0].sum((1, 2))
            if bias:
                y[:, o, i, j] += b[o, i, j] if own_bias else b[o, 0, 0]
        return y if batch else y[0]
    return local_convolution


def tiled(more=0, swap=False, axes=(1, 2), turn=False, scale=False, only=None):
    def convolution_as_local(W, height, width):
        rows, columns = height - W.shape[-1] + 1 + more, width - W.shape[-1] + 1 + more
        W = W[..., ::-1, ::-1] if turn else W
        W = W / (rows * columns) if scale else W
        if only is not None:
            full = np.zeros((len(W), rows, columns, *W.shape[1:]))
            full[:, only, only] = W
            return full
        for axis, n in zip(axes, (columns, rows) if swap else (rows, columns)):
            W = np.repeat(np.expand_dims(W, axis), n, axis)
        return W
    return convolution_as_local


def at_every_pixel(W, height, width):
    return np.tile(W[:, None, None], (1, height, width, 1, 1, 1))


COUNT, LOCAL, TILED = (exercises.check_count_parameters, exercises.check_local_convolution,
                       exercises.check_convolution_as_local)
def over_images(x, W, b, stride):
    y = local(bias=False)(x, W, b, stride)
    return np.broadcast_to(y.sum(axis=0), y.shape) + b


WRONG = [
    (LOCAL, over_images, 'summed over the images too'),
    (COUNT, counts(one=0), 'one position too few'),
    (COUNT, counts(dense_bias=0), 'the biases are missing, one for each unit'),
    (COUNT, counts(local_bias=0), 'the biases are missing, one for each position'),
    (COUNT, counts(conv_bias=0), 'the biases are missing, one for each map'),
    (COUNT, counts(maps=False), 'that is one map; there are 4'),
    (COUNT, counts(channels=False), 'a window spans all input channels'),
    (COUNT, right_but(0, lambda d, h, w, o, k: units(h, w, o, k) * d * h * w + o), 'each unit has a bias'),
    (COUNT, right_but(0, lambda d, h, w, o, k: o * (d * h * w + 1)), 'each of the units of a map'),
    (COUNT, right_but(0, lambda d, h, w, o, k: units(h, w, o, k) * (h * w + 1)), 'sees all input channels'),
    (COUNT, right_but(1, lambda d, h, w, o, k: o * h * w * (d * k * k + 1)), 'fewer positions than pixels'),
    (COUNT, right_but(1, lambda d, h, w, o, k: units(h, w, o, k) * d * k * k + o), 'each position has a'),
    (COUNT, right_but(2, lambda *case: counts()(*case)[1]), 'its positions share one filter'),
    (COUNT, right_but(2, lambda *case: 7), 'wanted'),
    (COUNT, lambda *case: sum(counts()(*case)), 'wanted three numbers'),
    (LOCAL, local(bias=False), 'the biases are missing'),
    (LOCAL, local(own=False), 'take W[o, i, j]'),
    (LOCAL, local(own_bias=False), 'b[o, i, j]'),
    (LOCAL, local(move=False), 'starts at i * stride'),
    (LOCAL, local(turn=True), '180 degrees'),
    (LOCAL, local(batch=False), 'the batch of 2 images is missing'),
    (LOCAL, local(channels=False), 'the shape is right, but'),
    (LOCAL, lambda x, W, b, stride: x, 'the result has shape'),
    (TILED, at_every_pixel, 'fewer positions than pixels'),
    (TILED, tiled(more=-1), 'one position too few'),
    (TILED, tiled(swap=True), 'rows and columns are swapped'),
    (TILED, tiled(axes=(0, 1)), 'not before it'),
    (TILED, tiled(axes=(2, 3)), 'not behind it'),
    (TILED, tiled(axes=(4, 5)), 'not at the end'),
    (TILED, lambda W, height, width: W, 'no axis for the position'),
    (TILED, tiled(turn=True), '180 degrees'),
    (TILED, tiled(scale=True), 'copy them as they are'),
    (TILED, tiled(only=0), 'only the first position'),
    (TILED, tiled(only=-1), 'only the last position'),
    (TILED, lambda W, height, width: W[0], 'wanted')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗') and message in out
