"""Cut-outs of images (slide 36): of a fixed size, in place or at random, or resized."""

import numpy
from chainer.backends import cuda

from nico2ai_cnn.transforms._batch import batch_of, each, generator, limits, size_of, uniform
from nico2ai_cnn.transforms._warp import warp


def crop(x, top, left, size):
    """Cuts ``size`` pixels out, from row ``top`` and column ``left`` on.

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of any dtype, NumPy or CuPy.
        top, left: One integer for all images, or one for each.
        size: ``(height, width)``, or a number for both.

    Returns:
        As x, of the new size.

    Raises:
        TypeError, ValueError: If an argument is unusable, or the cut-out reaches over an edge.
    """
    batch, back = batch_of(x, floats=False)
    height, width = _size_within(size, batch)
    top, left = (each(name, value, len(batch), int) for name, value in (('top', top), ('left', left)))
    for name, value, most in ('top', top, batch.shape[2] - height), ('left', left, batch.shape[3] - width):
        if value.min() < 0 or value.max() > most:
            raise ValueError(f'{name} must lie in [0, {most}] for {height} x {width} pixels of '
                             f'{batch.shape[2]} x {batch.shape[3]}; got {value.min()} to {value.max()}')
    if not isinstance(batch, numpy.ndarray):
        return back(_cut(batch, top, left, height, width))
    y = numpy.empty((*batch.shape[:2], height, width), batch.dtype)
    for image, i, j, target in zip(batch, top.tolist(), left.tolist(), y):
        target[...] = image[:, i:i + height, j:j + width]
    return back(y)


def _cut(batch, top, left, height, width):
    """Cuts all images in one pass, as suits a GPU."""
    xp = cuda.get_array_module(batch)
    rows = xp.asarray(top)[:, None, None, None] + xp.arange(height)[:, None]
    columns = xp.asarray(left)[:, None, None, None] + xp.arange(width)
    return batch[xp.arange(len(batch))[:, None, None, None], xp.arange(batch.shape[1])[:, None, None], rows, columns]


