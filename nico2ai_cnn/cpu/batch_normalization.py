"""Batch normalisation over (N, H, W), or over N, of a float32 batch."""

import math

import numpy

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import flat
from nico2ai_cnn.cpu._compile import kernel

_BATCH = 'float32[:,:,::1]'
_LINE = 'float32[::1]'
_RUN = 1024     # numbers of one map, at most, that forward sums up in float32, which is faster; their sums in float64


def forward(x, gamma, beta, eps):
    """Returns y like x, and mean, variance and 1 / standard deviation per channel ``(C,)``.

    Args:
        x (numpy.ndarray): ``(N, C, H, W)`` or ``(N, C)``, contiguous.
        gamma, beta: ``(C,)``.
        eps (float): Added to the variance.
    """
    y = numpy.empty(x.shape, 'f')
    mean, var, inv_std = (numpy.empty(gamma.shape, 'f') for _ in range(3))
    pool.run(_forward, len(gamma), flat(x), gamma, beta, eps, flat(y), mean, var, inv_std,
             microseconds=x.size / 2_000)
    return y, mean, var, inv_std


def fixed(x, gamma, beta, mean, inv_std):
    """Returns y like x, for a mean and a standard deviation that are known: the form of test mode."""
    y = numpy.empty(x.shape, 'f')
    pool.run(_fixed, x.shape[0] * x.shape[1], flat(x), gamma, beta, mean, inv_std, flat(y),
             microseconds=x.size / 8_000)
    return y


def backward(x, gamma, gy, mean, inv_std):
    """Returns the gradients with respect to x, gamma and beta."""
    gx = numpy.empty(x.shape, 'f')
    ggamma, gbeta = numpy.empty(gamma.shape, 'f'), numpy.empty(gamma.shape, 'f')
    pool.run(_backward, len(gamma), flat(x), gamma, flat(gy), mean, inv_std, flat(gx),
             ggamma, gbeta, microseconds=x.size / 2_000)
    return gx, ggamma, gbeta


@kernel(f'void(int64, int64, {_BATCH}, {_LINE}, {_LINE}, float64, {_BATCH}, '
        f'{_LINE}, {_LINE}, {_LINE})', fastmath={'contract', 'reassoc'})
def _forward(start, stop, x, gamma, beta, eps, y, mean, var, inv_std):
    n_value = x.shape[0] * x.shape[2]
    for c in range(start, stop):
        # Distances from one of the numbers lose nothing where all are large, or equal.
        first = x[0, c, 0] if math.isfinite(x[0, c, 0]) else numpy.float32(0)
        total = 0.
        if x.shape[2] == 1:
            for n in range(len(x)):
                total += x[n, c, 0] - first
        for n in range(len(x) if x.shape[2] > 1 else 0):
            of = x[n, c]
            for low in range(0, len(of), _RUN):
                part = numpy.float32(0)
                for i in range(low, min(low + _RUN, len(of))):
                    part += of[i] - first
                total += part
        exact = first + total / n_value
        average = numpy.float32(exact)
        total = 0.
        for n in range(len(x)):
            of = x[n, c]
            for low in range(0, len(of), _RUN):
                part = numpy.float32(0)
                for i in range(low, min(low + _RUN, len(of))):
                    part += (of[i] - average) ** 2
                total += part
        variance = total / n_value - (exact - average) ** 2
        mean[c], var[c] = average, 0 if variance < 0 else variance      # NaN stays
        inv_std[c] = 1 / math.sqrt(var[c] + eps)
        factor = gamma[c] * inv_std[c]
        for n in range(len(x)):
            of, to = x[n, c], y[n, c]
            for i in range(len(of)):
                to[i] = (of[i] - mean[c]) * factor + beta[c]


@kernel(f'void(int64, int64, {_BATCH}, {_LINE}, {_LINE}, {_LINE}, {_LINE}, {_BATCH})')
def _fixed(start, stop, x, gamma, beta, mean, inv_std, y):
    for item in range(start, stop):
        n, c = divmod(item, x.shape[1])
        factor, middle, shift = gamma[c] * inv_std[c], mean[c], beta[c]
        of, to = x[n, c], y[n, c]
        for i in range(len(of)):
            to[i] = (of[i] - middle) * factor + shift


@kernel(f'void(int64, int64, {_BATCH}, {_LINE}, {_BATCH}, {_LINE}, {_LINE}, {_BATCH}, '
        f'{_LINE}, {_LINE})', fastmath={'contract', 'reassoc'})
def _backward(start, stop, x, gamma, gy, mean, inv_std, gx, ggamma, gbeta):
    n_value = x.shape[0] * x.shape[2]
    for c in range(start, stop):
        total, total_hat = 0., 0.
        for n in range(len(x)):
            values, g = x[n, c], gy[n, c]
            for i in range(len(g)):
                total += g[i]
                total_hat += g[i] * (values[i] - mean[c])
        ggamma[c], gbeta[c] = total_hat * inv_std[c], total
        shift = numpy.float32(total / n_value)
        slope = numpy.float32(total_hat * inv_std[c] * inv_std[c] / n_value)
        factor = gamma[c] * inv_std[c]
        for n in range(len(x)):
            values, g, to = x[n, c], gy[n, c], gx[n, c]
            for i in range(len(g)):
                to[i] = factor * (g[i] - shift - (values[i] - mean[c]) * slope)
