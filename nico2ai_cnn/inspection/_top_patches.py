"""What excites a map most, of all images that there are."""

import typing

import chainer
import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks
from nico2ai_cnn.inspection._graph import batch_of_images, maps_of, one_of
from nico2ai_cnn.inspection._record import record
from nico2ai_cnn.inspection._summary import summary
from nico2ai_cnn.inspection._tracing import predictor

_BATCH = 200


class TopPatches(typing.NamedTuple):
    """The strongest first; NumPy arrays."""

    patches: numpy.ndarray
    """``(n, C, h, w)``: what the unit sees, its receptive field; 0 outside of the image."""
    activations: numpy.ndarray
    """``(n,)``."""
    images: numpy.ndarray
    """``(n,)``: positions in x."""
    units: numpy.ndarray
    """``(n, 2)``: row and column in the map."""
    corners: numpy.ndarray
    """``(n, 2)``: the image's row and column at the patch's upper left; negative in the padding."""


def top_patches(model, layer, x, channel, n=9):
    """Returns the patches of images that excite one map of a layer most, at most one from each image.

    Args:
        model (chainer.Chain): Any.
        layer (str): One that puts out maps, named as in :func:`record`.
        x: Images ``(N, C, H, W)``, as the model takes them.
        channel (int): Which map.
        n (int): How many patches; fewer come back if there are fewer images.

    Returns:
        TopPatches: Patches, activations, and where they are.

    Raises:
        KeyError: If there is no such layer; the message lists those there are.
        ValueError: If the layer is dense or behind a deconvolution, ``channel`` out of range, or ``x`` has
            another shape.
    """
    _checks.positive_int('n', n)
    x = getattr(x, 'array', x)
    batch_of_images(model, x[:1] if isinstance(x, chainer.get_array_types()) else x)
    best, units = [], []
    for start in range(0, len(x), _BATCH):
        with chainer.using_config('train', False), chainer.no_backprop_mode(), record(model) as activations:
            predictor(model)(batch_of_images(model, x[start:start + _BATCH]))
        h = activations[layer]
        h = maps_of(layer, h[0] if isinstance(h, tuple) else h)
        one_of('channel', channel, h.shape[1], f'layer {layer!r}')
        flat = cuda.to_cpu(h[:, channel]).reshape(len(h), -1)
        best.append(flat.max(axis=1))
        units.append(numpy.stack(numpy.unravel_index(flat.argmax(axis=1), h.shape[2:]), axis=1))
    best, units = numpy.concatenate(best), numpy.concatenate(units)
    images = numpy.argsort(-best, kind='stable')[:n]
    row = summary(model, x.shape[1:])[layer]
    field = [numpy.broadcast_to(numpy.array(value or 0, float), 2)
             for value in (row.start, row.receptive_field, row.jump)]
    if any((value % 1).any() for value in field):
        raise ValueError(f'layer {layer!r} lies behind a deconvolution: its units see no whole pixels, so no patch '
                         'can be cut')
    start, size, jump = (value.astype(int) for value in field)
    corners = start + units[images] * jump
    patches = numpy.stack([_cut(cuda.to_cpu(x[image]), corner, size) for image, corner in zip(images, corners)])
    return TopPatches(patches, best[images], images, units[images], corners)


def _cut(image, corner, size):
    patch = numpy.zeros((len(image), *size), image.dtype)
    low, high = numpy.maximum(corner, 0), numpy.minimum(corner + size, image.shape[1:])
    inside = tuple(slice(a, b) for a, b in zip(low - corner, high - corner))
    patch[(slice(None), *inside)] = image[:, low[0]:high[0], low[1]:high[1]]
    return patch
