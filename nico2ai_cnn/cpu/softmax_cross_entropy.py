"""Softmax and cross entropy for one label per example."""

import math

import numpy

from nico2ai_cnn.cpu._compile import kernel


def forward(x, t, ignore_label):
    """Returns the softmax ``(N, C)``, the sum of the losses, and how many labels count.

    Args:
        x (numpy.ndarray): Logits ``(N, C)``, float32 and contiguous.
        t: Labels ``(N,)``, int32.
        ignore_label (int): The label that does not count.

    Returns:
        tuple or None: None if a label is out of range.
    """
    y = numpy.empty(x.shape, 'f')
    total, count = _forward(x, t, ignore_label, y)
    return None if count < 0 else (y, total, count)


def backward(y, t, ignore_label, scale):
    """Returns the gradient ``scale * (y - onehot(t))``, 0 where the label does not count."""
    gx = numpy.empty(y.shape, 'f')
    _backward(y, t, ignore_label, scale, gx)
    return gx


@kernel('Tuple((float64, int64))(float32[:,::1], int32[::1], int64, float32[:,::1])')
def _forward(x, t, ignore_label, y):
    total, count = 0., 0
    for n in range(len(x)):
        largest = x[n, 0]
        for c in range(1, x.shape[1]):
            if x[n, c] > largest or x[n, c] != x[n, c]:
                largest = x[n, c]
        s = numpy.float32(0)
        for c in range(x.shape[1]):
            y[n, c] = math.exp(x[n, c] - largest)
            s += y[n, c]
        for c in range(x.shape[1]):
            y[n, c] /= s
        counts = t[n] != ignore_label
        label = t[n] if counts else 0
        if label < 0 or label >= x.shape[1]:
            return 0., -1
        total -= (x[n, label] - largest - math.log(s)) * counts  # NaN * 0 is NaN, as in Chainer
        count += counts
    return total, count


@kernel('void(float32[:,::1], int32[::1], int64, float32, float32[:,::1])')
def _backward(y, t, ignore_label, scale, gx):
    for n in range(len(y)):
        counts = numpy.float32(0 if t[n] == ignore_label else 1)
        for c in range(y.shape[1]):
            gx[n, c] = (y[n, c] - numpy.float32(1 if c == t[n] else 0)) * counts * scale
