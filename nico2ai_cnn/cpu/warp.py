"""Images seen through a map of places: bilinear, a whole batch in one pass."""

import numpy
from numba import float32, int32, uintp

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import contiguous
from nico2ai_cnn.cpu._compile import kernel

_IMAGES = 'float32[:,:,:,::1]'
_NO_OFFSETS = numpy.empty((0, 0, 0, 0), 'f')

pool.keep_freed_memory()    # a batch of photos is tens of megabytes, asked for again at each step


def warp(x, sources, offsets=None, fill=0., edge=False, size=None):
    """Returns a batch whose pixels each look somewhere else.

    Args:
        x (numpy.ndarray): ``(N, C, H, W)``, float32.
        sources (numpy.ndarray): ``(N, 2, 3)``, float32 and finite: pixel (i, j) of image n looks at
            row and column ``sources[n] @ (i, j, 1)`` of x, which is bilinear between its pixels.
        offsets (numpy.ndarray): ``(N, 2, H, W)``, float32 and finite: how many rows
            and columns further on each pixel looks.
        fill (float): What lies outside of x.
        edge (bool): Whether x goes on outside as at its edge, in place of ``fill``.
        size: ``(height, width)`` of the result, by default x's.

    Returns:
        numpy.ndarray: ``(N, C, height, width)``.
    """
    y = numpy.empty((*x.shape[:2], *(size or x.shape[2:])), 'f')
    x, offsets = contiguous(x, _NO_OFFSETS if offsets is None else offsets)
    pool.run(_warp, len(x), x, sources, offsets, y, numpy.float32(fill), bool(edge), microseconds=y.size / 400)
    return y


# No place is NaN, and knowing that, LLVM makes vectors of the clipping.
@kernel(f'void(int64, int64, {_IMAGES}, float32[:,:,::1], {_IMAGES}, {_IMAGES}, float32, boolean)',
        fastmath={'contract', 'nnan', 'nsz'})
def _warp(start, stop, x, sources, offsets, y, fill, edge):
    _, n_channel, height, width = x.shape
    out_height, out_width = y.shape[2:]
    # A frame around the image, one pixel before it and two behind, so that no pixel needs to ask
    # whether its neighbours are there: everything further out is clipped to the frame.
    across = width + 3
    framed = numpy.full((n_channel, (height + 3) * across), fill, numpy.float32)
    first = float32(1) if edge else float32(0)
    last_row = float32(height) if edge else float32(height + 1)
    last_column = float32(width) if edge else float32(width + 1)
    rows, columns = numpy.empty(out_width, numpy.float32), numpy.empty(out_width, numpy.float32)
    places = numpy.empty(out_width, numpy.int32)
    for n in range(start, stop):
        for c in range(n_channel):
            for i in range(height):
                framed[c, (i + 1) * across + 1:(i + 1) * across + 1 + width] = x[n, c, i]
        source = sources[n]
        for i in range(out_height):
            row = source[0, 0] * float32(i) + source[0, 2] + float32(1)
            column = source[1, 0] * float32(i) + source[1, 2] + float32(1)
            for j in range(out_width):
                rows[j] = row + source[0, 1] * float32(j)
                columns[j] = column + source[1, 1] * float32(j)
            if len(offsets):
                down, right = offsets[n, 0, i], offsets[n, 1, i]
                for j in range(out_width):
                    rows[j] += down[j]
                    columns[j] += right[j]
            for j in range(out_width):
                r = rows[j] if rows[j] > first else first
                q = columns[j] if columns[j] > first else first
                r = r if r < last_row else last_row
                q = q if q < last_column else last_column
                above, before = int32(r), int32(q)
                places[j] = above * int32(across) + before
                rows[j], columns[j] = r - float32(above), q - float32(before)
            for c in range(n_channel):
                pixels, line = framed[c], y[n, c, i]
                for j in range(out_width):
                    place = uintp(places[j])
                    upper = pixels[place] + columns[j] * (pixels[place + uintp(1)] - pixels[place])
                    place += uintp(across)
                    lower = pixels[place] + columns[j] * (pixels[place + uintp(1)] - pixels[place])
                    line[j] = upper + rows[j] * (lower - upper)
