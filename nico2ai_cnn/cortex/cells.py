"""Model cells of V1: simple (単純型細胞) and complex (複雑型細胞), and what tells them apart."""

import chainer
import numpy

_GREY = 0.5


def responses(cell, images):
    """Returns what a cell, or each of many, answers to images.

    Args:
        cell: A filter ``(H, W)``, whose response is linear: the sum of filter times (image - 0.5),
            for the mean grey excites nobody. Or a function of a batch ``(N, 1, H, W)`` that returns
            an array or Variable ``(N,)`` or ``(N, n_cell)``, such as one unit of each map of a layer.
        images: ``(..., H, W)`` array in [0, 1], such as of :func:`grating`. NumPy or CuPy; it is
            brought to where the filter is.

    Returns:
        numpy.ndarray or cupy.ndarray: ``(...)``, or ``(..., n_cell)``.

    Raises:
        ValueError: If the filter and the images have different sizes, ``images`` is empty or no image,
            or the function returns another shape.
        TypeError: If ``cell`` is neither an array nor a function.
    """
    if not isinstance(images, chainer.get_array_types()) or images.ndim < 2 or images.size == 0:
        raise ValueError(f'images must be an array of shape (..., H, W); got {_what(images)}')
    batch = images.reshape(-1, 1, *images.shape[-2:])
    if callable(cell) and not isinstance(cell, chainer.Variable):
        result = cell(batch)
        result = getattr(result, 'array', result)
        if getattr(result, 'ndim', 0) not in (1, 2) or len(result) != len(batch):
            raise ValueError(f'cell must return shape ({len(batch)},) or ({len(batch)}, n_cell) for a batch of '
                             f'{len(batch)} images; it returned {_what(result)}')
    else:
        result = _linear(_kernel('cell', cell), batch)
    return result.reshape((*images.shape[:-2], *result.shape[1:]))


def simple_cell(kernel):
    """Returns a model of a simple cell: a filter, and no firing rate below 0.

    Args:
        kernel: ``(H, W)`` array, NumPy or CuPy.

    Returns:
        function: Of images ``(N, 1, H, W)`` in [0, 1]; returns rates ``(N,)``.

    Raises:
        ValueError: If ``kernel`` has another shape or is constant; the function, if the images have
            another size.
    """
    kernel = _varied('kernel', kernel)

    def rates(images):
        return _linear(kernel, images).clip(0, None)
    return rates


def complex_cell(even, odd):
    """Returns a model of a complex cell, the energy model: the squares of two filters' responses, summed.

    Of two filters that differ by 90 degrees in phase, one is strong where the other is weak. E. H. Adelson
    & J. R. Bergen: Spatiotemporal energy models for the perception of motion. JOSA A 2(2), 1985.

    Args:
        even, odd: ``(H, W)`` arrays, such as Gabors of phases 0 and 90.

    Returns:
        function: Of images ``(N, 1, H, W)`` in [0, 1]; returns rates ``(N,)``.

    Raises:
        ValueError: If the two have different shapes, are not 2-D, or one is constant; the function, if
            the images have another size.
    """
    even, odd = _varied('even', even), _varied('odd', odd)
    if even.shape != odd.shape:
        raise ValueError(f'even and odd must have one shape; got {even.shape} and {odd.shape}')

    def rates(images):
        return _linear(even, images) ** 2 + _linear(odd, images) ** 2
    return rates


def modulation_ratio(rates, axis=-1):
    """Returns F1/F0: how much a cell's firing follows the phase of a grating, over how much it fires at all.

    F0 is the mean of the rates, F1 the amplitude of the wave in them that goes up and down once per period.
    A linear filter that cannot fire below 0 has pi / 2 = 1.571, the energy model 0; simple cells have more
    than 1, complex cells less. B. C. Skottun et al.: Classifying simple and complex cells on the basis of
    response modulation. Vision Research 31(7/8), 1991.

    Args:
        rates: Array, NumPy or CuPy, of rates of at least 0; along ``axis``, at least 4 phases of one
            period, equally far apart (0, 15, …, 345 degrees).
        axis (int): Of the phases.

    Returns:
        numpy.ndarray or cupy.ndarray: The shape of ``rates`` without that axis; NaN where a cell never fires.

    Raises:
        ValueError: If a rate is negative or not finite, or there are fewer than 4 phases.
    """
    rates = rates if isinstance(rates, chainer.get_array_types()) else numpy.asarray(rates)
    xp = chainer.backend.get_array_module(rates)
    if rates.ndim == 0 or not -rates.ndim <= axis < rates.ndim or rates.shape[axis] < 4:
        raise ValueError(f'rates must have at least 4 phases along axis {axis}; got shape {rates.shape}')
    if not bool(xp.isfinite(rates).all()):
        raise ValueError('rates holds NaN or infinity')
    if bool((rates < 0).any()):
        raise ValueError(f'rates must be at least 0, as firing rates are: rectify them; got {float(rates.min()):g}')
    waves = abs(xp.fft.fft(rates.astype(float), axis=axis)).take(xp.array([0, 1]), axis=axis)
    f0, f1 = xp.moveaxis(waves, axis, 0)
    return xp.where(f0 > 0, 2 * f1 / xp.where(f0 > 0, f0, 1), numpy.nan)


def _linear(kernel, images):
    if getattr(images, 'ndim', 0) != 4 or images.shape[1:] != (1, *kernel.shape):
        raise ValueError(f'images must have shape (N, 1, {kernel.shape[0]}, {kernel.shape[1]}), as the filter has; '
                         f'got {_what(images)}')
    if images.dtype.kind != 'f':
        raise ValueError(f'images must be of floats in [0, 1]; got {images.dtype}')
    images = chainer.backend.get_device_from_array(kernel).send(images)
    return (images[:, 0] - _GREY).reshape(len(images), -1) @ kernel.ravel()


def _kernel(name, kernel):
    kernel = getattr(kernel, 'array', kernel)
    if not isinstance(kernel, chainer.get_array_types()):
        raise TypeError(f'{name} must be an array (H, W) or a function of images; got {type(kernel).__name__}')
    if kernel.ndim != 2 or kernel.size == 0:
        raise ValueError(f'{name} must have shape (H, W); got {kernel.shape}')
    return kernel


def _varied(name, kernel):
    kernel = _kernel(name, kernel)
    if not bool((kernel != kernel[0, 0]).any()):
        raise ValueError(f'{name} is constant ({kernel.shape[0]} x {kernel.shape[1]} pixels): it sees no pattern')
    return kernel.copy()


def _what(value):
    return f'shape {value.shape}' if hasattr(value, 'shape') else type(value).__name__
