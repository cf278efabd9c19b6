"""What all transforms ask of their arguments."""

import chainer
import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks


def batch_of(x, floats=True):
    """Returns x as a batch, and a function that gives a batch, or what was drawn for one, x's own form.

    Raises:
        TypeError: If ``x`` is not a NumPy or CuPy array, or not of floats where ``floats``.
        ValueError: If it is not ``(C, H, W)`` or ``(N, C, H, W)``, or empty.
    """
    if isinstance(x, chainer.Variable):
        raise TypeError('x is a Variable; give its array')
    if not isinstance(x, chainer.get_array_types()):
        raise TypeError(f'x must be a NumPy or CuPy array; got {type(x).__name__}')
    if x.ndim not in (3, 4):
        raise ValueError(f'x must have shape (C, H, W) or (N, C, H, W); got {x.shape}')
    if x.size == 0:
        raise ValueError(f'x is empty: its shape is {x.shape}')
    if floats and x.dtype.kind != 'f':
        raise TypeError(f'x must be of floats, as in x.astype(numpy.float32) / 255; got {x.dtype}')
    if x.ndim == 4:
        return x, lambda result: result
    return x[None], lambda result: ({name: value[0] for name, value in result.items()}
                                    if isinstance(result, dict) else result[0])


def generator(rng, x):
    """Returns ``rng``, or a new one of NumPy's.

    Raises:
        TypeError: If it is no generator, or CuPy's where x is in ordinary memory.
    """
    if cuda.available and isinstance(rng, cuda.cupy.random.Generator):
        if isinstance(x, numpy.ndarray):
            raise TypeError('rng draws on the GPU, and x is a NumPy array; give numpy.random.default_rng(...)')
        return rng
    return _checks.generator(rng)


def in_memory(value, dtype=None):
    """Returns an array of NumPy's or CuPy's, a Variable, a list or number, as NumPy's."""
    value = getattr(value, 'array', value)
    return numpy.asarray(cuda.to_cpu(value) if isinstance(value, chainer.get_array_types()) else value, dtype)


def uniform(rng, limits, n):
    """Returns n numbers between two limits, as a NumPy float64 array."""
    low, high = limits
    return low + (high - low) * in_memory(rng.random(n))


def limits(name, value, around=0., least=None):
    """Returns (low, high): a pair as it is, a number a as ``(around - a, around + a)``.

    Raises:
        ValueError: If they are not finite, not in order, or below ``least``.
    """
    try:
        pair = numpy.ravel(numpy.asarray(value, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f'{name} must be a number, or (low, high); got {value!r}') from None
    if pair.size == 1:
        pair = numpy.array([around - pair[0], around + pair[0]])
    if pair.size != 2 or not numpy.isfinite(pair).all() or pair[0] > pair[1]:
        raise ValueError(f'{name} must be a number of at least 0, or (low, high), finite; got {value!r}')
    if least is not None and pair[0] <= least:
        raise ValueError(f'{name} must be larger than {least:g}; got {value!r}')
    return pair[0], pair[1]


def each(name, value, n, dtype=float):
    """Returns one value for each of n images, from one for all or one for each, in ordinary memory.

    Raises:
        ValueError: If there are other than 1 or n, or one is not finite, or no ``dtype``.
    """
    values = in_memory(value)
    if values.ndim > 1 or values.size not in (1, n):
        raise ValueError(f'{name} must be one number, or one for each of {n} images; got shape {values.shape}')
    if values.dtype.kind not in 'biuf':
        raise ValueError(f'{name} must be a number; got {value!r}')
    if not numpy.isfinite(values).all():
        raise ValueError(f'{name} must be finite; got {value!r}')
    converted = values.ravel().astype(dtype)
    if (converted != values.ravel()).any():
        raise ValueError(f'{name} must be {dtype.__name__}; got {value!r}')
    return numpy.broadcast_to(converted, (n,))


def size_of(name, value):
    """Returns (height, width) from a pair, or from a number for both.

    Raises:
        ValueError: If they are not integers of at least 1.
    """
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(isinstance(side, (int, numpy.integer)) and not isinstance(side, bool)
                                 and side >= 1 for side in pair):
        raise ValueError(f'{name} must be an integer of at least 1, or two, (height, width); got {value!r}')
    return int(pair[0]), int(pair[1])
