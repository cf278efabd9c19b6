"""From positions in a data set to a batch."""

import chainer
import numpy
from chainer.backends import cuda
from chainer.dataset import concat_examples


def arrays_in(data):
    """Returns the arrays, NumPy's or CuPy's, that a data set consists of; None if it is no such data set."""
    if isinstance(data, chainer.datasets.TupleDataset):
        if all(type(part) in (numpy.ndarray, cuda.ndarray) for part in data._datasets):
            return data._datasets
    return None


def take(data, positions):
    """Returns the arrays x and t of the examples at these positions (a list or a range)."""
    parts = arrays_in(data)
    if parts is None:
        return concat_examples([data[position] for position in positions])
    positions = cuda.get_array_module(*parts).asarray(positions)    # once: on a GPU they are sent there
    return tuple(part[positions] for part in parts)     # no object per example


def everything(data):
    """Returns the arrays x and t of all examples: the data set's own, where it consists of arrays."""
    return arrays_in(data) or take(data, range(len(data)))


def beside(device, data):
    """Returns the data set on the current device, if it fills at most half of what is free.

    Only arrays can be moved so: what makes its examples one by one makes them in ordinary memory.
    """
    parts = arrays_in(data)
    if parts is None or device.xp is numpy:
        return data
    free, _ = cuda.cupy.cuda.runtime.memGetInfo()
    if sum(part.nbytes for part in parts) > free // 2:
        return data
    return chainer.datasets.TupleDataset(*device.send(parts))
