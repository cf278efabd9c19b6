"""Squares left out of images (cutout).

T. DeVries, G. W. Taylor: Improved regularization of convolutional neural networks with cutout.
arXiv 1708.04552, 2017.
"""

from chainer.backends import cuda

from nico2ai_cnn.transforms._batch import batch_of, generator, size_of, uniform


def random_cutout(x, size, fill=0., rng=None, return_param=False):
    """Covers a rectangle of each image, with its middle anywhere; it may reach over the edge.

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of any dtype, NumPy or CuPy.
        size: ``(height, width)`` of the rectangle, or a number for both.
        fill (float): What it is covered with.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'top', 'left'}`` too, of the rectangle's
            corner; may be negative.

    Returns:
        As x, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x, floats=False)
    height, width = size_of('size', size)
    rng, xp = generator(rng, x), cuda.get_array_module(batch)
    param = {name: uniform(rng, (0, side), len(batch)).astype(int) - length // 2
             for name, side, length in (('top', batch.shape[2], height), ('left', batch.shape[3], width))}
    top, left = (xp.asarray(param[name])[:, None, None, None] for name in ('top', 'left'))
    row, column = xp.arange(batch.shape[2])[:, None], xp.arange(batch.shape[3])
    covered = (row >= top) & (row < top + height) & (column >= left) & (column < left + width)
    y = back(xp.where(covered, xp.asarray(fill, batch.dtype), batch))
    return (y, back(param)) if return_param else y
