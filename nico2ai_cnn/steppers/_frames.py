"""First frames, in matplotlib: the pixel grids of a stepper as they stand before any step."""

import matplotlib.collections
import matplotlib.patches
import matplotlib.pyplot as plt
import numpy

from nico2ai_cnn import visualize
from nico2ai_cnn.visualize.maps import SIGNED, colour_range
from nico2ai_cnn.visualize.pixels import WINDOW_COLOUR

PADDING_COLOUR = '#B0DCF2'
HATCH_COLOUR = '#CC79A7'


def draw(ax, values, title, window=None, signed=None, numbers=None, origin=0, like=None):
    """Draws one matrix ``(H, W)``, with numbers where there is room, and outlines a window.

    Args:
        window: ``(top, left, height, width)``, or None.
        numbers: Whether to write the numbers; by default where there are at most 12 columns.
        origin (int): Row and column number of the first pixel; negative with padding.
        like: Values whose range of colours to use; those drawn by default.
    """
    if numbers is None:
        numbers = max(values.shape) <= 12
    is_signed, low, high = colour_range(values if like is None else like, signed)
    if numbers:
        visualize.show_pixels(values, ax, '{:.3g}', is_signed, low, high, zeros=True)
        ax.set_aspect('equal')
    else:
        ax.imshow(values, cmap=SIGNED if is_signed else 'gray', vmin=low, vmax=high)
        ax.grid(False)
    for axis, length in (ax.xaxis, values.shape[1]), (ax.yaxis, values.shape[0]):
        ticks = numpy.arange(0, length, 1 if length <= 12 else 5 if length <= 36 else 20)
        axis.set_ticks(ticks, [str(tick + origin) for tick in ticks])
    ax.tick_params(labelsize=8)
    ax.set(xlabel='', ylabel='', title=title)
    if origin:
        _shade_padding(ax, values.shape, -origin)
    if window is not None:
        top, left, height, width = window
        ax.add_patch(matplotlib.patches.Rectangle(
            (left - origin - 0.5, top - origin - 0.5), width, height, fill=False, linewidth=2.5,
            edgecolor=WINDOW_COLOUR, clip_on=False))


def _shade_padding(ax, shape, pad):
    height, width = shape
    for top, left, tall, wide in ((0, 0, pad, width), (height - pad, 0, pad, width),
                                  (0, 0, height, pad), (0, width - pad, height, pad)):
        ax.add_patch(matplotlib.patches.Rectangle(
            (left - 0.5, top - 0.5), wide, tall, facecolor=PADDING_COLOUR, edgecolor='none'))
    for text in ax.texts:
        column, row = text.get_position()
        if not (pad <= row < height - pad and pad <= column < width - pad):
            text.set_color('black')


def unread(shape, ksize, windows, stride, pad, dilate=1):
    """Returns row and column of the pixels that no window reads, ``(n, 2)``.

    Args:
        shape, ksize, windows: Two numbers each, down and across: the pixels of the image, the
            taps of a window, and how many windows there are.
    """
    read = [numpy.isin(numpy.arange(length), numpy.add.outer(stride * numpy.arange(n), dilate * numpy.arange(k)) - pad)
            for length, k, n in zip(shape, ksize, windows)]
    return numpy.argwhere(~numpy.logical_and.outer(*read))


def hatch(ax, cells):
    """Hatches the pixels ``(row, column)``, as the page does."""
    slanted = [((-0.5, 0.5), (0.5, -0.5)), ((-0.5, 0), (0, -0.5)), ((0, 0.5), (0.5, 0))]
    ax.add_collection(matplotlib.collections.LineCollection(
        [[(column + x, row + y) for x, y in line] for row, column in cells for line in slanted],
        colors=HATCH_COLOUR, linewidths=1.5), autolim=False)


def grid(rows, widths, height=2.9):
    """Returns a figure and ``(rows, len(widths))`` axes, all off until they are drawn on."""
    figure, axes = plt.subplots(rows, len(widths), squeeze=False, gridspec_kw={'width_ratios': widths},
                                figsize=(1.15 * height * sum(widths) / max(widths), height * rows))
    return figure, axes


def ring(ax, at):
    """Marks the pixel at ``(row, column)`` of what is drawn as a pooling's winner."""
    ax.add_patch(matplotlib.patches.Circle(at[::-1], 0.46, fill=False, linewidth=2.5, edgecolor=WINDOW_COLOUR))


def caption(figure, text, hatched=()):
    """Writes what the page would write out, below the grids, and how many pixels are hatched."""
    if len(hatched):
        text += f'\nhatched: {len(hatched)} pixels that no window reads'
    figure.set_figheight(figure.get_figheight() + 0.2 * (1 + text.count('\n')))
    figure.supxlabel(text, fontsize=10)
