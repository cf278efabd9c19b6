"""Noise that a Gaussian has smoothed, rows and columns one after the other."""

import numpy
from numba import float32

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import planes
from nico2ai_cnn.cpu._compile import helper, kernel


def smooth_noise(noise, taps, factor):
    """Returns ``factor`` times noise between -1 and 1, smoothed; outside of a plane there are zeros.

    Args:
        noise (numpy.ndarray): ``(N, C, H, W)``, uint16 and contiguous: 0 stands for -1, 65535 for 1.
        taps (numpy.ndarray): The filter, float32, symmetrical and of odd length; for rows and columns.
        factor (float): What the result is multiplied by.

    Returns:
        numpy.ndarray: float32, as ``noise``.
    """
    y = numpy.empty(noise.shape, 'f')
    pool.run(_smooth, noise.shape[0] * noise.shape[1], planes(noise), taps, numpy.float32(factor), planes(y),
             microseconds=y.size * len(taps) / 4_000)
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


@kernel('void(int64, int64, uint16[:,:,::1], float32[::1], float32, float32[:,:,::1])')
def _smooth(start, stop, noise, taps, factor, y):
    _, height, width = noise.shape
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
            row, line = noise[plane, i], above_below[(radius + i) * width:(radius + i + 1) * width]
            for j in range(width):
                line[j] = float32(row[j]) * float32(2 / 65535) - float32(1)
        _filter(above_below, radius * width, width, half, height * width, between)
        for i in range(height):
            beside[i * across + radius:i * across + radius + width] = between[i * width:(i + 1) * width]
        _filter(beside, radius, 1, half, n, result)
        for i in range(height):
            y[plane, i] = factor * result[i * across:i * across + width]
