"""Max pooling in two dimensions, with Chainer's rules for ties, NaN and padding."""

import numpy
from numba import uintp

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import planes
from nico2ai_cnn.cpu._columns import inside
from nico2ai_cnn.cpu._compile import helper, kernel

_PLANES = 'float32[:,:,::1]'
_INDEXES = 'int32[:,:,::1]'
NARROW = 32
"""Rows of fewer windows than this are too short to be worked on one by one."""


def forward(x, out_size, ksize, stride, pad):
    """Returns the maxima and where they stand in their windows.

    Args:
        x (numpy.ndarray): ``(N, C, H, W)``, float32 and contiguous.
        out_size: ``(out_h, out_w)``.
        ksize, stride, pad: Pairs, vertical and horizontal.

    Returns:
        tuple: y and int32 indexes, both ``(N, C, out_h, out_w)``; an index
        counts the window's positions row by row. Of equal values, the first.
    """
    y = numpy.empty((*x.shape[:2], *out_size), 'f')
    indexes = numpy.empty(y.shape, 'i')
    arrays = planes(x), planes(y), planes(indexes)
    if _is_two_by_two(x.shape[2:], out_size, ksize, stride, pad):
        pool.run(_forward_2x2, len(arrays[0]), *arrays, microseconds=x.size / 4_000)
    elif out_size[1] < NARROW:
        pool.run(_forward_narrow, len(arrays[0]), *arrays, (*ksize, *stride, *pad),
                 microseconds=y.size * stride[0] * stride[1] * (ksize[0] + ksize[1]) / 4_000)
    else:
        pool.run(_forward, len(arrays[0]), *arrays, (*ksize, *stride, *pad),
                 microseconds=y.size * ksize[0] * ksize[1] / 1_000)
    return y, indexes


def backward(gy, indexes, in_size, ksize, stride, pad):
    """Returns the gradient ``(N, C, H, W)``: each of gy goes to its window's maximum."""
    out_size = gy.shape[2:]
    if _is_two_by_two(in_size, out_size, ksize, stride, pad):
        gx = numpy.empty((*gy.shape[:2], *in_size), 'f')
        pool.run(_backward_2x2, gy.shape[0] * gy.shape[1],
                 planes(gy), planes(indexes), planes(gx), microseconds=gx.size / 4_000)
    else:
        gx = numpy.zeros((*gy.shape[:2], *in_size), 'f')
        pool.run(_backward, gy.shape[0] * gy.shape[1], planes(gy), planes(indexes),
                 planes(gx), (*ksize, *stride, *pad), microseconds=gy.size / 1_000)
    return gx


def _is_two_by_two(in_size, out_size, ksize, stride, pad):
    return (tuple(ksize) == tuple(stride) == (2, 2) and tuple(pad) == (0, 0)
            and tuple(in_size) == (2 * out_size[0], 2 * out_size[1]))


@helper
def _is_better(value, best):
    """As numpy.argmax decides: the first of equal values, and the first NaN before all."""
    return best == best and not value <= best


@helper
def _compare(row, stride, best, index, position):
    """Takes over what is better at one position of a row of windows."""
    for i in range(len(best)):
        value = row[i * stride]
        take = _is_better(value, best[i])
        best[i] = value if take else best[i]
        index[i] = position if take else index[i]


@kernel(f'void(int64, int64, {_PLANES}, {_PLANES}, {_INDEXES}, UniTuple(int64, 6))')
def _forward(start, stop, x, y, indexes, geometry):
    kh, kw, sy, sx, ph, pw = geometry
    _, height, width = x.shape
    out_h, out_w = y.shape[1:]
    for plane in range(start, stop):
        for oy in range(out_h):
            for i in range(out_w):
                y[plane, oy, i] = -numpy.inf
                indexes[plane, oy, i] = 0
            for ky in range(max(0, ph - oy * sy), min(kh, height + ph - oy * sy)):
                for kx in range(kw):
                    position = numpy.int32(ky * kw + kx)
                    low, high = inside(kx - pw, sx, width, out_w)
                    row = x[plane, oy * sy - ph + ky, low * sx + kx - pw:]
                    best, index = y[plane, oy, low:high], indexes[plane, oy, low:high]
                    if sx == 1:    # LLVM makes vectors of strides that it knows
                        _compare(row, 1, best, index, position)
                    elif sx == 2:
                        _compare(row, 2, best, index, position)
                    else:
                        _compare(row, sx, best, index, position)


