"""What one unit sees, layer below layer, in one dimension."""

import matplotlib.pyplot as plt
import numpy


def show_receptive_field(layers, size, ax=None, title=None):
    """Draws the layers as rows of units, and marks what the middle unit of the last one sees.

    Args:
        layers: ``(ksize, stride)`` of each layer, from the first to the last; no padding.
        size (int): Number of pixels.
        ax: Matplotlib axes, or None for new ones.
        title (str): Above the picture, or None.

    Returns:
        matplotlib.axes.Axes: The axes drawn on.

    Raises:
        ValueError: If ``layers`` is empty, or one of them does not fit into what is left.
    """
    if not layers:
        raise ValueError('layers must be at least one (ksize, stride); got none')
    places = [numpy.arange(size, dtype=float)]      # where the units of each row are drawn
    for ksize, stride in layers:
        if ksize > len(places[-1]):
            raise ValueError(f'ksize {ksize} is larger than what is left of {size} pixels, {len(places[-1])}')
        windows = numpy.lib.stride_tricks.sliding_window_view(places[-1], ksize)[::stride]
        places.append(windows.mean(axis=1))         # above the middle of its window
    if ax is None:
        _, ax = plt.subplots(figsize=(4.8, 0.9 * len(places)))
    seen = {len(places[-1]) // 2}
    for level in range(len(layers), -1, -1):
        for units, colour in (range(len(places[level])), '0.8'), (sorted(seen), 'C1'):
            ax.plot(places[level][units], [level] * len(units), 's', color=colour, markersize=11, zorder=3)
        if level:
            ksize, stride = layers[level - 1]
            wires = [(unit, unit * stride + tap) for unit in sorted(seen) for tap in range(ksize)]
            for upper, lower in wires:
                ax.plot([places[level][upper], places[level - 1][lower]], [level, level - 1],
                        color='C1', linewidth=1)
            seen = {lower for _, lower in wires}
    ax.set_yticks(range(len(places)), ['pixels'] + [f'layer {i + 1}' for i in range(len(layers))])
    ax.set_ylim(-0.3, len(layers) + 0.3)
    ax.set_xticks([])
    ax.grid(False)
    if title is not None:
        ax.set_title(title)
    return ax
