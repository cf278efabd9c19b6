"""Convolution: the output, and its gradients with respect to x, W and b.

Each kernel unrolls a tile of the input into columns (im2col), small enough to stay
in the processor's cache, and leaves the sums of products to BLAS; Chainer unrolls the
whole batch into memory instead. A tile is some rows of the output, for some channels.
The output and all gradients of many channels over small maps come from ``side_by_side.py``.
See Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for
Document Processing", 2006.
"""

import numpy

from nico2ai_cnn.cpu import _blas, _columns, pool, side_by_side
from nico2ai_cnn.cpu._compile import kernel
from nico2ai_cnn.cpu._weight_gradient import add_up, room_for_sums, sum_grad_W

_TILE_COLUMNS = 512         # output positions in a tile
_TILE_BYTES = 384 * 1024    # a tile's columns in memory: less than a common L2 cache
_LARGE_W = 1 << 16          # numbers in W: its gradient no longer fits a cache as well


def forward(x, W, b, out_size, geometry, groups):
    """Returns the convolution ``(N, out_channels, out_h, out_w)`` of a batch.

    Args:
        x (numpy.ndarray): ``(N, in_channels, H, W)``, float32 and contiguous, as all here.
        W: ``(out_channels, in_channels / groups, kh, kw)``.
        b: ``(out_channels,)``, or None.
        out_size: ``(out_h, out_w)``.
        geometry: ``(sy, sx, ph, pw, dy, dx)``, the stride, pad and dilation.
        groups (int): How many parts the channels fall into.
    """
    b = numpy.zeros(len(W), 'f') if b is None else b
    if not side_by_side.is_product(W, geometry) and side_by_side.suits(x, W, out_size, geometry, groups):
        return side_by_side.forward(x, W, b, out_size, geometry)
    y = numpy.empty((len(x), len(W), *out_size), 'f')
    rows, channels = _tile(W.shape, out_size)
    n_tile, n_part = -(-out_size[0] // rows), 1
    if len(x) < pool.n_threads():   # share out the rows where there are few images, and small maps' filters
        n_tile = -(-n_tile // pool.n_threads()) * pool.n_threads() if n_tile > 1 else 1
        rows = -(-out_size[0] // n_tile)
        n_tile = -(-out_size[0] // rows)
        if n_tile == 1:
            n_part = min(pool.n_threads(), len(W) // groups)
    pool.run_blas(_forward, len(x) * n_tile * n_part, _blas.BLAS, x, W, b, y,
                  rows, channels, groups, n_part, geometry, microseconds=_microseconds(y, W.shape))
    return y


def grad_x(gy, W, in_size, geometry, groups):
    """Returns the gradient ``(N, in_channels, H, W)`` with respect to x.

    Args:
        gy (numpy.ndarray): ``(N, out_channels, out_h, out_w)``.
        W, geometry, groups: As for :func:`forward`.
        in_size: ``(H, W)`` of x.
    """
    gx = numpy.empty((len(gy), groups * W.shape[1], *in_size), 'f')
    rows, channels = _tile(W.shape, gy.shape[2:])
    if len(gy) < pool.n_threads():  # share out the channels where there are few images
        channels = min(channels, -(-W.shape[1] // pool.n_threads()))
    n_block = -(-W.shape[1] // channels)
    pool.run_blas(_grad_x, len(gy) * groups * n_block, _blas.BLAS, gy, W, gx,
                  rows, channels, groups, geometry, microseconds=_microseconds(gy, W.shape))
    return gx


def grad_W(x, gy, W_shape, geometry, groups):
    """Returns the gradients with respect to W and b: ``W_shape`` and ``(out_channels,)``."""
    rows, channels = _tile(W_shape, gy.shape[2:])
    microseconds = _microseconds(gy, W_shape)
    n_part, n_item = len(pool.split(len(x), microseconds)), len(x)
    by_channels = numpy.prod(W_shape) > _LARGE_W and W_shape[1] >= pool.n_threads()
    if by_channels:
        n_block = -(-W_shape[1] // channels)
        n_block = -(-n_block // pool.n_threads()) * pool.n_threads()
        channels = -(-W_shape[1] // n_block)
        n_part, n_item = 1, groups * -(-W_shape[1] // channels)
    sums = room_for_sums(n_part, W_shape, groups)
    pool.run_blas(sum_grad_W, n_item, _blas.BLAS, x, gy, *sums, *W_shape[2:], rows, channels,
                  by_channels, geometry, microseconds=microseconds)
    return add_up(*sums, W_shape)


def backward(x, W, gy, geometry, groups):
    """Returns all three gradients at once, with respect to x, W and b."""
    if side_by_side.suits(x, W, gy.shape[2:], geometry, groups):
        gradients = side_by_side.backward(x, W, gy, geometry)
        if gradients is not None:
            return gradients
    if len(x) < pool.n_threads() or W.size > _LARGE_W:
        return (grad_x(gy, W, x.shape[2:], geometry, groups),
                *grad_W(x, gy, W.shape, geometry, groups))
    rows, channels = _tile(W.shape, gy.shape[2:])
    microseconds = 2 * _microseconds(gy, W.shape)
    sums = room_for_sums(len(pool.split(len(x), microseconds)), W.shape, groups)
    gx = numpy.empty(x.shape, 'f')
    pool.run_blas(_backward, len(x), _blas.BLAS, x, W, gy, gx, *sums, rows, channels,
                  geometry, microseconds=microseconds)
    return gx, *add_up(*sums, W.shape)


def _microseconds(y, W_shape):
    """Roughly how long one thread takes."""
    return y.size * W_shape[1] * W_shape[2] * W_shape[3] / pool.MULTIPLICATIONS


def _tile(W_shape, out_size):
    """Returns how many output rows and how many channels of a group a tile has."""
    _, channels, kh, kw = W_shape
    out_h, out_w = out_size
    rows = min(out_h, max(1, _TILE_COLUMNS // out_w))
    return rows, min(channels, max(1, _TILE_BYTES // (4 * kh * kw * rows * out_w)))


_ARRAY = 'float32[:,:,:,::1]'
_GEOMETRY = 'UniTuple(int64, 6)'


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, float32[::1], {_ARRAY}, '
        f'int64, int64, int64, int64, {_GEOMETRY})')
def _forward(start, stop, blas, x, W, b, y, rows, channels, groups, n_part, geometry):
    out_per_group = len(W) // groups
    in_per_group, kh, kw = W.shape[1:]
    out_h, out_w = y.shape[2:]
    n_tile = -(-out_h // rows)
    W_flat = W.reshape(len(W), in_per_group * kh * kw)
    y_flat = y.reshape(len(y), len(W), out_h * out_w)
    col = numpy.empty(channels * kh * kw * rows * out_w, numpy.float32)
    shifted = _columns.room_for_shifted(rows, out_w, kh, kw, geometry)
    x_flat = x.reshape(len(x), x.shape[1], x.shape[2] * x.shape[3])
    is_product = kh * kw == 1 and geometry[:4] == (1, 1, 0, 0) and x.shape[2:] == y.shape[2:]
    for item in range(start, stop):
        n, tile = divmod(item, n_tile * n_part)
        tile, part = divmod(tile, n_part)
        top, bottom = tile * rows, min(out_h, (tile + 1) * rows)
        for group in range(groups):
            # A part of a group's filters, or all of them.
            out = slice(group * out_per_group + part * out_per_group // n_part,
                        group * out_per_group + (part + 1) * out_per_group // n_part)
            for o in range(out.start, out.stop):
                y_row, bias = y_flat[n, o, top * out_w:bottom * out_w], b[o]
                for i in range(len(y_row)):
                    y_row[i] = bias
            if is_product:      # a 1x1 convolution is one product of matrices as they lie
                c_x = group * in_per_group
                _blas.matmul(blas, W_flat[out], x_flat[n, c_x:c_x + in_per_group, top * out_w:bottom * out_w],
                             1., y_flat[n, out, top * out_w:bottom * out_w])
                continue
            for c in range(0, in_per_group, channels):
                n_channel = min(channels, in_per_group - c)
                c_x = group * in_per_group + c
                matrix = _columns.as_matrix(col, n_channel * kh * kw, (bottom - top) * out_w)
                _columns.im2col(x[n, c_x:c_x + n_channel], matrix, shifted, top, bottom - top,
                                out_w, kh, kw, geometry)
                _blas.matmul(blas, W_flat[out, c * kh * kw:(c + n_channel) * kh * kw], matrix,
                             1., y_flat[n, out, top * out_w:bottom * out_w])


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, {_ARRAY}, '
        f'int64, int64, int64, {_GEOMETRY})')
def _grad_x(start, stop, blas, gy, W, gx, rows, channels, groups, geometry):
    out_per_group = len(W) // groups
    in_per_group, kh, kw = W.shape[1:]
    out_h, out_w = gy.shape[2:]
    n_block = -(-in_per_group // channels)
    W_flat = W.reshape(len(W), in_per_group * kh * kw)
    gy_flat = gy.reshape(len(gy), len(W), out_h * out_w)
    col = numpy.empty(channels * kh * kw * rows * out_w, numpy.float32)
    shifted = _columns.room_for_shifted(rows, out_w, kh, kw, geometry)
    for item in range(start, stop):
        n, block = divmod(item, groups * n_block)
        group, block = divmod(block, n_block)
        c = block * channels
        n_channel = min(channels, in_per_group - c)
        c_x = group * in_per_group + c
        out = slice(group * out_per_group, (group + 1) * out_per_group)
        gx[n, c_x:c_x + n_channel] = 0
        for top in range(0, out_h, rows):
            bottom = min(out_h, top + rows)
            matrix = _columns.as_matrix(col, n_channel * kh * kw, (bottom - top) * out_w)
            _blas.matmul(blas, W_flat[out, c * kh * kw:(c + n_channel) * kh * kw].T,
                         gy_flat[n, out, top * out_w:bottom * out_w], 0., matrix)
            _columns.col2im(matrix, gx[n, c_x:c_x + n_channel], shifted, top, bottom - top, out_w,
                    kh, kw, geometry)


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, {_ARRAY}, {_ARRAY}, {_ARRAY}, '
        f'float32[:,::1], int64, int64, {_GEOMETRY})')
def _backward(start, stop, blas, x, W, gy, gx, gW, gb, rows, channels, geometry):
    groups, in_per_group = gW.shape[1], W.shape[1]
    blocks = groups * -(-in_per_group // channels)
    _grad_x(start * blocks, stop * blocks, blas, gy, W, gx, rows, channels, groups, geometry)
    sum_grad_W(start, stop, blas, x, gy, gW, gb, W.shape[2], W.shape[3], rows, channels, False,
            geometry)
