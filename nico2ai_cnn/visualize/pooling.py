"""A pooling: the windows on the input, who won in each, and the result."""

import itertools

import matplotlib.patches
import matplotlib.patheffects
import matplotlib.pyplot as plt
import numpy

from nico2ai_cnn.visualize.pixels import show_pixels

COLOURS = '#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9'
_CELL = 0.46    # width and height of a pixel, in inches
RING = [matplotlib.patheffects.Stroke(linewidth=4.5, foreground='black'), matplotlib.patheffects.Normal()]


def show_pooling(image, pooled, ksize, stride, winners=None, form='{:g}', title='pooled'):
    """Draws an image with its windows, and beside it the pooled map.

    Each window has the colour of the output that comes of it. A window that hangs over the
    edge is drawn over the edge.

    Args:
        image: ``(H, W)`` array.
        pooled: ``(H', W')`` array: the result, one value per window.
        ksize (int): Height and width of the window.
        stride (int): Pixels from window to window.
        winners: ``(H', W', 2)`` integers, row and column of the pixel to ring for each
            window, or None for no rings.
        form (str): How a value is written.
        title (str): Above the result.

    Returns:
        numpy.ndarray: The two matplotlib axes.

    Raises:
        ValueError: If an array has another number of axes, or ``winners`` another shape
            than one (row, column) per window.
    """
    image, pooled = numpy.asarray(image), numpy.asarray(pooled)
    for name, array in ('image', image), ('pooled', pooled):
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f'{name} must be one 2-D array; got shape {array.shape}')
    if winners is not None and numpy.shape(winners) != (*pooled.shape, 2):
        raise ValueError(f'winners must have shape {(*pooled.shape, 2)}, one row and column per window; '
                         f'got {numpy.shape(winners)}')
    low, high = min(0, image.min()), 1.15 * image.max()     # so that no pixel is as white as the page
    _, axes = plt.subplots(
        1, 2, width_ratios=[image.shape[1] + 1.4, pooled.shape[1] + 1.4],
        figsize=(_CELL * (image.shape[1] + pooled.shape[1] + 3.6), _CELL * image.shape[0] + 0.9))
    show_pixels(image, axes[0], form, vmin=low, vmax=high, zeros=True, title='input', fontsize=10)
    show_pixels(pooled, axes[1], form, vmin=low, vmax=high, zeros=True, title=title, fontsize=10)
    for ax in axes:
        ax.set_aspect('equal')
    covered = [(windows - 1) * stride + ksize for windows in pooled.shape]
    bottom, right = (length - 0.5 if reach <= length else reach - 0.4
                     for length, reach in zip(image.shape, covered))
    axes[0].set(xlim=(-0.5, right), ylim=(bottom, -0.5))
    for i, (row, column) in enumerate(itertools.product(*map(range, pooled.shape))):
        # Set in by a little more or less each, so that the lines of windows that overlap stay apart.
        inset = 0.06 + 0.07 * (row % 2 * 2 + column % 2) * (stride < ksize)
        colour = COLOURS[i % len(COLOURS)]
        _outline(axes[0], row * stride, column * stride, ksize, inset, colour)
        _outline(axes[1], row, column, 1, 0.06, colour)
        if winners is not None:
            top, left = winners[row][column]
            axes[0].add_patch(matplotlib.patches.Circle((left, top), 0.27, fill=False, linewidth=2.5,
                                                        edgecolor='#F0E442', path_effects=RING))
    return axes


def _outline(ax, row, column, size, inset, colour):
    ax.add_patch(matplotlib.patches.Rectangle(
        (column - 0.5 + inset, row - 0.5 + inset), size - 2 * inset, size - 2 * inset, fill=False,
        linewidth=2.5, edgecolor=colour, clip_on=False))
