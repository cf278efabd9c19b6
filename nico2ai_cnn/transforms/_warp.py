"""Bilinear sampling of a batch: compiled on the CPU, one kernel on the GPU."""

import numpy
from chainer.backends import cuda

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
    if not numpy.isfinite(fill):
        raise ValueError(f'fill must be finite; got {fill!r}')
    xp = cuda.get_array_module(batch)
    x = xp.ascontiguousarray(batch, dtype='f')
    sources = sources.astype('f')
    if xp is numpy:
        from nico2ai_cnn.cpu import warp as cpu_warp     # here, for it compiles
        y = cpu_warp.warp(x, sources, offsets, fill, edge, size)
    else:
        y = _warp_gpu.warp(x, xp.asarray(sources), offsets, fill, edge, size)
    return y.astype(batch.dtype, copy=False)
