"""Where an array is."""

import chainer
import numpy


def in_memory(value, dtype=float):
    """Returns a list, a Variable, or an array of NumPy's or CuPy's as NumPy's."""
    value = getattr(value, 'array', value)
    if isinstance(value, chainer.get_array_types()):
        value = chainer.backends.cuda.to_cpu(value)
    return numpy.asarray(value, dtype)
