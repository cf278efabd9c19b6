"""Where a decision comes from, by hiding parts of the image."""

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn import _checks
from nico2ai_cnn.inspection._graph import batch_of_images, labels_of, logits_of
from nico2ai_cnn.inspection._tracing import predictor

_BATCH = 200


def occlusion(model, x, label, size, stride=1, fill=0.5):
    """Hides a square of the image, here and there, and returns how much the class's probability falls.

    M. D. Zeiler & R. Fergus: Visualizing and understanding convolutional networks. ECCV 2014, section 4.2.

    Args:
        model (chainer.Chain): Returns logits ``(N, n_class)``.
        x: One image ``(C, H, W)``, as the model takes it.
        label (int): The class asked about.
        size (int): Side of the square, in pixels.
        stride (int): From one place to the next, in pixels.
        fill (float): What the square is filled with.

    Returns:
        Array ``(rows, columns)`` beside the model: in row i and column j the fall with the square's upper left
        pixel at (i * stride, j * stride). Negative where hiding helps. As in a convolution, the last rows and
        columns are never hidden where ``stride`` does not divide the image's side less ``size``.

    Raises:
        ValueError: If the square is larger than the image, the label out of range, or ``x`` has another shape.
    """
    x = batch_of_images(model, x, ndim=3)
    label = int(labels_of(label, 1)[0])
    _checks.positive_int('size', size)
    _checks.positive_int('stride', stride)
    if size > min(x.shape[1:]):
        raise ValueError(f'size {size} is larger than the image, {x.shape[1]} x {x.shape[2]} pixels')
    tops, lefts = (range(0, side - size + 1, stride) for side in x.shape[1:])
    places = [(top, left) for top in tops for left in lefts]
    falls = [_probability(model, x[None], label)[0]]
    for start in range(0, len(places), _BATCH):
        here = places[start:start + _BATCH]
        hidden = chainer.backend.get_array_module(x).repeat(x[None], len(here), axis=0)
        for image, (top, left) in zip(hidden, here):
            image[:, top:top + size, left:left + size] = fill
        falls.extend(_probability(model, hidden, label))
    xp = chainer.backend.get_array_module(x)
    falls = xp.stack(falls)
    return (falls[0] - falls[1:]).reshape(len(tops), len(lefts))


def _probability(model, x, label):
    with chainer.using_config('train', False), chainer.no_backprop_mode():
        y = predictor(model)(x)
        return F.softmax(logits_of(y, numpy.asarray(label))).array[:, label]
