"""The gradients of a convolution with respect to W and b: sums over the whole batch.

The gradient of W is kept transposed while it is summed up: BLAS is fastest so.
"""

import numpy

from nico2ai_cnn.cpu import _blas, _columns, pool
from nico2ai_cnn.cpu._compile import kernel

_ARRAY = 'float32[:,:,:,::1]'
_BLOCK = 16    # numbers in a cache line


def room_for_sums(n_part, W_shape, groups):
    """Returns memory for the gradients of W (transposed) and b, for each part of the batch."""
    return (numpy.empty((n_part, groups, numpy.prod(W_shape[1:]), W_shape[0] // groups), 'f'),
            numpy.zeros((n_part, W_shape[0]), 'f'))


def add_up(gW_parts, gb_parts, W_shape):
    """Returns the gradients of W, as W is laid out, and b: the sums over the parts."""
    gW = numpy.empty(W_shape, 'f')
    _, groups, n_term, out_per_group = gW_parts.shape
    n_block = -(-out_per_group // _BLOCK)
    pool.run(_sum_transposed, groups * n_block, gW_parts, gW.reshape(groups, out_per_group, -1),
             microseconds=gW_parts.size / 1_000)
    return gW, gb_parts.sum(axis=0)


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_ARRAY}, {_ARRAY}, {_ARRAY}, float32[:,::1], '
        'int64, int64, int64, int64, boolean, UniTuple(int64, 6))',
        fastmath={'contract', 'reassoc'})
def sum_grad_W(start, stop, blas, x, gy, gW, gb, kh, kw, rows, channels, by_channels, geometry):
    # The items are images, each part of them with sums of its own, or blocks of channels.
    n_part, groups, n_term, out_per_group = gW.shape
    in_per_group = x.shape[1] // groups
    n_block = -(-in_per_group // channels)
    if by_channels:
        part, images, blocks = 0, (0, len(x)), (start, stop)
    else:
        part, images, blocks = -(-start * n_part // len(x)), (start, stop), (0, groups * n_block)
    out_h, out_w = gy.shape[2:]
    gy_flat = gy.reshape(len(gy), gy.shape[1], out_h * out_w)
    col = numpy.empty(channels * kh * kw * rows * out_w, numpy.float32)
    shifted = _columns.room_for_shifted(rows, out_w, kh, kw, geometry)
    transposing = n_term >= 100  # BLAS is faster then, by more than transposing takes
    gy_memory = numpy.empty(out_per_group * rows * out_w, numpy.float32)
    for n in range(*images):
        if blocks[0] == 0:
            for o in range(gy.shape[1]):
                of = gy_flat[n, o]
                total = numpy.float32(0)
                for i in range(len(of)):
                    total += of[i]
                gb[part, o] += total
        for top in range(0, out_h, rows):
            n_row = min(rows, out_h - top)
            n_column = n_row * out_w
            gy_transposed = _columns.as_matrix(gy_memory, n_column, out_per_group)
            for block in range(*blocks):
                group, c = block // n_block, block % n_block * channels
                gy_tile = gy_flat[n, group * out_per_group:(group + 1) * out_per_group,
                                  top * out_w:top * out_w + n_column]
                if transposing and (block == blocks[0] or c == 0):
                    for o in range(out_per_group):
                        of = gy_tile[o]
                        for i in range(n_column):
                            gy_transposed[i, o] = of[i]
                n_channel = min(channels, in_per_group - c)
                c_x = group * in_per_group + c
                matrix = _columns.as_matrix(col, n_channel * kh * kw, n_column)
                _columns.im2col(x[n, c_x:c_x + n_channel], matrix, shifted, top, n_row,
                                out_w, kh, kw, geometry)
                sums = gW[part, group, c * kh * kw:(c + n_channel) * kh * kw]
                beta = 0. if n == images[0] and top == 0 else 1.
                if transposing:
                    _blas.matmul(blas, matrix, gy_transposed, beta, sums)
                else:
                    _blas.matmul(blas, matrix, gy_tile.T, beta, sums)


@kernel('void(int64, int64, float32[:,:,:,::1], float32[:,:,::1])')
def _sum_transposed(start, stop, parts, total):
    groups, n_out, n_term = total.shape
    n_block = -(-n_out // _BLOCK)
    for item in range(start, stop):
        group, block = divmod(item, n_block)
        low, high = block * _BLOCK, min(n_out, (block + 1) * _BLOCK)
        for term in range(n_term):
            for o in range(low, high):
                value = parts[0, group, term, o]
                for part in range(1, len(parts)):
                    value += parts[part, group, term, o]
                total[group, o, term] = value
