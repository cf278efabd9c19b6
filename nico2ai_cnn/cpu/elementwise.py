"""ReLU and dropout: one pass over the numbers each."""

import numpy

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._compile import kernel

_LINE = 'float32[::1]'


def relu(x):
    """Returns ``max(x, 0)``; NaN stays NaN."""
    y = numpy.empty(x.shape, 'f')
    pool.run(_relu, x.size, x.reshape(-1), y.reshape(-1), microseconds=x.size / 8_000)
    return y


def grad_relu(y, gy):
    """Returns ``gy`` where the ReLU's output y is positive, times 0 elsewhere."""
    gx = numpy.empty(gy.shape, 'f')
    pool.run(_grad_relu, gy.size, y.reshape(-1), gy.reshape(-1), gx.reshape(-1),
             microseconds=gy.size / 8_000)
    return gx


def dropout(x, random, ratio, scale):
    """Returns y and the mask, which is ``scale`` where ``random`` is at least ``ratio``.

    Args:
        x (numpy.ndarray): Any shape, float32 and contiguous.
        random: The same shape, float64 in [0, 1).
        ratio (float): How much is dropped.
        scale (float): What the rest is multiplied with.
    """
    y, mask = numpy.empty(x.shape, 'f'), numpy.empty(x.shape, 'f')
    pool.run(_dropout, x.size, x.reshape(-1), random.reshape(-1), ratio, scale,
             y.reshape(-1), mask.reshape(-1), microseconds=x.size / 8_000)
    return y, mask


def multiply(a, b):
    """Returns the product of two arrays of one shape, element by element."""
    c = numpy.empty(a.shape, 'f')
    pool.run(_multiply, a.size, a.reshape(-1), b.reshape(-1), c.reshape(-1),
             microseconds=a.size / 8_000)
    return c


@kernel(f'void(int64, int64, {_LINE}, {_LINE})')
def _relu(start, stop, x, y):
    x, y = x[start:stop], y[start:stop]
    for i in range(len(x)):
        y[i] = numpy.float32(0) if x[i] <= 0 else x[i]


@kernel(f'void(int64, int64, {_LINE}, {_LINE}, {_LINE})')
def _grad_relu(start, stop, y, gy, gx):
    y, gy, gx = y[start:stop], gy[start:stop], gx[start:stop]
    for i in range(len(y)):
        gx[i] = gy[i] * numpy.float32(1 if y[i] > 0 else 0)


@kernel(f'void(int64, int64, {_LINE}, float64[::1], float64, float32, {_LINE}, {_LINE})')
def _dropout(start, stop, x, random, ratio, scale, y, mask):
    x, random, y, mask = x[start:stop], random[start:stop], y[start:stop], mask[start:stop]
    for i in range(len(x)):
        mask[i] = scale if random[i] >= ratio else numpy.float32(0)
        y[i] = x[i] * mask[i]


@kernel(f'void(int64, int64, {_LINE}, {_LINE}, {_LINE})')
def _multiply(start, stop, a, b, c):
    a, b, c = a[start:stop], b[start:stop], c[start:stop]
    for i in range(len(a)):
        c[i] = a[i] * b[i]
