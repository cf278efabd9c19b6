"""A matrix of pixels with its numbers, and windows on it."""

import matplotlib.patches
import matplotlib.pyplot as plt
import numpy

from nico2ai_cnn.visualize.maps import SIGNED, colour_range

WINDOW_COLOUR = '#D55E00'


def show_pixels(image, ax=None, form='{:.1f}', signed=None, vmin=None, vmax=None, zeros=False,
                windows=(), title=None, fontsize=8):
    """Draws one image with the value of each pixel written into it.

    Grey for intensities; blue, white and red for signed values, white being 0.

    Args:
        image: ``(H, W)`` array; NaN is drawn as "?" on yellow.
        ax: Matplotlib axes, or None for new ones of a size that fits the numbers.
        form (str): How a value is written.
        signed (bool): Whether to centre the colours on 0; by default, whether there is
            a negative value.
        vmin, vmax (float): Ends of the grey scale; the image's own by default.
        zeros (bool): Whether zeros are written too.
        windows: Rectangles to outline, ``(top, left, height, width)`` in pixels each.
        title (str): Above the matrix, or None.
        fontsize (float): Of the numbers, in points.

    Returns:
        matplotlib.axes.Axes: The axes drawn on.

    Raises:
        ValueError: If ``image`` is not of shape ``(H, W)`` with at least one pixel.
    """
    image = numpy.asarray(image)
    if image.ndim != 2 or image.size == 0:
        raise ValueError(f'image must have shape (H, W); got {image.shape}')
    if ax is None:
        width = max(0.34, 0.085 * max(len(form.format(value)) for value in image.flat))
        _, ax = plt.subplots(figsize=(width * image.shape[1] + 0.5, 0.34 * image.shape[0] + 0.6))
    signed, vmin, vmax = colour_range(image, signed, vmin, vmax)
    cmap = matplotlib.colormaps[SIGNED if signed else 'gray'].with_extremes(bad='#F0E442')
    shown = ax.imshow(numpy.ma.masked_invalid(image.astype(float)), cmap=cmap, vmin=vmin, vmax=vmax,
                      aspect='auto')
    ax.grid(False)
    for (row, column), value in numpy.ndenumerate(image):
        if value != 0 or zeros:
            red, green, blue, _ = shown.cmap(shown.norm(value)) if numpy.isfinite(value) else (1, 1, 0, 1)
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            text = form.format(value) if numpy.isfinite(value) else '?'
            ax.text(column, row, text, ha='center', va='center', fontsize=fontsize,
                    color='white' if dark else 'black')
    for top, left, height, width in windows:
        ax.add_patch(matplotlib.patches.Rectangle(
            (left - 0.5, top - 0.5), width, height, fill=False, linewidth=2.5,
            edgecolor=WINDOW_COLOUR, clip_on=False))
    for axis, length in (ax.xaxis, image.shape[1]), (ax.yaxis, image.shape[0]):
        axis.set_ticks(range(0, length, 1 if length <= 12 else 5))
    ax.set_xlabel('column')
    ax.set_ylabel('row')
    if title is not None:
        ax.set_title(title)
    return ax
