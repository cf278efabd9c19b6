"""Which arrays the kernels take, and how others are made so."""

import chainer
import numpy

FLOAT32 = numpy.dtype('float32')


def apply(*arrays):
    """Returns whether kernels apply to these arrays: float32, in ordinary memory, not empty."""
    for array in arrays:
        if type(array) is not numpy.ndarray or array.dtype != FLOAT32 or array.size == 0:
            return False
    return True


def contiguous(*arrays):
    """Returns the arrays, those in C order, aligned and writable as they are, others as copies."""
    return [array if array.flags.carray else numpy.array(array, order='C') for array in arrays]


def variables(arrays, indexes):
    """Returns the arrays of these indexes as Variables, as a ``backward`` method must."""
    return [chainer.as_variable(arrays[index]) for index in indexes]


def planes(array):
    """Returns ``(N, C, H, W)`` as ``(N * C, H, W)``."""
    return array.reshape(-1, *array.shape[2:])


def flat(array):
    """Returns ``(N, C, ...)`` as ``(N, C, positions)``."""
    return array.reshape(array.shape[0], array.shape[1], -1)
