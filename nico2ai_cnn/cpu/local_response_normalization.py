"""AlexNet's normalisation across neighbouring channels (section 3.3 of its paper)."""

import math

import numpy

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import flat
from nico2ai_cnn.cpu._compile import helper, kernel

_BATCH = 'float32[:,:,::1]'
_BLOCK = 1024    # positions at a time, so that their channels stay in the cache


def forward(x, n, k, alpha, beta):
    """Returns y, the sums ``k + alpha * sum(x ** 2)`` and those to the power ``-beta``.

    Args:
        x (numpy.ndarray): ``(N, C, ...)``, float32 and contiguous.
        n (int): How many channels a sum spans.
        k, alpha, beta (float): As in the formula.
    """
    y, sums, scale = (numpy.empty(x.shape, 'f') for _ in range(3))
    pool.run(_forward, len(x), flat(x), n // 2, k, alpha, beta, flat(y), flat(sums),
             flat(scale), microseconds=x.size / 500)
    return y, sums, scale


def backward(x, y, gy, sums, scale, n, alpha, beta):
    """Returns the gradient with respect to x."""
    gx = numpy.empty(x.shape, 'f')
    pool.run(_backward, len(x), flat(x), flat(y), flat(gy), flat(sums), flat(scale),
             n // 2, 2 * alpha * beta, flat(gx), microseconds=x.size / 500)
    return gx


@helper
def _sum_channels(terms, half, c, total):
    """Writes the sum of ``terms`` over the channels next to c into ``total``."""
    for i in range(len(total)):
        total[i] = terms[c, i]
    for other in range(max(0, c - half), min(len(terms), c + half + 1)):
        if other != c:
            for i in range(len(total)):
                total[i] += terms[other, i]


@kernel(f'void(int64, int64, {_BATCH}, int64, float32, float32, float32, '
        f'{_BATCH}, {_BATCH}, {_BATCH})')
def _forward(start, stop, x, half, k, alpha, beta, y, sums, scale):
    n_channel, n_position = x.shape[1:]
    block = min(_BLOCK, n_position)
    squares_memory = numpy.empty((n_channel, block), numpy.float32)
    total_memory = numpy.empty(block, numpy.float32)
    for n in range(start, stop):
        for low in range(0, n_position, block):
            high = min(n_position, low + block)
            squares, total = squares_memory[:, :high - low], total_memory[:high - low]
            for c in range(n_channel):
                values = x[n, c, low:high]
                for i in range(len(total)):
                    squares[c, i] = values[i] * values[i]
            for c in range(n_channel):
                _sum_channels(squares, half, c, total)
                values, to = x[n, c, low:high], y[n, c, low:high]
                sum_, scale_ = sums[n, c, low:high], scale[n, c, low:high]
                for i in range(len(total)):
                    sum_[i] = k + alpha * total[i]
                if beta == numpy.float32(0.75):
                    for i in range(len(total)):
                        root = math.sqrt(sum_[i])
                        scale_[i] = numpy.float32(1) / (root * math.sqrt(root))
                else:
                    for i in range(len(total)):
                        scale_[i] = sum_[i] ** -beta
                for i in range(len(total)):
                    to[i] = values[i] * scale_[i]


@kernel(f'void(int64, int64, {_BATCH}, {_BATCH}, {_BATCH}, {_BATCH}, {_BATCH}, '
        f'int64, float32, {_BATCH})')
def _backward(start, stop, x, y, gy, sums, scale, half, factor, gx):
    n_channel, n_position = x.shape[1:]
    block = min(_BLOCK, n_position)
    terms_memory = numpy.empty((n_channel, block), numpy.float32)
    total_memory = numpy.empty(block, numpy.float32)
    for n in range(start, stop):
        for low in range(0, n_position, block):
            high = min(n_position, low + block)
            terms, total = terms_memory[:, :high - low], total_memory[:high - low]
            for c in range(n_channel):
                of, g, sum_ = y[n, c, low:high], gy[n, c, low:high], sums[n, c, low:high]
                for i in range(len(total)):
                    terms[c, i] = of[i] * g[i] / sum_[i]
            for c in range(n_channel):
                _sum_channels(terms, half, c, total)
                values, g, to = x[n, c, low:high], gy[n, c, low:high], gx[n, c, low:high]
                scale_ = scale[n, c, low:high]
                for i in range(len(total)):
                    to[i] = g[i] * scale_[i] - factor * values[i] * total[i]
