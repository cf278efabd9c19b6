"""From positions in a data set to a batch."""

import chainer
import numpy
from chainer.dataset import concat_examples


def take(data, positions):
    """Returns the arrays x and t of the examples at these positions (a list or a range)."""
    if isinstance(data, chainer.datasets.TupleDataset):
        parts = data._datasets
        if all(type(part) is numpy.ndarray for part in parts):
            positions = numpy.asarray(positions)
            return tuple(part[positions] for part in parts)  # no Python object per example
    return concat_examples([data[position] for position in positions])
