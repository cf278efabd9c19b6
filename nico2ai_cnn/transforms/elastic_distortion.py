"""Elastic distortion (弾性変形): every pixel moves a little, and neighbours nearly alike.

P. Y. Simard, D. Steinkraus, J. C. Platt: Best practices for convolutional neural networks applied
to visual document analysis. ICDAR 2003.
"""

import functools
import math

import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks, cpu
from nico2ai_cnn.transforms._batch import batch_of, generator
from nico2ai_cnn.transforms._warp import warp
from nico2ai_cnn.transforms.affine_maps import draw, matrices, sources


_LARGEST_SIGMA = 1000


def elastic(x, offsets, fill=0., edge=False):
    """Returns images whose pixel (i, j) is x at (i, j) plus its own offset; bilinear.

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of floats, NumPy or CuPy. Computed in float32.
        offsets: ``(2, H, W)`` or ``(N, 2, H, W)``, beside x: rows down and columns to the right.
        fill (float): What comes in from outside.
        edge (bool): Whether the edge's pixels go on outside, in place of ``fill``.

    Returns:
        As x.

    Raises:
        TypeError: If x is not of floats, or one of the two is on the GPU and the other is not.
        ValueError: If a shape does not fit, or an offset is not finite.
    """
    batch, back = batch_of(x)
    _check(offsets, batch)
    return back(_move(batch, offsets, numpy.eye(2, 3), fill, edge))


def random_elastic(x, alpha=34., sigma=4., affine=None, fill=0., edge=False, rng=None, return_param=False):
    """Distorts each image at random, as Simard's paper does; affine too, if asked, sampled once.

    Offsets are uniform in [-1, 1] for each pixel (to 16 bits), smoothed by a Gaussian (cut off at three standard
    deviations; outside of the image offsets count as 0), and multiplied by ``alpha``.

    Args:
        x: As for :func:`elastic`.
        alpha (float): Strength, in pixels. The paper's 34 with 4 for 29x29 digits moves a pixel
            by about 1.6.
        sigma (float): Width of the Gaussian, in pixels; above 0, at most 1000. With larger ones neighbours move
            more alike, and the whole image more like a stiff sheet.
        affine (dict): What :func:`random_affine` takes for ``angle``, ``shift``, ``scale`` and
            ``shear``, to be done in the same pass.
        fill, edge: As for :func:`elastic`.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'offsets'}`` too, ``(N, 2, H, W)``, and with
            ``affine`` its param.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x)
    if not (_checks.is_number(sigma) and 0 < sigma <= _LARGEST_SIGMA):
        raise ValueError(f'sigma must be a number above 0, at most {_LARGEST_SIGMA}; got {sigma!r}')
    if not (_checks.is_number(alpha) and alpha >= 0):
        raise ValueError(f'alpha must be a number of at least 0; got {alpha!r}')
    rng = generator(rng, x)
    offsets = _random_offsets((len(batch), 2, *batch.shape[2:]), alpha, gaussian(sigma), rng,
                              cuda.get_array_module(batch))
    param, matrix = {}, numpy.eye(2, 3)
    if affine is not None:
        if not isinstance(affine, dict):
            raise TypeError(f'affine must be a dict of what random_affine takes; got {affine!r}')
        unknown = set(affine) - {'angle', 'shift', 'scale', 'shear'}
        if unknown:
            raise ValueError(f'affine takes angle, shift, scale and shear; got {sorted(unknown)}')
        param = draw(batch, **{'angle': 0., 'shift': 0., 'scale': (1., 1.), 'shear': 0., **affine}, rng=rng)
        matrix = matrices(**param)
    y = back(_move(batch, offsets, matrix, fill, edge))
    return (y, back({**param, 'offsets': offsets})) if return_param else y


def gaussian(sigma):
    """Returns the taps of a Gaussian that is cut off at three standard deviations; they sum to 1."""
    radius = int(numpy.ceil(3 * sigma))
    taps = numpy.exp(-numpy.arange(-radius, radius + 1) ** 2 / (2 * sigma ** 2))
    return (taps / taps.sum()).astype('f')


def _random_offsets(shape, alpha, taps, rng, xp):
    if isinstance(rng, numpy.random.Generator):
        # 16 bits are fine enough, and drawing four of them at a time takes half as long.
        size = math.prod(shape)
        noise = rng.integers(0, 1 << 64, -(-size // 4), numpy.uint64).view(numpy.uint16)[:size].reshape(shape)
        if xp is numpy and cpu.has_numba():
            from nico2ai_cnn.cpu import gaussian as kernels     # here, for it compiles
            return kernels.smooth_noise(noise, taps, alpha)
        noise = xp.asarray(noise).astype('f') * (2 / 65535) - 1
    else:
        noise = 2 * rng.random(shape, dtype='f') - 1
    return smooth_by_products(noise, alpha, taps, xp)


def smooth_by_products(noise, alpha, taps, xp):
    """Smooths by products with matrices of shifted taps, which suits a GPU."""
    device = 'cpu' if xp is numpy else int(noise.device)
    rows, columns = (_band(side, tuple(taps), device) for side in noise.shape[2:])
    return alpha * (rows @ noise @ columns.T)


@functools.lru_cache(maxsize=8)
def _band(side, taps, device):
    """Returns a matrix of shifted taps; kept, so that it goes up to a GPU once."""
    place = numpy.arange(side)[:, None] - numpy.arange(side) + len(taps) // 2
    inside = (place >= 0) & (place < len(taps))
    band = numpy.where(inside, numpy.take(numpy.array(taps, 'f'), place, mode='clip'), numpy.float32(0))
    if device == 'cpu':
        return band
    with cuda.cupy.cuda.Device(device):
        return cuda.cupy.asarray(band)


def _move(batch, offsets, matrix, fill, edge):
    xp = cuda.get_array_module(batch)
    offsets = xp.broadcast_to(offsets, (len(batch), *offsets.shape[-3:]))
    return warp(batch, sources(matrix, batch), xp.ascontiguousarray(offsets, dtype='f'), fill, edge)


def _check(offsets, batch):
    xp = cuda.get_array_module(batch)
    if not isinstance(offsets, xp.ndarray):
        raise TypeError(f'offsets must be an array beside x, {xp.__name__}.ndarray; got {type(offsets).__name__}')
    height_width = batch.shape[2:]
    if offsets.shape not in ((2, *height_width), (len(batch), 2, *height_width)):
        raise ValueError(f'offsets must have shape {(2, *height_width)} or {(len(batch), 2, *height_width)}; '
                         f'got {offsets.shape}')
    if not xp.isfinite(offsets).all():
        raise ValueError('offsets must be finite')
