"""Which arrays the functions of this folder answer for."""

import numpy
from chainer.backends import cuda


def apply(*arrays):
    """Returns whether all are float32 arrays on a GPU, and none is empty."""
    return all(type(array) is cuda.ndarray and array.dtype == numpy.float32 and array.size for array in arrays)