@helper
def _compare_rows(rows, columns, n, distance, best, index, position):
    """Takes over what is better in the rows ``distance`` further on; ``columns`` says where there."""
    values, places = rows[distance:distance + n], columns[distance:distance + n]
    for i in range(n):
        take = _is_better(values[i], best[i])
        best[i] = values[i] if take else best[i]
        index[i] = position + places[i] if take else index[i]


@kernel(f'void(int64, int64, {_PLANES}, {_PLANES}, {_INDEXES}, UniTuple(int64, 6))')
def _forward_narrow(start, stop, x, y, indexes, geometry):
    kh, kw, sy, sx, ph, pw = geometry
    out_h, out_w = y.shape[1:]
    # What the windows see, padded, as one long row: windows at all places (also those between the
    # strides, and across the edges, which nobody asks for) are then worked on together.
    height, width = (out_h - 1) * sy + kh, (out_w - 1) * sx + kw
    low_y, high_y = ph, min(height, x.shape[1] + ph)
    low_x, high_x = pw, min(width, x.shape[2] + pw)
    pixels = numpy.full(height * width, -numpy.inf, numpy.float32)
    n_row, n = height * width - kw + 1, (height - kh) * width + width - kw + 1
    best_of_row, column = numpy.empty(n_row, numpy.float32), numpy.empty(n_row, numpy.int32)
    best, index = numpy.empty(n, numpy.float32), numpy.empty(n, numpy.int32)
    for plane in range(start, stop):
        for row in range(low_y, high_y):
            pixels.reshape((height, width))[row, low_x:high_x] = x[plane, row - ph, :high_x - low_x]
        best_of_row[:], column[:] = pixels[:n_row], 0
        for kx in range(1, kw):
            _compare(pixels[uintp(kx):], 1, best_of_row, column, numpy.int32(kx))
        best[:], index[:] = best_of_row[:n], column[:n]
        for ky in range(1, kh):
            _compare_rows(best_of_row, column, n, ky * width, best, index, numpy.int32(ky * kw))
        for oy in range(out_h):
            for ox in range(out_w):
                y[plane, oy, ox] = best[uintp(oy * sy * width + ox * sx)]
                indexes[plane, oy, ox] = index[uintp(oy * sy * width + ox * sx)]


@kernel(f'void(int64, int64, {_PLANES}, {_PLANES}, {_INDEXES})')
def _forward_2x2(start, stop, x, y, indexes):
    _, height, width = x.shape
    out_h, out_w = y.shape[1:]
    # First the better one of each pair in a row, for all rows of a plane at once.
    best = numpy.empty(height * out_w, numpy.float32)
    index = numpy.empty(height * out_w, numpy.int32)
    for plane in range(start, stop):
        pixels = x[plane].reshape(height * width)
        for i in range(height * out_w):
            left, right = pixels[2 * i], pixels[2 * i + 1]
            take = _is_better(right, left)
            best[i] = right if take else left
            index[i] = 1 if take else 0
        for oy in range(out_h):
            for i in range(out_w):
                top, bottom = uintp(2 * oy * out_w + i), uintp((2 * oy + 1) * out_w + i)
                take = _is_better(best[bottom], best[top])
                y[plane, oy, i] = best[bottom] if take else best[top]
                indexes[plane, oy, i] = index[bottom] + 2 if take else index[top]


@kernel(f'void(int64, int64, {_PLANES}, {_INDEXES}, {_PLANES}, UniTuple(int64, 6))')
def _backward(start, stop, gy, indexes, gx, geometry):
    kh, kw, sy, sx, ph, pw = geometry
    _, height, width = gx.shape
    out_h, out_w = gy.shape[1:]
    for plane in range(start, stop):
        for oy in range(out_h):
            g, index = gy[plane, oy], indexes[plane, oy]
            for i in range(out_w):
                y = oy * sy - ph + index[i] // kw
                x = i * sx - pw + index[i] % kw
                if 0 <= y < height and 0 <= x < width:
                    gx[plane, y, x] += g[i]


@kernel(f'void(int64, int64, {_PLANES}, {_INDEXES}, {_PLANES})')
def _backward_2x2(start, stop, gy, indexes, gx):
    out_h, out_w = gy.shape[1:]
    zero = numpy.float32(0)
    for plane in range(start, stop):
        for oy in range(out_h):
            for ky in range(2):
                for i in range(out_w):
                    g, index = gy[plane, oy, i], indexes[plane, oy, i] - 2 * ky
                    gx[plane, 2 * oy + ky, 2 * i] = g if index == 0 else zero
                    gx[plane, 2 * oy + ky, 2 * i + 1] = g if index == 1 else zero
