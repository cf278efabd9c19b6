"""Weights and images that Chainer's and PyTorch's side of a comparison draw alike."""

import zlib

import numpy as np


def uniform(name, shape, low=-1.0, high=1.0):
    """Returns float32 numbers in [low, high) that depend on ``name`` and ``shape`` alone.

    RandomState, because its stream is frozen for good; a Generator's may change.
    """
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    return (low + (high - low) * rng.random_sample(shape)).astype(np.float32)


def parameter(name, shape):
    """Returns one parameter or running average by its Chainer name, such as ``/conv1/W``.

    Weights keep the size of what flows through (variance 2 / fan-in), so that no layer's
    contribution drowns in rounding.
    """
    last = name.rsplit('/', 1)[-1]
    if last == 'avg_var':
        return uniform(name, shape, 0.5, 1.5)
    if last in ('gamma', 'W') and len(shape) == 1:
        return uniform(name, shape, 0.8, 1.2)
    if len(shape) == 1:
        return uniform(name, shape, -0.1, 0.1)
    bound = (6 / int(np.prod(shape[1:]))) ** 0.5
    return uniform(name, shape, -bound, bound)


def public(name, shape):
    """Returns the same for a tensor's public name, such as ``layer1.0.bn1.running_var``."""
    *path, last = name.split('.')
    last = {'weight': 'W', 'bias': 'b', 'running_mean': 'avg_mean', 'running_var': 'avg_var'}[last]
    return parameter('/'.join(['', *path, last]), shape)


def fill(model):
    """Gives a Chainer model, initialised, all its parameters and running averages."""
    for name, param in model.namedparams():
        param.array[...] = parameter(name, param.shape)
    for path, link in model.namedlinks():
        for average in 'avg_mean', 'avg_var':
            if hasattr(link, average):
                getattr(link, average)[...] = parameter(f'{path}/{average}', getattr(link, average).shape)


def slice_of(array):
    """Returns what is kept of an array: 32 of its numbers, evenly spread, its sum and its norm."""
    flat = np.asarray(array, np.float64).ravel()
    picked = flat[np.linspace(0, len(flat) - 1, min(32, len(flat))).astype(int)]
    return np.concatenate([picked, [flat.sum(), np.sqrt((flat ** 2).sum())]])
