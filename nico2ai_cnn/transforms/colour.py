"""Brightness, contrast, noise, and AlexNet's change of lighting."""

import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks
from nico2ai_cnn.transforms._batch import batch_of, each, generator, in_memory, limits, uniform


def adjust(x, brightness=0., contrast=1.):
    """Returns ``contrast * (x - 0.5) + 0.5 + brightness``, for pixels in [0, 1]; not clipped.

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of floats, NumPy or CuPy.
        brightness, contrast: One number for all images, or one for each; contrast above 0.

    Returns:
        As x.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x)
    brightness, contrast = (each(name, value, len(batch)) for name, value in (
        ('brightness', brightness), ('contrast', contrast)))
    if contrast.min() <= 0:
        raise ValueError(f'contrast must be larger than 0; got {contrast.min():g}')
    factor, added = (_beside(batch, value) for value in (contrast, 0.5 + brightness - 0.5 * contrast))
    return back(batch * factor + added)


def random_brightness_contrast(x, brightness=0.2, contrast=0.2, rng=None, return_param=False):
    """Makes each image lighter or darker, and harder or softer, at random: see :func:`adjust`.

    Args:
        x: As for :func:`adjust`.
        brightness: What is added: a number a for between -a and a, or (low, high).
        contrast: Factor: a number a for between 1 - a and 1 + a, or (low, high), above 0.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'brightness', 'contrast'}`` too.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x)
    pairs = {'brightness': limits('brightness', brightness),
             'contrast': limits('contrast', contrast, around=1., least=0.)}
    rng = generator(rng, x)
    param = {name: uniform(rng, pair, len(batch)) for name, pair in pairs.items()}
    y = back(adjust(batch, **param))
    return (y, back(param)) if return_param else y


def random_noise(x, std=0.1, rng=None, return_param=False):
    """Adds normally distributed noise to every pixel.

    Args:
        x: As for :func:`adjust`.
        std: Standard deviation: a number, or (low, high) to draw one from for each image.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'std'}`` too.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x)
    low, high = limits('std', (std, std) if numpy.isscalar(std) else std)
    if low < 0:
        raise ValueError(f'std must be at least 0; got {std!r}')
    rng, xp = generator(rng, x), cuda.get_array_module(batch)
    param = {'std': uniform(rng, (low, high), len(batch))}
    noise = xp.asarray(rng.standard_normal(batch.shape, dtype='f')).astype(batch.dtype, copy=False)
    y = back(batch + noise * _beside(batch, param['std']))
    return (y, back(param)) if return_param else y


class Lighting:
    """The directions in which a set of photos differs in colour (Krizhevsky et al. 2012, section 4.1).

    Args:
        images: ``(N, C, H, W)`` of floats: training images.

    Attributes:
        eigenvalues (numpy.ndarray): ``(C,)``, the variances along the directions, largest first.
        eigenvectors (numpy.ndarray): ``(C, C)``, one direction in each column.

    Raises:
        TypeError, ValueError: If ``images`` is not such an array.
    """

    def __init__(self, images):
        batch, _ = batch_of(images)
        if not cuda.get_array_module(batch).isfinite(batch).all():
            raise ValueError('images holds NaN or infinity')
        pixels = in_memory(batch).transpose(1, 0, 2, 3).reshape(batch.shape[1], -1).astype(float)
        values, vectors = numpy.linalg.eigh(numpy.atleast_2d(numpy.cov(pixels)))
        self.eigenvalues, self.eigenvectors = values[::-1].clip(0), vectors[:, ::-1]


def random_lighting(x, lighting, std=0.1, rng=None, return_param=False):
    """Shifts each image's colour along the directions in which photos differ, by AlexNet's rule.

    To all pixels of an image is added the sum over the directions p of ``alpha * eigenvalue * p``; each
    alpha is normal with a standard deviation of ``std``.

    Args:
        x: As for :func:`adjust`; C as in ``lighting``.
        lighting (Lighting): Of the training images.
        std (float): 0.1 in the paper (for pixels of 0 to 255).
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'alpha'}`` too, ``(N, C)``.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x)
    if not isinstance(lighting, Lighting):
        raise TypeError(f'lighting must be a Lighting, of the training images; got {lighting!r}')
    if len(lighting.eigenvalues) != batch.shape[1]:
        raise ValueError(f'lighting is of {len(lighting.eigenvalues)} channels; x has {batch.shape[1]}')
    if not (_checks.is_number(std) and std >= 0):
        raise ValueError(f'std must be a number of at least 0; got {std!r}')
    alpha = std * in_memory(generator(rng, x).standard_normal((len(batch), batch.shape[1])))
    added = (alpha * lighting.eigenvalues) @ lighting.eigenvectors.T
    y = back(batch + _beside(batch, added))
    return (y, back({'alpha': alpha})) if return_param else y


def _beside(batch, values):
    """Returns ``(N,)`` or ``(N, C)`` numbers where the batch is, ready to be broadcast over it."""
    xp = cuda.get_array_module(batch)
    values = numpy.reshape(values, (len(batch), -1, 1, 1))
    return xp.asarray(values.astype(batch.dtype))