def center_crop(x, size):
    """Cuts the middle out; where it cannot lie in the middle, half a pixel further up or left.

    Args:
        x, size: As for :func:`crop`.

    Returns:
        As x, with the new height and width.

    Raises:
        TypeError, ValueError: If an argument is unusable, or the cut-out is larger than the image.
    """
    batch, back = batch_of(x, floats=False)
    height, width = _size_within(size, batch)
    return back(crop(batch, (batch.shape[2] - height) // 2, (batch.shape[3] - width) // 2, (height, width)))


def random_crop(x, size, pad=0, fill=0., rng=None, return_param=False):
    """Cuts out at random places, from images with a frame of ``pad`` pixels around them.

    Args:
        x, size: As for :func:`crop`.
        pad (int): Pixels on each side.
        fill (float): What the frame is made of.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'top', 'left'}`` too, integers for each image;
            counted from the frame's corner.

    Returns:
        As x, of the new size, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable, or ``size`` is larger than image and frame.
    """
    batch, back = batch_of(x, floats=False)
    if isinstance(pad, bool) or not isinstance(pad, (int, numpy.integer)) or pad < 0:
        raise ValueError(f'pad must be an integer of at least 0; got {pad!r}')
    height, width = size_of('size', size)
    rows, columns = (side + 2 * pad for side in batch.shape[2:])
    if height > rows or width > columns:
        raise ValueError(f'size {height} x {width} is larger than image and frame, {rows} x {columns}')
    rng, xp = generator(rng, x), cuda.get_array_module(batch)
    param = {name: uniform(rng, (0, side - length + 1), len(batch)).astype(int)
             for name, side, length in (('top', rows, height), ('left', columns, width))}
    if xp is not numpy:
        framed = xp.pad(batch, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=fill)
        y = back(_cut(framed, param['top'], param['left'], height, width))
        return (y, back(param)) if return_param else y
    y = numpy.empty((*batch.shape[:2], height, width), batch.dtype)
    if pad:
        y[...] = fill
    for image, top, left, target in zip(batch, (param['top'] - pad).tolist(), (param['left'] - pad).tolist(), y):
        # What of the image lies within the cut-out; the frame itself is never built.
        i, j, k, m = max(top, 0), max(left, 0), max(-top, 0), max(-left, 0)
        part = image[:, i:top + height, j:left + width] if top + height > 0 and left + width > 0 else image[:, :0, :0]
        target[:, k:k + part.shape[1], m:m + part.shape[2]] = part
    return (back(y), back(param)) if return_param else back(y)


def random_resized_crop(x, size, scale=(0.08, 1.), ratio=(3 / 4, 4 / 3), rng=None, return_param=False):
    """Cuts out a part of random size and shape and brings it to ``size``, as GoogLeNet was trained.

    Bilinear, each pixel of the result from four of x; where a part shrinks much, fine patterns
    may alias. (Szegedy et al. 2015, section 6: 8% to 100% of the area, 3/4 to 4/3 as wide as high.)

    Args:
        x: ``(C, H, W)`` or ``(N, C, H, W)`` of floats, NumPy or CuPy. Computed in float32.
        size: ``(height, width)`` of the result, or a number for both.
        scale: (low, high) of the part's area, of the image's; in (0, 1].
        ratio: (low, high) of its width by its height, above 0; even on a logarithmic scale. A part
            that would not fit is made as large as fits.
        rng: ``numpy.random.Generator`` or CuPy's.
        return_param (bool): Whether to give back ``{'top', 'left', 'height', 'width'}`` too, pixels
            and fractions of them, for each image.

    Returns:
        As x, of the new size, or a pair of it and the dict.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x)
    out = size_of('size', size)
    scale, ratio = limits('scale', scale, least=0.), limits('ratio', ratio, least=0.)
    if scale[1] > 1:
        raise ValueError(f'scale must lie in (0, 1]; got up to {scale[1]:g}')
    rng, n, (in_height, in_width) = generator(rng, x), len(batch), batch.shape[2:]
    area = uniform(rng, scale, n) * in_height * in_width
    shape = numpy.exp(uniform(rng, numpy.log(ratio), n))
    height = numpy.minimum((area / shape) ** 0.5, in_height)
    width = numpy.minimum((area * shape) ** 0.5, in_width)
    top, left = uniform(rng, (0, 1), n) * (in_height - height), uniform(rng, (0, 1), n) * (in_width - width)
    # Pixel centres lie at half numbers: the first of the result is half a step inside of the part.
    step = numpy.stack([height / out[0], width / out[1]], axis=1)
    sources = numpy.zeros((n, 2, 3))
    sources[:, 0, 0], sources[:, 1, 1] = step.T
    sources[:, :, 2] = numpy.stack([top, left], axis=1) + step / 2 - 0.5
    y = back(warp(batch, sources, None, 0., True, out))
    param = {'top': top, 'left': left, 'height': height, 'width': width}
    return (y, back(param)) if return_param else y


def ten_crop(x, size):
    """Cuts out the four corners and the middle, and mirrors each (Krizhevsky et al. 2012, section 4.1).

    Args:
        x, size: As for :func:`crop`.

    Returns:
        ``(10, C, height, width)`` of one image, ``(N, 10, C, height, width)`` of a batch: top left,
        top right, bottom left, bottom right, middle, and the same mirrored left to right.

    Raises:
        TypeError, ValueError: If an argument is unusable.
    """
    batch, back = batch_of(x, floats=False)
    height, width = _size_within(size, batch)
    bottom, right = batch.shape[2] - height, batch.shape[3] - width
    parts = [batch[:, :, top:top + height, left:left + width] for top, left in (
        (0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2))]
    xp = cuda.get_array_module(batch)
    return back(xp.stack(parts + [part[:, :, :, ::-1] for part in parts], axis=1))


def _size_within(size, batch):
    height, width = size_of('size', size)
    if height > batch.shape[2] or width > batch.shape[3]:
        raise ValueError(f'size {height} x {width} is larger than the image, {batch.shape[2]} x {batch.shape[3]}')
    return height, width
