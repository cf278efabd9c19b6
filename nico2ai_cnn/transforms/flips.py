"""Mirror images (反転; slide 36)."""

import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks, cpu
from nico2ai_cnn.transforms._batch import batch_of, each, generator


def flip(x, horizontal=False, vertical=False):
    """Mirrors images: left and right change places, or top and bottom, or both.

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of any dtype, NumPy or CuPy.
        horizontal, vertical: Whether to; one bool for all images, or one for each.

    Returns:
        As x.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x, floats=False)
    down, across = each('vertical', vertical, len(batch), bool), each('horizontal', horizontal, len(batch), bool)
    if isinstance(batch, numpy.ndarray) and batch.dtype == numpy.float32 and cpu.has_numba():
        from nico2ai_cnn.cpu import mirror      # here, for it compiles
        return back(mirror.mirror(batch, down.copy(), across.copy()))
    xp = cuda.get_array_module(batch)
    for chosen, mirrored in (down, numpy.s_[:, :, ::-1]), (across, numpy.s_[:, :, :, ::-1]):
        batch = xp.where(xp.asarray(chosen)[:, None, None, None], batch[mirrored], batch)
    return back(batch)


def random_flip(x, horizontal=True, vertical=False, p=0.5, rng=None, return_param=False):
    """Mirrors each image with probability ``p``, in each direction that is allowed.

    Args:
        x: As for :func:`flip`.
        horizontal, vertical (bool): Which directions are allowed.
        p (float): Probability, in [0, 1].
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'horizontal', 'vertical'}`` too, bools
            for each image.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x, floats=False)
    if not (_checks.is_number(p) and 0 <= p <= 1):
        raise ValueError(f'p must lie in [0, 1]; got {p!r}')
    rng = generator(rng, x)
    # Both are drawn in any case, so that the same rng goes on in the same way.
    param = {name: each(name, rng.random(len(batch)) < p, len(batch), bool) & bool(allowed)
             for name, allowed in (('horizontal', horizontal), ('vertical', vertical))}
    y = back(flip(batch, **param))
    return (y, back(param)) if return_param else y
