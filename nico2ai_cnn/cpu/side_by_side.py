"""Convolution of many channels over maps of up to 32x32: the output, and all its gradients at once.

Unrolling such maps copies a few numbers at a time, and leaves products too small for BLAS. Here some images lie side by
side, ``(H, W, images, channels)``. What one place of the filters meets along a row of the output are then neighbours,
for all images at once, and a product of matrices takes them where they are: nothing is unrolled.
"""

import math

import numpy

from nico2ai_cnn.cpu import _blas, _columns, pool
from nico2ai_cnn.cpu._compile import helper, kernel

_MOST_TOGETHER = 16     # images
_BYTES = 512 * 1024     # what lies side by side: about half of a common L2 cache
# Where this is at least as fast as unrolling, as measured.
_MOST_PLACES = 32 * 32
_MOST_PLACES_1X1 = 64
_FEWEST_CHANNELS, _FEWEST_PAIRS = 8, 128
_LARGEST_W = 1 << 19    # numbers


def suits(x, W, out_size, geometry, groups):
    """Returns whether this convolution is done so; the arguments are those of ``convolution.forward``.

    NaN and infinity in W are not for these functions, which never multiply by the zeros of the padding.
    """
    most_places = _MOST_PLACES_1X1 if W.shape[2:] == (1, 1) else _MOST_PLACES
    return (groups == 1 and geometry[4:] == (1, 1) and len(x) >= pool.n_threads()
            and max(x.shape[2] * x.shape[3], out_size[0] * out_size[1]) <= most_places
            and min(W.shape[:2]) >= _FEWEST_CHANNELS and W.shape[0] * W.shape[1] >= _FEWEST_PAIRS
            and W.size <= _LARGEST_W and math.isfinite(W.sum()))


def forward(x, W, b, out_size, geometry):
    """Returns the output, ``(N, out_channels, out_h, out_w)``."""
    y = numpy.empty((len(x), len(W), *out_size), 'f')
    together = _together(x, W)
    pool.run_blas(_forward, -(-len(x) // together), together, _blas.BLAS, x,
                  numpy.ascontiguousarray(W.transpose(2, 3, 1, 0)), b, y, geometry[:4], microseconds=_microseconds(y, W))
    return y


def backward(x, W, gy, geometry):
    """Returns the gradients with respect to x, W and b; None if there are NaN and infinity in gy."""
    out_channels, in_channels, kh, kw = W.shape
    together, microseconds = _together(x, W), 2 * _microseconds(gy, W)
    n_chunk = -(-len(x) // together)
    n_part = len(pool.split(n_chunk, microseconds))
    gx, gW = numpy.empty(x.shape, 'f'), numpy.zeros((n_part, kh, kw, in_channels, out_channels), 'f')
    gb = numpy.zeros((n_part, out_channels), 'f')
    pool.run_blas(_backward, n_chunk, together, _blas.BLAS, x, numpy.ascontiguousarray(W.transpose(2, 3, 0, 1)), gy, gx,
                  gW, gb, geometry[:4], microseconds=microseconds)
    gb = gb.sum(axis=0)
    if not math.isfinite(gb.sum()):
        return None
    return gx, numpy.ascontiguousarray(gW.sum(axis=0).transpose(3, 2, 0, 1)), gb


def _together(x, W):
    fit = _BYTES // (4 * x.shape[2] * x.shape[3] * max(W.shape[:2]))
    return max(1, min(_MOST_TOGETHER, fit, -(-len(x) // pool.n_threads())))


def _microseconds(y, W):
    return y.size * W[0].size / pool.MULTIPLICATIONS


@helper
def _room(x, together, stride):
    """Returns memory for images side by side. In a row, every stride-th column comes before the ones between."""
    return numpy.empty((x.shape[2] * -(-x.shape[3] // stride) * stride * together, x.shape[1]), numpy.float32)


@helper
def _place(row, column, width, stride):
    per_phase = -(-width // stride)
    return (row * stride + column % stride) * per_phase + column // stride


@helper
def _put_side_by_side(x, first, n, stride, to):
    """Copies n images ``(C, H, W)``, beginning with the first, into ``to``: a row for each place and image."""
    _, channels, height, width = x.shape
    for row in range(height):
        for column in range(width):
            place = _place(row, column, width, stride) * n
            for j in range(n):
                for c in range(channels):
                    to[place + j, c] = x[first + j, c, row, column]


@helper
def _take_apart(of, first, n, stride, x):
    """Copies them back."""
    _, channels, height, width = x.shape
    for j in range(n):
        for c in range(channels):
            for row in range(height):
                for column in range(width):
                    x[first + j, c, row, column] = of[_place(row, column, width, stride) * n + j, c]


_ARRAY = 'float32[:,:,:,::1]'
_GEOMETRY = 'UniTuple(int64, 4)'


@kernel(f'void(int64, int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, float32[::1], {_ARRAY}, {_GEOMETRY})')
def _forward(start, stop, together, blas, x, W, b, y, geometry):
    kh, kw = W.shape[:2]
    (height, width), (out_h, out_w), (sy, sx, ph, pw) = x.shape[2:], y.shape[2:], geometry
    of, to = _room(x, together, sx), _room(y, together, 1)
    for first in range(start * together, min(stop * together, len(x)), together):
        n = min(together, len(x) - first)
        _put_side_by_side(x, first, n, sx, of)
        for i in range(len(to)):
            to[i] = b
        for ky in range(kh):
            for row in range(*_columns.inside(ky - ph, sy, height, out_h)):
                for kx in range(kw):
                    left, right = _columns.inside(kx - pw, sx, width, out_w)
                    at = (row * out_w + left) * n
                    meets = _place(row * sy + ky - ph, left * sx + kx - pw, width, sx) * n
                    size = (right - left) * n
                    if size:
                        _blas.matmul(blas, of[meets:meets + size], W[ky, kx], 1., to[at:at + size])
        _take_apart(to, first, n, 1, y)


@kernel(f'void(int64, int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, {_ARRAY}, {_ARRAY}, '
        f'float32[:,:,:,:,::1], float32[:,::1], {_GEOMETRY})')
def _backward(start, stop, together, blas, x, W, gy, gx, gW, gb, geometry):
    n_part, kh, kw, in_channels, out_channels = gW.shape
    (height, width), (out_h, out_w), (sy, sx, ph, pw) = x.shape[2:], gy.shape[2:], geometry
    part = -(-start * n_part // -(-len(x) // together))
    of_x, of_gy, to = _room(x, together, sx), _room(gy, together, 1), _room(x, together, sx)
    for first in range(start * together, min(stop * together, len(x)), together):
        n = min(together, len(x) - first)
        _put_side_by_side(x, first, n, sx, of_x)
        _put_side_by_side(gy, first, n, 1, of_gy)
        for i in range(out_h * out_w * n):
            for o in range(out_channels):
                gb[part, o] += of_gy[i, o]
        to[:] = 0
        for ky in range(kh):
            for row in range(*_columns.inside(ky - ph, sy, height, out_h)):
                for kx in range(kw):
                    left, right = _columns.inside(kx - pw, sx, width, out_w)
                    at = (row * out_w + left) * n
                    meets = _place(row * sy + ky - ph, left * sx + kx - pw, width, sx) * n
                    size = (right - left) * n
                    if size:
                        gradients = of_gy[at:at + size]
                        _blas.matmul(blas, gradients, W[ky, kx], 1., to[meets:meets + size])
                        _blas.matmul(blas, of_x[meets:meets + size].T, gradients, 1., gW[part, ky, kx])
        _take_apart(to, first, n, sx, gx)
