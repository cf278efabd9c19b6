"""What a layer has learnt, and what it makes of an image."""

import matplotlib.pyplot as plt
import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks
from nico2ai_cnn.visualize.maps import show_maps


def show_filters(W, titles=None, columns=8, size=1.0, n_most=16):
    """Draws a layer's filters (フィルタ): those of grey images from blue to red, those of colour images in colour.

    Args:
        W: ``(D, C, kh, kw)``, such as ``model.conv1.W``; NumPy, CuPy or a Parameter. With C = 3 each filter is
            a colour image; with another C above 1, of a deeper layer, it is a column, a row for each input map.
        titles: D short texts, or None.
        columns (int): Filters per row, with C = 1 or 3.
        size (float): Width and height of one, in inches.
        n_most (int): Of a deeper layer the first so many filters and input maps are drawn.

    Returns:
        numpy.ndarray: The D matplotlib axes; of a deeper layer ``(C, D)``, n_most each at most. All filters have
        one scale: the largest weight that is drawn. In colour, 0 is grey.

    Raises:
        ValueError: If ``W`` has another shape, a filter has one pixel alone, or the number of titles is not D.
    """
    W = cuda.to_cpu(getattr(W, 'array', W))
    if getattr(W, 'ndim', 0) != 4 or W.size == 0:
        raise ValueError('W must be the filters of a convolution, (D, C, kh, kw); '
                         f'got {getattr(W, "shape", type(W).__name__)}')
    if W.shape[2:] == (1, 1):
        raise ValueError(f'W holds filters of 1 x 1 pixel, which have no picture; got {W.shape}')
    if titles is not None and len(titles) != len(W):
        raise ValueError(f'titles must be {len(W)} texts, one per filter; got {len(titles)}')
    if W.shape[1] == 1:
        return show_maps(W[:, 0], titles, signed=True, columns=columns, size=size)
    if W.shape[1] != 3:
        return _show_deeper(W[:n_most, :n_most], titles, size)
    _checks.positive_int('columns', columns)
    columns = min(columns, len(W))
    rows = -(-len(W) // columns)
    figsize = columns * size, rows * (size + .25 * (titles is not None))
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=figsize)
    largest = numpy.abs(W).max() or 1.
    for ax in axes.flat:
        ax.axis('off')
    for i, (ax, image) in enumerate(zip(axes.flat, .5 + W.transpose(0, 2, 3, 1) / (2 * largest))):
        ax.imshow(image)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9, pad=3)
    return axes.ravel()[:len(W)]


def _show_deeper(W, titles, size):
    n_filter, n_map, kh, kw = W.shape
    axes = show_maps(W.swapaxes(0, 1).reshape(-1, kh, kw), signed=True, columns=n_filter, size=size)
    axes = axes.reshape(n_map, n_filter)
    for ax, title in zip(axes[0], titles or ()):
        ax.set_title(title, fontsize=9, pad=3)
    return axes


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
