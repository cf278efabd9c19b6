"""Bilinear sampling of a batch: compiled on the CPU, or by NumPy where there is no Numba; one kernel on the GPU."""

import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks, cpu
from nico2ai_cnn.transforms import _warp_gpu


def warp(batch, sources, offsets, fill, edge, size=None):
    """Returns a batch whose pixels each look somewhere else; see :func:`nico2ai_cnn.cpu.warp.warp`.

    Args:
        batch: ``(N, C, H, W)`` of floats, NumPy or CuPy.
        sources (numpy.ndarray): ``(N, 2, 3)``.
        offsets: ``(N, 2, H, W)`` float32, beside ``batch``; or None.
        fill (float), edge (bool): What lies outside.
        size: ``(height, width)`` of the result, where it is another than x's.
    """
    if not _checks.is_number(fill):
        raise ValueError(f'fill must be finite; got {fill!r}')
    xp = cuda.get_array_module(batch)
    x = xp.ascontiguousarray(batch, dtype='f')
    sources = sources.astype('f')
    if xp is numpy and cpu.has_numba():
        from nico2ai_cnn.cpu import warp as cpu_warp     # here, for it compiles
        y = cpu_warp.warp(x, sources, offsets, fill, edge, size)
    elif xp is numpy:
        y = _by_numpy(x, sources, offsets, fill, edge, size)
    else:
        y = _warp_gpu.warp(x, xp.asarray(sources), offsets, fill, edge, size)
    return y.astype(batch.dtype, copy=False)


def _by_numpy(x, sources, offsets, fill, edge, size):
    height, width = x.shape[2:]
    i, j = numpy.ogrid[:(size or x.shape[2:])[0], :(size or x.shape[2:])[1]]
    places = [source[:, 0, None, None] * i + source[:, 1, None, None] * j + source[:, 2, None, None]
              for source in (sources[:, 0], sources[:, 1])]
    if offsets is not None:
        places = [place + offset for place, offset in zip(places, offsets.swapaxes(0, 1))]
    margin = 0 if edge else 1
    row, column = (place.clip(-margin, side - 1 + margin) for place, side in zip(places, (height, width)))
    top, left = (numpy.floor(place).astype(int) for place in (row, column))
    down, right = (row - top)[:, None], (column - left)[:, None]
    framed = numpy.pad(x, ((0, 0), (0, 0), (1, 2), (1, 2)), constant_values=numpy.float32(fill))
    n = numpy.arange(len(x))[:, None, None]
    (a, b), (c, d) = ([framed[n, :, top + k, left + m].transpose(0, 3, 1, 2) for m in (1, 2)] for k in (1, 2))
    upper, lower = a + right * (b - a), c + right * (d - c)
    return numpy.ascontiguousarray(upper + down * (lower - upper), dtype='f')
