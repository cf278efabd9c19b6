"""Mirror images, a whole batch in one pass."""

import numpy
from numba import uintp

from nico2ai_cnn.cpu import pool
from nico2ai_cnn.cpu._arrays import contiguous
from nico2ai_cnn.cpu._compile import kernel

_IMAGES = 'float32[:,:,:,::1]'


def mirror(x, down, across):
    """Returns images in which top and bottom, or left and right, have changed places.

    Args:
        x (numpy.ndarray): ``(N, C, H, W)``, float32.
        down, across (numpy.ndarray): ``(N,)``, bool: which images, up and down, and from left to right.

    Returns:
        numpy.ndarray: A new array, as x.
    """
    y = numpy.empty(x.shape, 'f')
    x, = contiguous(x)
    pool.run(_mirror, len(x), x, down, across, y, microseconds=y.size / 2_000)
    return y


@kernel(f'void(int64, int64, {_IMAGES}, boolean[::1], boolean[::1], {_IMAGES})')
def _mirror(start, stop, x, down, across, y):
    _, n_channel, height, width = x.shape
    for n in range(start, stop):
        for c in range(n_channel):
            for i in range(height):
                row, line = x[n, c, height - 1 - i if down[n] else i], y[n, c, i]
                if across[n]:
                    for j in range(width):
                        line[j] = row[uintp(width - 1 - j)]
                else:
                    for j in range(width):
                        line[j] = row[j]
