"""Where a decision comes from, by gradients: Grad-CAM."""

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn.inspection._graph import batch_of_images, call_with_graph, labels_of, logits_of, maps_of
from nico2ai_cnn.inspection._summary import summary


def grad_cam(model, x, label, layer):
    """Returns how much each place of an image speaks for a class, as one layer's maps tell it.

    Each map is weighted by the mean gradient of the class's logit with respect to it; their sum, where it
    is positive, is laid over the image. R. R. Selvaraju et al.: Grad-CAM: Visual explanations from deep
    networks via gradient-based localization. ICCV 2017.

    Unlike others, it puts each unit at the middle of its receptive field: a map that has lost its border to
    windows without padding is not stretched over the whole image, and its evidence fades out there.

    Args:
        model (chainer.Chain): Returns logits ``(N, n_class)``.
        x: Images ``(N, C, H, W)``, as the model takes them.
        label: The class asked about: an integer, or one for each image.
        layer (str): One that puts out maps, named as in :func:`record`, such as the last convolution.

    Returns:
        Array ``(N, H, W)`` beside the model, at least 0, in units of the logit.

    Raises:
        KeyError: If there is no such layer; the message lists those there are.
        ValueError: If the layer is dense, a label is out of range, or ``x`` has another shape.
    """
    x = batch_of_images(model, x)
    label = labels_of(label, len(x))
    y, h = call_with_graph(model, chainer.Variable(x), layer)
    maps_of(layer, h)
    logits_of(y, label)
    logits = F.select_item(y, h.xp.asarray(label.astype(numpy.int32)))
    gradient, = chainer.grad([F.sum(logits)], [h])
    if gradient is None:
        raise ValueError(f'the logits do not depend on layer {layer!r}')
    weights = gradient.array.mean(axis=(2, 3), keepdims=True)
    evidence = (weights * h.array).sum(axis=1).clip(0, None)
    row = summary(model, x.shape[1:])[layer]
    rows, columns = (h.xp.asarray(_spread(*each)) for each in zip(
        x.shape[2:], h.shape[2:], _pair(row.start), _pair(row.receptive_field), _pair(row.jump or 1)))
    return rows @ evidence @ columns.T


def _spread(n_pixel, n_unit, start, size, jump):
    """Returns the matrix ``(n_pixel, n_unit)`` of linear interpolation between the middles of the units' fields.

    Beyond the outermost middles the units' weight stays for half a jump, and falls to 0 over the next one.
    """
    place = (numpy.arange(n_pixel) - (start + (size - 1) / 2)) / jump
    inside = place.clip(0, n_unit - 1)
    weights = numpy.maximum(0, 1 - abs(inside[:, None] - numpy.arange(n_unit)))
    return (weights * (1.5 - abs(place - inside)).clip(0, 1)[:, None]).astype('f')


def _pair(value):
    return value if isinstance(value, tuple) else (value, value)
