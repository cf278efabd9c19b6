"""Convolution of many channels over maps of up to 32x32: the output, and all three gradients at once.

Unrolling such maps copies a few numbers at a time, and leaves products too small for BLAS. Here some images lie side by
side, ``(H, W, images, channels)``. The pixels that one weight of a filter meets, along a row of the output and in all
these images, then follow each other in memory, and one product of matrices takes them where they are.
"""

import numpy

from nico2ai_cnn.cpu import _blas, _columns, pool
from nico2ai_cnn.cpu._compile import helper, kernel

_MOST_TOGETHER = 16     # images
_BYTES = 512 * 1024     # for each of the two or three arrays that lie side by side: a quarter of a common L2 cache
# Where this is about as fast as unrolling or faster, as measured.
_MOST_PLACES, _MOST_PLACES_OF_A_PRODUCT = 32 * 32, 7 * 7    # of a map
_FEW_PLACES = 14 * 14
_FEWEST_CHANNELS = {True: 8, False: 16}             # where places are few, and where they are not
_FEWEST_PAIRS = 128                                 # of channels
_LARGEST_SUMS = 1 << 20                             # numbers: all threads' gradients of W


def suits(x, W, out_size, geometry, groups):
    """Returns whether these functions are for this convolution; the arguments are those of ``convolution.forward``.

    They never multiply by the zeros of the padding, of which Chainer's product with an infinite weight makes NaN: so
    all of W must be finite.
    """
    places = max(x.shape[2] * x.shape[3], out_size[0] * out_size[1])
    return (groups == 1 and geometry[4:] == (1, 1) and len(x) >= pool.n_threads()
            and places <= (_MOST_PLACES_OF_A_PRODUCT if is_product(W, geometry) else _MOST_PLACES)
            and min(W.shape[:2]) >= _FEWEST_CHANNELS[places <= _FEW_PLACES]
            and W.shape[0] * W.shape[1] >= _FEWEST_PAIRS and W.size * pool.n_threads() <= _LARGEST_SUMS
            and bool(numpy.isfinite(W).all()))


def is_product(W, geometry):
    """Returns whether the convolution is 1x1 and nothing else: then it is a product of matrices, as the images lie."""
    return W.shape[2:] == (1, 1) and geometry[:4] == (1, 1, 0, 0)


