"""What a layer has learnt, and what it makes of an image."""

import matplotlib.pyplot as plt
import numpy
from chainer.backends import cuda

from nico2ai_cnn.visualize.maps import show_maps


def show_filters(W, titles=None, columns=8, size=1.0):
    """Draws a layer's filters (フィルタ): those of grey images from blue to red, those of colour images in colour.

    Args:
        W: ``(D, 1, kh, kw)`` or ``(D, 3, kh, kw)``, such as ``model.conv1.W``; of a deeper layer, the
            weights of one input map, ``W[:, c:c + 1]``. NumPy, CuPy or a Parameter.
        titles: D short texts, or None.
        columns (int): Filters per row.
        size (float): Width and height of one, in inches.

    Returns:
        numpy.ndarray: The D matplotlib axes. All filters have one scale: the largest weight. In colour, 0 is grey.

    Raises:
        ValueError: If ``W`` has another shape, or a filter has one pixel alone.
    """
    W = cuda.to_cpu(getattr(W, 'array', W))
    if getattr(W, 'ndim', 0) != 4 or W.shape[1] not in (1, 3) or W.size == 0:
        raise ValueError('W must have shape (D, 1, kh, kw) or (D, 3, kh, kw); for a layer that sees more maps, pass those '
                         f'of one, W[:, c:c + 1]; got {getattr(W, "shape", type(W).__name__)}')
    if W.shape[2:] == (1, 1):
        raise ValueError(f'W holds filters of 1 x 1 pixel, which have no picture; got {W.shape}')
    if W.shape[1] == 1:
        return show_maps(W[:, 0], titles, signed=True, columns=columns, size=size)
    columns = min(columns, len(W))
    rows = -(-len(W) // columns)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(columns * size, rows * (size + .25 * bool(titles))))
    largest = numpy.abs(W).max() or 1.
    for ax in axes.flat:
        ax.axis('off')
    for i, (ax, image) in enumerate(zip(axes.flat, .5 + W.transpose(0, 2, 3, 1) / (2 * largest))):
        ax.imshow(image)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9, pad=3)
    return axes.ravel()[:len(W)]


def show_feature_maps(h, columns=8, size=1.0, n_most=32, common=True):
    """Draws what a layer puts out for one image, its feature maps (特徴マップ), numbered.

    Args:
        h: ``(D, H, W)`` or ``(1, D, H, W)``, such as ``inspection.record`` keeps. NumPy, CuPy or a Variable.
        columns (int): Maps per row.
        size (float): Width and height of one, in inches.
        n_most (int): The first so many are drawn.
        common (bool): Whether all have one scale.

    Returns:
        numpy.ndarray: The matplotlib axes.

    Raises:
        ValueError: If ``h`` has another shape, such as a dense layer's.
    """
    h = cuda.to_cpu(getattr(h, 'array', h))
    if getattr(h, 'ndim', 0) == 4 and len(h) == 1:
        h = h[0]
    if getattr(h, 'ndim', 0) != 3 or h.size == 0:
        raise ValueError('h must be the maps of one image, (D, H, W) or (1, D, H, W); a dense layer has none; '
                         f'got {getattr(h, "shape", type(h).__name__)}')
    h = h[:n_most]
    return show_maps(h, [str(i) for i in range(len(h))], columns=columns, size=size, common=common)
