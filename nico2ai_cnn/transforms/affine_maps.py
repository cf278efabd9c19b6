"""Rotation, shift, scale and shear (回転・変形; slide 36): any affine map, sampled once.

Maps act on (row, column) counted from an image's centre, and tell where a pixel of x goes.
"""

import numpy

from nico2ai_cnn.transforms._batch import batch_of, each, generator, in_memory, limits, uniform
from nico2ai_cnn.transforms._warp import warp


def affine(x, matrix, fill=0., edge=False):
    """Moves each pixel at p from the centre to ``matrix[:, :2] @ p + matrix[:, 2]``; bilinear.

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of floats, NumPy or CuPy. Computed in float32.
        matrix: ``(2, 3)``, or ``(N, 2, 3)`` with one for each image: rows first, then columns.
        fill (float): What comes in from outside.
        edge (bool): Whether the edge's pixels go on outside, in place of ``fill``.

    Returns:
        As x.

    Raises:
        TypeError: If x is not of floats.
        ValueError: If x or ``matrix`` has another shape, or a matrix is not finite or cannot be
            inverted.
    """
    batch, back = batch_of(x)
    matrix = in_memory(matrix).astype(float)
    if matrix.shape not in ((2, 3), (len(batch), 2, 3)):
        raise ValueError(f'matrix must have shape (2, 3) or ({len(batch)}, 2, 3); got {matrix.shape}')
    if not numpy.isfinite(matrix).all() or (numpy.abs(numpy.linalg.det(matrix[..., :2])) < 1e-8).any():
        raise ValueError(f'matrix must be finite and have an inverse; got {matrix!r}')
    return back(warp(batch, sources(matrix, batch), None, fill, edge))


def rotate(x, angle, fill=0., edge=False):
    """Turns images about their centre, counter-clockwise.

    Args:
        x, fill, edge: As for :func:`affine`.
        angle: Degrees: one number, or one for each of N images.

    Returns:
        As x.

    Raises:
        TypeError: If x is not of floats.
        ValueError: If x has another shape, or ``angle`` is not finite, or not one number or N.
    """
    return _moved(x, fill, edge, angle=angle)


def shift(x, dy=0, dx=0, fill=0., edge=False):
    """Moves images.

    Args:
        x, fill, edge: As for :func:`affine`.
        dy, dx: Pixels down and to the right, fractions too: one number, or one for each of N images.

    Returns:
        As x.

    Raises:
        TypeError: If x is not of floats.
        ValueError: If x has another shape, or ``dy`` or ``dx`` is not finite, or not one number or N.
    """
    return _moved(x, fill, edge, dy=dy, dx=dx)


def zoom(x, scale, fill=0., edge=False):
    """Makes what is in the image ``scale`` times as large, about the centre.

    Args:
        x, fill, edge: As for :func:`affine`.
        scale: Factor above 0: one number, or one for each of N images.

    Returns:
        As x.

    Raises:
        TypeError: If x is not of floats.
        ValueError: If x has another shape, or ``scale`` is not finite and above 0, or not one number or N.
    """
    return _moved(x, fill, edge, scale=scale)


def shear(x, angle, fill=0., edge=False):
    """Slants images; the top goes right where ``angle`` is positive.

    Args:
        x, fill, edge: As for :func:`affine`.
        angle: Degrees between -90 and 90: one number, or one for each of N images.

    Returns:
        As x.

    Raises:
        TypeError: If x is not of floats.
        ValueError: If x has another shape, or ``angle`` is out of range, or not one number or N.
    """
    return _moved(x, fill, edge, shear=angle)


def random_affine(x, angle=0., shift=0., scale=(1., 1.), shear=0., fill=0., edge=False, rng=None,
                  return_param=False):
    """Slants, zooms, turns and moves each image at random: one map, sampled once.

    Args:
        x: As for :func:`affine`.
        angle, shear: Degrees: a number a for between -a and a, or (low, high).
        shift: Pixels, down and to the right each; in the same way.
        scale: Factor, (low, high); or a number a for between 1 - a and 1 + a.
        fill, edge: As for :func:`affine`.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'angle', 'dy', 'dx', 'scale', 'shear'}`` too, a
            number for each image.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError: If x is not of floats, or ``rng`` no generator.
        ValueError: If x has another shape, or limits are not finite, not in order, or of a
            ``scale`` not above 0.
    """
    batch, back = batch_of(x)
    param = draw(batch, angle, shift, scale, shear, generator(rng, x))
    y = back(affine(batch, matrices(**param), fill, edge))
    return (y, back(param)) if return_param else y


def draw(batch, angle, shift, scale, shear, rng):
    """Returns :func:`random_affine`'s param for a batch."""
    all_limits = {'angle': limits('angle', angle), 'dy': limits('shift', shift), 'dx': limits('shift', shift),
                  'scale': limits('scale', scale, around=1., least=0.), 'shear': limits('shear', shear)}
    _check_shear(numpy.array(all_limits['shear']))
    return {name: uniform(rng, pair, len(batch)) for name, pair in all_limits.items()}


def matrices(angle=0., dy=0., dx=0., scale=1., shear=0.):
    """Returns maps ``(N, 2, 3)`` that slant, then zoom, turn, and move, of N numbers each."""
    angle, shear = numpy.deg2rad(angle), numpy.deg2rad(shear)
    cos, sin, slant = numpy.cos(angle), numpy.sin(angle), numpy.tan(shear)
    # Of (row, column): a column goes left by slant for each row further down; then rotation, in a
    # system whose rows point down.
    rows = numpy.stack([scale * (cos + sin * slant), -scale * sin, dy + 0 * cos], axis=-1)
    columns = numpy.stack([scale * (sin - cos * slant), scale * cos, dx + 0 * cos], axis=-1)
    return numpy.stack([rows, columns], axis=-2)


def sources(matrix, batch):
    """Returns where each pixel of the result looks, ``(N, 2, 3)`` of indexes, for maps about the centre."""
    matrix = numpy.broadcast_to(matrix, (len(batch), 2, 3))
    centre = (numpy.array(batch.shape[2:]) - 1) / 2
    inverse = numpy.linalg.inv(matrix[:, :, :2])
    offset = centre - numpy.einsum('nij,nj->ni', inverse, centre + matrix[:, :, 2])
    return numpy.concatenate([inverse, offset[:, :, None]], axis=2)


def _moved(x, fill, edge, **param):
    batch, back = batch_of(x)
    param = {name: each(name, value, len(batch)) for name, value in param.items()}
    if 'scale' in param and (param['scale'] <= 0).any():
        raise ValueError(f'scale must be larger than 0; got {param["scale"].min():g}')
    _check_shear(param.get('shear', numpy.zeros(1)))
    everything = {name: numpy.zeros(len(batch)) for name in ('angle', 'dy', 'dx', 'shear')}
    return back(affine(batch, matrices(**{**everything, 'scale': 1., **param}), fill, edge))


def _check_shear(degrees):
    if (numpy.abs(degrees) >= 90).any():
        raise ValueError(f'shear must lie between -90 and 90 degrees; got {numpy.abs(degrees).max():g}')
