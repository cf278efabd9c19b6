"""Average pooling in two dimensions; the padding counts as zeros, as in Chainer."""

import numpy

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import planes
from nico2ai_cnn.cpu._columns import inside
from nico2ai_cnn.cpu._compile import helper, kernel

_PLANES = 'float32[:,:,::1]'


def forward(x, out_size, ksize, stride, pad):
    """Returns the means ``(N, C, out_h, out_w)`` of the windows of x ``(N, C, H, W)``.

    ``out_size``, ``ksize``, ``stride`` and ``pad`` are pairs, vertical and horizontal.
    """
    y = numpy.zeros((*x.shape[:2], *out_size), 'f')
    pool.run(_forward, x.shape[0] * x.shape[1], planes(x), planes(y),
             (*ksize, *stride, *pad), microseconds=y.size * ksize[0] * ksize[1] / 1_000)
    return y


def backward(gy, in_size, ksize, stride, pad):
    """Returns the gradient ``(N, C, H, W)``: each of gy is shared out over its window."""
    gx = numpy.zeros((*gy.shape[:2], *in_size), 'f')
    pool.run(_backward, gy.shape[0] * gy.shape[1], planes(gy), planes(gx),
             (*ksize, *stride, *pad), microseconds=gy.size * ksize[0] * ksize[1] / 1_000)
    return gx


@helper
def _add(to, to_stride, of, of_stride, n):
    for i in range(n):
        to[i * to_stride] += of[i * of_stride]


@kernel(f'void(int64, int64, {_PLANES}, {_PLANES}, UniTuple(int64, 6))')
def _forward(start, stop, x, y, geometry):
    kh, kw, sy, sx, ph, pw = geometry
    _, height, width = x.shape
    out_h, out_w = y.shape[1:]
    for plane in range(start, stop):
        for oy in range(out_h):
            for ky in range(max(0, ph - oy * sy), min(kh, height + ph - oy * sy)):
                for kx in range(kw):
                    low, high = inside(kx - pw, sx, width, out_w)
                    row = x[plane, oy * sy - ph + ky, low * sx + kx - pw:]
                    if sx == 2:    # LLVM makes vectors of strides that it knows
                        _add(y[plane, oy, low:], 1, row, 2, high - low)
                    else:
                        _add(y[plane, oy, low:], 1, row, sx, high - low)
            for i in range(out_w):
                y[plane, oy, i] /= numpy.float32(kh * kw)


@kernel(f'void(int64, int64, {_PLANES}, {_PLANES}, UniTuple(int64, 6))')
def _backward(start, stop, gy, gx, geometry):
    kh, kw, sy, sx, ph, pw = geometry
    _, height, width = gx.shape
    out_h, out_w = gy.shape[1:]
    share = numpy.empty(out_w, numpy.float32)
    for plane in range(start, stop):
        for oy in range(out_h):
            for i in range(out_w):
                share[i] = gy[plane, oy, i] / numpy.float32(kh * kw)
            for ky in range(max(0, ph - oy * sy), min(kh, height + ph - oy * sy)):
                for kx in range(kw):
                    low, high = inside(kx - pw, sx, width, out_w)
                    row = gx[plane, oy * sy - ph + ky, low * sx + kx - pw:]
                    if sx == 2:
                        _add(row, 2, share[low:], 1, high - low)
                    else:
                        _add(row, sx, share[low:], 1, high - low)
