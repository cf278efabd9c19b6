"""Named filter kernels (フィルタ), float32 and 2-D, to be slid over grey images.

They are written as they are applied: CNNs multiply the window with the filter as it
stands (cross-correlation, 相互相関), without turning it round first.
"""

import numpy

from nico2ai_cnn import _checks


def _kernel(rows):
    # A copy that cannot be written to: it is shared by whoever imports it.
    kernel = numpy.array(rows, numpy.float32)
    kernel.flags.writeable = False
    return kernel


def _check_odd(ksize):
    _checks.positive_int('ksize', ksize)
    if ksize % 2 == 0:
        raise ValueError(f'ksize must be odd, so that the filter has a middle pixel; got {ksize}')


def _check_positive(name, value):
    if not (_checks.is_number(value) and value > 0):
        raise ValueError(f'{name} must be a positive number; got {value!r}')


LAPLACIAN = _kernel([[1, 1, 1], [1, -8, 1], [1, 1, 1]])
"""Slides 10 and 12: how much a pixel's eight neighbours differ from it."""

LAPLACIAN_4 = _kernel([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
"""The same from four neighbours: second differences down plus across."""

DIFFERENCE_X = _kernel([[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]])
"""Slide 11: half of (right neighbour minus left), the central difference."""

DIFFERENCE_Y = _kernel([[0, -0.5, 0], [0, 0, 0], [0, 0.5, 0]])
"""Half of (lower neighbour minus upper)."""

LEARNT = _kernel([[0.01, -0.12, 1.03], [-1.11, 0.12, -0.56], [0.32, -0.34, -0.22]])
"""Slides 13 to 17: the lecture's 'suitably learnt' filter (適当に学習されたフィルタ)."""

SOBEL_X = _kernel([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
"""Vertical edges: a difference across, smoothed down (Sobel & Feldman 1968)."""

SOBEL_Y = _kernel([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
"""Horizontal edges (Sobel & Feldman 1968)."""

PREWITT_X = _kernel([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
"""Vertical edges: as Sobel's, with equal weights (Prewitt 1970)."""

PREWITT_Y = _kernel([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
"""Horizontal edges (Prewitt 1970)."""

SHARPEN = _kernel([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
"""The image minus LAPLACIAN_4 of it (Gonzalez & Woods, Digital Image Processing, 3.6)."""

IDENTITY = _kernel([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
"""Leaves the image as it is."""


def box(ksize):
    """Returns the mean filter ``(ksize, ksize)``: equal weights that sum to 1.

    Raises:
        ValueError: If ``ksize`` is not an odd integer of at least 1.
    """
    _check_odd(ksize)
    return numpy.full((ksize, ksize), 1 / ksize ** 2, numpy.float32)


def gaussian(ksize, sigma):
    """Returns a Gaussian blur ``(ksize, ksize)`` whose weights sum to 1.

    Args:
        ksize (int): Height and width, odd.
        sigma (float): Standard deviation, in pixels.

    Raises:
        ValueError: If ``ksize`` is not an odd integer of at least 1, or ``sigma`` is
            not positive.
    """
    _check_odd(ksize)
    _check_positive('sigma', sigma)
    x = numpy.arange(ksize) - ksize // 2
    with numpy.errstate(over='ignore'):     # where sigma is tiny, all but the middle is 0
        weights = numpy.exp(-(x / sigma) ** 2 / 2)
    kernel = numpy.outer(weights, weights)
    return (kernel / kernel.sum()).astype(numpy.float32)


def gabor(ksize, wavelength, angle=0.0, phase=0.0, sigma=None, aspect=1.0):
    """Returns a Gabor filter ``(ksize, ksize)``: a grating under a Gaussian window.

    With x to the right and y down, and (u, v) the same turned by ``angle``,

        exp(-(u² + (aspect v)²) / (2 sigma²)) cos(2 pi u / wavelength + phase)

    so stripes of that wavelength that stand across u excite it. J. G. Daugman:
    Uncertainty relation for resolution in space, spatial frequency, and orientation
    optimized by two-dimensional visual cortical filters. JOSA A 2(7), 1985.

    Args:
        ksize (int): Height and width, odd.
        wavelength (float): From bright stripe to bright stripe, in pixels.
        angle (float): Direction across the stripes, in degrees counter-clockwise
            from the x axis: 0 gives vertical stripes.
        phase (float): In degrees: 0 gives a bright stripe in the middle, 90 an edge.
        sigma (float): Of the Gaussian, across the stripes, in pixels; 0.5 times the
            wavelength by default.
        aspect (float): sigma across the stripes over sigma along them.

    Raises:
        ValueError: If ``ksize`` is not an odd integer of at least 1, or
            ``wavelength``, ``sigma`` or ``aspect`` is not positive, or an angle not finite.
    """
    _check_odd(ksize)
    for name, value in ('angle', angle), ('phase', phase):
        if not _checks.is_number(value):
            raise ValueError(f'{name} must be a number of degrees; got {value!r}')
    _check_positive('wavelength', wavelength)
    sigma = 0.5 * wavelength if sigma is None else sigma
    for name, value in ('sigma', sigma), ('aspect', aspect):
        _check_positive(name, value)
    y, x = numpy.mgrid[:ksize, :ksize] - ksize // 2
    turn = numpy.deg2rad(angle)
    u = x * numpy.cos(turn) - y * numpy.sin(turn)       # y points down
    v = x * numpy.sin(turn) + y * numpy.cos(turn)
    window = numpy.exp(-(u ** 2 + (aspect * v) ** 2) / (2 * sigma ** 2))
    grating = numpy.cos(2 * numpy.pi * u / wavelength + numpy.deg2rad(phase))
    return (window * grating).astype(numpy.float32)


NAMED = {
    'Laplacian': LAPLACIAN, 'Laplacian, 4 neighbours': LAPLACIAN_4,
    'difference across': DIFFERENCE_X, 'difference down': DIFFERENCE_Y,
    'Sobel, vertical edges': SOBEL_X, 'Sobel, horizontal edges': SOBEL_Y,
    'Prewitt, vertical edges': PREWITT_X, 'Prewitt, horizontal edges': PREWITT_Y,
    'box blur 3x3': _kernel(box(3)), 'Gaussian blur 5x5': _kernel(gaussian(5, 1.0)), 'sharpen': SHARPEN,
    'Gabor 7x7, vertical stripes': _kernel(gabor(7, 4.0)), 'Gabor 7x7, diagonal stripes': _kernel(gabor(7, 4.0, 45)),
    "the lecture's learnt filter": LEARNT, 'identity': IDENTITY}
"""Name to kernel, for menus."""
