"""Unrolling a tile of an image batch into columns, and adding columns back onto it."""

import numpy

from nico2ai_cnn.cpu._compile import helper
from nico2ai_cnn.cpu._memory import copy


@helper
def as_matrix(memory, n_row, n_column):
    """Returns the beginning of a line of numbers as a matrix."""
    return memory[:n_row * n_column].reshape(n_row, n_column)


@helper
def room_for_shifted(rows, out_w, kh, kw, geometry):
    """Returns memory for the shifted rows of one channel, for :func:`im2col`."""
    sy, _, _, _, dy, _ = geometry
    return numpy.empty((kw, sy * _rows_per_phase(rows, kh, sy, dy), out_w), numpy.float32)


@helper
def _rows_per_phase(rows, kh, sy, dy):
    """Of the input rows under a tile every sy-th one belongs to the same phase."""
    return -(-((rows - 1) * sy + (kh - 1) * dy + 1) // sy)


@helper
def inside(shift, stride, n_in, n_out):
    """Returns the range of outputs i for which ``i * stride + shift`` lies in the input."""
    low = min(n_out, max(0, -(shift // stride)))
    high = max(low, min(n_out, (n_in - 1 - shift) // stride + 1))
    return low, high


@helper
def im2col(x, col, shifted, top, rows, out_w, kh, kw, geometry):
    """Unrolls x ``(channels, H, W)`` into ``col (channels * kh * kw, rows * out_w)``.

    In two steps: each input row is copied once per kernel column, at its horizontal shift
    and stride, the rows of one phase of the vertical stride next to each other; then
    a row of ``col`` is one unbroken stretch of that copy.
    """
    n_channel, height, width = x.shape
    sy, sx, ph, pw, dy, dx = geometry
    n_row = (rows - 1) * sy + (kh - 1) * dy + 1
    per_phase = _rows_per_phase(rows, kh, sy, dy)
    run = rows * out_w
    for c in range(n_channel):
        for kx in range(kw):
            shift = kx * dx - pw
            low, high = inside(shift, sx, width, out_w)
            for row in range(n_row):
                y = top * sy - ph + row
                to = shifted[kx, row % sy * per_phase + row // sy]
                if y < 0 or y >= height:
                    to[:] = 0
                    continue
                for i in range(low):
                    to[i] = 0
                if sx == 1:
                    copy(to, low, x, (c * height + y) * width + low + shift, high - low)
                else:
                    of = x[c, y]
                    for i in range(low, high):
                        to[i] = of[i * sx + shift]
                for i in range(high, out_w):
                    to[i] = 0
        for ky in range(kh):
            first = ky * dy % sy * per_phase + ky * dy // sy
            for kx in range(kw):
                copy(col, ((c * kh + ky) * kw + kx) * run,
                     shifted, kx * shifted[0].size + first * out_w, run)


@helper
def col2im(col, gx, shifted, top, rows, out_w, kh, kw, geometry):
    """Adds what :func:`im2col` would have unrolled back onto ``gx``."""
    n_channel, height, width = gx.shape
    sy, sx, ph, pw, dy, dx = geometry
    n_row = (rows - 1) * sy + (kh - 1) * dy + 1
    per_phase = _rows_per_phase(rows, kh, sy, dy)
    for c in range(n_channel):
        for kx in range(kw):
            sums = shifted[kx].reshape(-1)
            sums[:] = 0
            for ky in range(kh):
                first = (ky * dy % sy * per_phase + ky * dy // sy) * out_w
                to = sums[first:first + rows * out_w]
                of = col[(c * kh + ky) * kw + kx]
                for i in range(len(to)):
                    to[i] += of[i]
            shift = kx * dx - pw
            low, high = inside(shift, sx, width, out_w)
            for row in range(n_row):
                y = top * sy - ph + row
                if y < 0 or y >= height:
                    continue
                of = shifted[kx, row % sy * per_phase + row // sy, low:]
                if sx == 1:
                    to = gx[c, y, low + shift:]
                    for i in range(high - low):
                        to[i] += of[i]
                else:
                    to = gx[c, y]
                    for i in range(high - low):
                        to[(low + i) * sx + shift] += of[i]
