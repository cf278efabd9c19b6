"""Smoothing by a Gaussian, rows and columns one after the other."""

import numpy

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import planes
from nico2ai_cnn.cpu._compile import helper, kernel

_PLANES = 'float32[:,:,::1]'


def smooth(x, taps, factor):
    """Returns ``factor`` times x, smoothed; outside of a plane there are zeros.

    Args:
        x (numpy.ndarray): ``(N, C, H, W)``, float32 and contiguous.
        taps (numpy.ndarray): The filter, float32, symmetrical and of odd length; for rows and columns.
        factor (float): What the result is multiplied by.

    Returns:
        numpy.ndarray: As x.
    """
    y = numpy.empty_like(x)
    pool.run(_smooth, x.shape[0] * x.shape[1], planes(x), taps, numpy.float32(factor), planes(y),
             microseconds=x.size * len(taps) / 4_000)
    return y


@helper
def _filter(source, first, step, taps, n, y):
    """Filters n numbers in a row, from ``first`` on, whose neighbours are ``step`` apart."""
    middle = source[first:first + n]
    for j in range(n):
        y[j] = taps[0] * middle[j]
    for k in range(1, len(taps), 3):        # three pairs at a time, for y costs more than they do
        a, b, c = taps[k], taps[k + 1], taps[k + 2]
        left_a, right_a = source[first - k * step:], source[first + k * step:]
        left_b, right_b = source[first - (k + 1) * step:], source[first + (k + 1) * step:]
        left_c, right_c = source[first - (k + 2) * step:], source[first + (k + 2) * step:]
        for j in range(n):
            y[j] += a * (left_a[j] + right_a[j]) + b * (left_b[j] + right_b[j]) + c * (left_c[j] + right_c[j])


@kernel(f'void(int64, int64, {_PLANES}, float32[::1], float32, {_PLANES})')
def _smooth(start, stop, x, taps, factor, y):
    _, height, width = x.shape
    # One side of the taps, as many as make threes, and as many zeros around the plane.
    radius = (len(taps) // 2 + 2) // 3 * 3
    half = numpy.zeros(radius + 1, numpy.float32)
    half[:len(taps) // 2 + 1] = taps[len(taps) // 2:]
    # A plane is worked on as one long row: rows of their own would be too short for vectors.
    across = width + 2 * radius
    above_below = numpy.zeros((height + 2 * radius) * width, numpy.float32)
    between = numpy.empty(height * width, numpy.float32)
    beside = numpy.zeros(height * across, numpy.float32)
    n = height * across - 2 * radius
    result = numpy.empty(n, numpy.float32)
    for plane in range(start, stop):
        for i in range(height):
            above_below[(radius + i) * width:(radius + i + 1) * width] = x[plane, i]
        _filter(above_below, radius * width, width, half, height * width, between)
        for i in range(height):
            beside[i * across + radius:i * across + radius + width] = between[i * width:(i + 1) * width]
        _filter(beside, radius, 1, half, n, result)
        for i in range(height):
            y[plane, i] = factor * result[i * across:i * across + width]
