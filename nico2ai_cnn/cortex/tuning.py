"""Orientation selectivity (傾き選択性): tuning curves, and their two numbers."""

import typing

import numpy

from nico2ai_cnn import _checks
from nico2ai_cnn.cortex.cells import responses
from nico2ai_cnn.cortex.stimuli import grating
from nico2ai_cnn.transforms._batch import in_memory

_LARGEST_GAP = 30       # degrees; what lies in a larger gap between two angles, nobody has measured


class Tuning(typing.NamedTuple):
    """What a tuning curve is summed up by."""

    preferred: float
    """The angle of the strongest response, in degrees."""
    half_width: float
    """From there to half of that response, in degrees: the mean of both sides. NaN where the curve
    does not fall that low, or was not measured there."""
    peak: float
    """The strongest response."""


def tuning_curve(cell, angles, size, wavelength, n_phase=24):
    """Shows gratings at each angle and returns the strongest response over their phases.

    Args:
        cell: A filter ``(size, size)``, or a function of images, as for :func:`responses`.
        angles: Degrees, 1-D, as of :func:`grating`.
        size (int): Height and width of the images.
        wavelength (float): Of the gratings, in pixels.
        n_phase (int): How many phases are shown.

    Returns:
        numpy.ndarray: ``(n_angle,)``; ``(n_angle, n_cell)`` if ``cell`` returns several rates. A CPU
        array: the gratings are, and a function for a GPU sends them there.

    Raises:
        ValueError: If an argument is unusable; the message says which.
    """
    _checks.positive_int('n_phase', n_phase)
    angles = _angles(angles, 1)
    phases = numpy.arange(n_phase) * 360 / n_phase
    images = grating(size, wavelength, angles[:, None], phases)
    return in_memory(responses(cell, images), float).max(axis=1)


def measure_tuning(angles, rates):
    """Returns preferred angle and half-width at half-height of a tuning curve.

    Angles are periodic: a bar turned by 180 degrees is the same bar. A parabola through the largest
    rate and its neighbours gives the peak; straight lines between angles give where half of it is reached.

    Args:
        angles: ``(n,)`` degrees, at least 3; in any order, over the half circle or a part of it.
        rates: ``(n,)`` responses; their scale does not matter, zero is the height of a cell at rest.

    Returns:
        Tuning: Preferred angle (within the range of ``angles``, or next to it), half-width and peak.

    Raises:
        ValueError: If shapes differ, an angle comes twice, the rates are constant or none is positive.
    """
    angles = _angles(angles, 3)
    rates = in_memory(rates, float)
    if rates.shape != angles.shape:
        raise ValueError(f'rates must have the shape of angles, {angles.shape}; got {rates.shape}')
    if not numpy.isfinite(rates).all():
        raise ValueError('rates holds NaN or infinity')
    if rates.max() <= 0:
        raise ValueError(f'rates must have a positive peak; the largest is {rates.max():g}')
    if rates.max() - rates.min() <= 1e-6 * rates.max():
        raise ValueError(f'rates are {rates.max():g} at all angles: no angle is preferred')
    order = numpy.argsort(angles)
    angles, rates = angles[order], rates[order]
    n = len(angles)
    angles = numpy.concatenate([angles - 180, angles, angles + 180])
    rates = numpy.tile(rates, 3)
    if (numpy.diff(angles) < 1e-6).any():
        raise ValueError('angles holds one bar twice; 180 degrees apart it is the same bar')
    middle = n + int(rates[n:2 * n].argmax())
    preferred, peak = _vertex(angles[middle - 1:middle + 2], rates[middle - 1:middle + 2])
    sides = [_to_half(angles[middle:] - preferred, rates[middle:], peak / 2),
             _to_half(preferred - angles[middle::-1], rates[middle::-1], peak / 2)]
    return Tuning(float(preferred), float(numpy.mean(sides)), float(peak))


def _vertex(angles, rates):
    """Returns where and how high the top of the parabola through three points is; the middle one is the highest."""
    if numpy.diff(angles).max() > _LARGEST_GAP:
        return angles[1], rates[1]
    a, b, _ = numpy.polyfit(angles - angles[1], rates, 2)
    if a >= 0:      # two or three of equal height
        return angles[1], rates[1]
    return angles[1] - b / (2 * a), rates[1] - b ** 2 / (4 * a)


def _to_half(distances, rates, half):
    """Returns the distance at which the rates first fall to ``half``, or NaN."""
    for i in range(1, len(rates)):
        if distances[i] - distances[i - 1] > _LARGEST_GAP or distances[i - 1] > 90:
            break
        if rates[i] <= half:
            start, end = max(distances[i - 1], 0), distances[i]
            return start + (end - start) * (rates[i - 1] - half) / (rates[i - 1] - rates[i])
    return numpy.nan


def _angles(angles, least):
    angles = in_memory(angles, float)
    if angles.ndim != 1 or len(angles) < least:
        raise ValueError(f'angles must be at least {least} numbers, 1-D; got shape {angles.shape}')
    if not numpy.isfinite(angles).all():
        raise ValueError('angles holds NaN or infinity')
    return angles
