"""What is shown to a cell: bars (as Hubel & Wiesel's) and gratings, around mean grey."""

import numpy

from nico2ai_cnn import _checks


def grating(size, wavelength, angle=0.0, phase=0.0, contrast=1.0):
    """Returns sinusoidal gratings (縞): 0.5 + contrast / 2 · cos(2 pi u / wavelength + phase).

    ``angle`` and ``phase`` are those of :func:`nico2ai_cnn.filters.gabor`, so a Gabor answers most to
    the grating with its own. All arguments but ``size`` may be arrays; they are broadcast.

    Args:
        size (int): Height and width, in pixels.
        wavelength: From bright stripe to bright stripe, in pixels; at least 2, for shorter ones
            cannot be drawn.
        angle: Direction across the stripes, in degrees counter-clockwise from the x axis: 0 gives
            vertical stripes.
        phase: In degrees: 0 puts a bright stripe into the middle of the image.
        contrast: In [0, 1]: 1 goes from black to white.

    Returns:
        numpy.ndarray: float32 in [0, 1], of shape ``(*broadcast, size, size)``.

    Raises:
        ValueError: If ``size`` is not an integer of at least 1, or another argument is out of range.
    """
    wavelength, angle, phase, contrast = _broadcast(
        size, wavelength=wavelength, angle=angle, phase=phase, contrast=contrast)
    _expect('wavelength', wavelength, wavelength >= 2, 'at least 2 pixels')
    _expect('contrast', contrast, (contrast >= 0) & (contrast <= 1), 'in [0, 1]')
    u, _ = _turned(size, angle)
    wave = numpy.cos(2 * numpy.pi * u / wavelength + numpy.deg2rad(phase))
    return (0.5 + contrast / 2 * wave).astype(numpy.float32)


def bar(size, angle=0.0, length=None, width=3.0, shift=0.0, contrast=1.0):
    """Returns bars (棒状の刺激) on grey, such as D. H. Hubel & T. N. Wiesel moved before a cat's eye
    (J. Physiol. 148, 1959); slide 50.

    ``angle`` is that of :func:`grating`, so a bar looks like one stripe of it. All arguments but
    ``size`` may be arrays; they are broadcast. Edges are smooth over one pixel.

    Args:
        size (int): Height and width of the image, in pixels.
        angle: Direction across the bar, in degrees counter-clockwise from the x axis: 0 gives a
            vertical bar, and 30 one whose upper end leans 30 degrees to the left.
        length: Along the bar, in pixels; by default it leaves the image on both sides.
        width: Across the bar, in pixels.
        shift: Of the bar's middle from the image's, across the bar, in pixels; to the right for
            angle 0.
        contrast: In [-1, 1]: 1 is white, -1 black.

    Returns:
        numpy.ndarray: float32 in [0, 1], of shape ``(*broadcast, size, size)``.

    Raises:
        ValueError: If ``size`` is not an integer of at least 1, or another argument is out of range.
    """
    _checks.positive_int('size', size)
    angle, length, width, shift, contrast = _broadcast(
        size, angle=angle, length=3 * size if length is None else length, width=width, shift=shift,
        contrast=contrast)
    for name, value in ('length', length), ('width', width):
        _expect(name, value, value > 0, 'positive')
    _expect('contrast', contrast, abs(contrast) <= 1, 'in [-1, 1]')
    u, v = _turned(size, angle)
    covered = _inside(u - shift, width) * _inside(v, length)
    return (0.5 + contrast / 2 * covered).astype(numpy.float32)


def _inside(distance, width):
    """The share of a pixel at that distance from the middle line of a strip that lies in the strip."""
    right = numpy.minimum(distance + 0.5, width / 2)
    left = numpy.maximum(distance - 0.5, -width / 2)
    return numpy.clip(right - left, 0, 1)


def _turned(size, angle):
    y, x = numpy.mgrid[:size, :size] - (size - 1) / 2
    turn = numpy.deg2rad(angle)
    u = x * numpy.cos(turn) - y * numpy.sin(turn)       # y points down
    return u, x * numpy.sin(turn) + y * numpy.cos(turn)


def _broadcast(size, **arguments):
    """Returns the arguments with one common shape, and two axes behind it for the pixels."""
    _checks.positive_int('size', size)
    values = {}
    for name, value in arguments.items():
        values[name] = numpy.asarray(value)
        if values[name].dtype.kind not in 'iuf':
            raise ValueError(f'{name} must be a number or an array of numbers; got {value!r}')
        _expect(name, values[name], numpy.isfinite(values[name]), 'finite')
    try:
        values = numpy.broadcast_arrays(*values.values())
    except ValueError:
        shapes = ', '.join(f'{name} {value.shape}' for name, value in values.items() if value.ndim)
        raise ValueError(f'these shapes do not go together: {shapes}') from None
    return [value.astype(float)[..., None, None] for value in values]


def _expect(name, value, is_right, what):
    if not is_right.all():
        raise ValueError(f'{name} must be {what}; got {value[~is_right].ravel()[0]:g}')