def forward(x, W, b, out_size, geometry):
    """Returns the output, ``(N, out_channels, out_h, out_w)``."""
    y = numpy.empty((len(x), len(W), *out_size), 'f')
    together = _together(x, y)
    W_by_place = numpy.ascontiguousarray(W.transpose(2, 3, 1, 0))
    pool.run_blas(_forward, -(-len(x) // together), together, _blas.BLAS, x, W_by_place, b, y, geometry[:4],
                  microseconds=_microseconds(y, W))
    return y


def backward(x, W, gy, geometry):
    """Returns the gradients with respect to x, W and b; None if there is NaN or infinity in gy (see :func:`suits`)."""
    out_channels, in_channels, kh, kw = W.shape
    together, microseconds = _together(x, gy), 2 * _microseconds(gy, W)
    n_chunk = -(-len(x) // together)
    n_part = len(pool.split(n_chunk, microseconds))
    gx, gW = numpy.empty(x.shape, 'f'), numpy.zeros((n_part, kh, kw, in_channels, out_channels), 'f')
    gb = numpy.empty((n_part, out_channels))
    W_by_place = numpy.ascontiguousarray(W.transpose(2, 3, 0, 1))
    pool.run_blas(_backward, n_chunk, together, _blas.BLAS, x, W_by_place, gy, gx, gW, gb, geometry[:4],
                  microseconds=microseconds)
    if not numpy.isfinite(gb).all():
        return None
    return gx, numpy.ascontiguousarray(gW.sum(axis=0).transpose(3, 2, 0, 1)), gb.sum(axis=0).astype('f')


def _together(x, y):
    """Returns how many images lie side by side: as many as fit, and all threads get equally many."""
    fit = _BYTES // (4 * max(x[0].size, y[0].size))
    most = max(1, min(_MOST_TOGETHER, fit))
    share = -(-len(x) // pool.n_threads())
    return -(-share // -(-share // most))


def _microseconds(y, W):
    return y.size * W[0].size / pool.MULTIPLICATIONS


@helper
def _room(x, together, stride):
    """Returns memory for images side by side; see :func:`_place`."""
    return numpy.empty((x.shape[2] * -(-x.shape[3] // stride) * stride * together, x.shape[1]), numpy.float32)


@helper
def _place(row, column, width, stride):
    """Returns where a pixel lies: of its row, first every stride-th column, beginning with 0, then with 1, and so on.

    So the pixels that a weight meets, every stride-th one, are neighbours.
    """
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
    """Copies what lies side by side into n images, beginning with the first."""
    _, channels, height, width = x.shape
    for j in range(n):
        for c in range(channels):
            for row in range(height):
                for column in range(width):
                    x[first + j, c, row, column] = of[_place(row, column, width, stride) * n + j, c]


@helper
def _run(ky, kx, row, n, width, out_w, geometry):
    """Returns where a weight's run along a row of the output begins, where that of its pixels, and how long both are."""
    sy, sx, ph, pw = geometry
    left, right = _columns.inside(kx - pw, sx, width, out_w)
    meets = _place(row * sy + ky - ph, left * sx + kx - pw, width, sx)
    return (row * out_w + left) * n, meets * n, (right - left) * n


_ARRAY = 'float32[:,:,:,::1]'
_GEOMETRY = 'UniTuple(int64, 4)'


@kernel(f'void(int64, int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, float32[::1], {_ARRAY}, {_GEOMETRY})')
def _forward(start, stop, together, blas, x, W, b, y, geometry):
    kh, kw = W.shape[:2]
    (height, width), (out_h, out_w), (sy, sx, ph, _) = x.shape[2:], y.shape[2:], geometry
    of, to = _room(x, together, sx), _room(y, together, 1)
    for first in range(start * together, min(stop * together, len(x)), together):
        n = min(together, len(x) - first)
        _put_side_by_side(x, first, n, sx, of)
        for i in range(len(to)):
            to[i] = b
        for ky in range(kh):
            for row in range(*_columns.inside(ky - ph, sy, height, out_h)):
                for kx in range(kw):
                    at, meets, size = _run(ky, kx, row, n, width, out_w, geometry)
                    if size:
                        _blas.matmul(blas, of[meets:meets + size], W[ky, kx], 1., to[at:at + size])
        _take_apart(to, first, n, 1, y)


@kernel(f'void(int64, int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, {_ARRAY}, {_ARRAY}, '
        f'float32[:,:,:,:,::1], float64[:,::1], {_GEOMETRY})')
def _backward(start, stop, together, blas, x, W, gy, gx, gW, gb, geometry):
    n_part, kh, kw, in_channels, out_channels = gW.shape
    (height, width), (out_h, out_w), (sy, sx, ph, _) = x.shape[2:], gy.shape[2:], geometry
    part = -(-start * n_part // -(-len(x) // together))
    of_x, of_gy, to = _room(x, together, sx), _room(gy, together, 1), _room(x, together, sx)
    sums = numpy.zeros(out_channels)    # in float64, for there are many terms
    for first in range(start * together, min(stop * together, len(x)), together):
        n = min(together, len(x) - first)
        _put_side_by_side(x, first, n, sx, of_x)
        _put_side_by_side(gy, first, n, 1, of_gy)
        for i in range(out_h * out_w * n):
            for o in range(out_channels):
                sums[o] += of_gy[i, o]
        to[:] = 0
        for ky in range(kh):
            for row in range(*_columns.inside(ky - ph, sy, height, out_h)):
                for kx in range(kw):
                    at, meets, size = _run(ky, kx, row, n, width, out_w, geometry)
                    if size:
                        gradients = of_gy[at:at + size]
                        _blas.matmul(blas, gradients, W[ky, kx], 1., to[meets:meets + size])
                        _blas.matmul(blas, of_x[meets:meets + size].T, gradients, 1., gW[part, ky, kx])
        _take_apart(to, first, n, sx, gx)
    gb[part] = sums
