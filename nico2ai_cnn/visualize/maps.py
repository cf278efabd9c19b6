"""Filters and feature maps (特徴マップ), on a common scale."""

import matplotlib.pyplot as plt
import numpy

from nico2ai_cnn import _checks

SIGNED = 'RdBu_r'
"""Matplotlib's name of the colours for signed values: blue below 0, white at 0, red above."""


def show_maps(maps, titles=None, signed=None, vmin=None, vmax=None, columns=8, size=1.4, common=True):
    """Draws 2-D arrays side by side, on one scale with a bar that says what it is.

    Args:
        maps: ``(N, H, W)`` array, or a sequence of N 2-D arrays of any shapes.
        titles: N short texts, or None.
        signed (bool): Whether to centre the colours on 0 (blue, white, red) instead of
            using greys; by default, whether there is a negative value.
        vmin, vmax (float): Ends of the grey scale; the maps' own by default.
        columns (int): Maps per row.
        size (float): Width and height of one map, in inches.
        common (bool): Whether all share one scale; otherwise each has its own, and there is
            no bar.

    Returns:
        numpy.ndarray: The N matplotlib axes.

    Raises:
        ValueError: If there are no maps, one is not 2-D, or the number of titles is not N.
    """
    maps = [numpy.asarray(each) for each in maps]
    if not maps or any(each.ndim != 2 or each.size == 0 for each in maps):
        raise ValueError('maps must be at least one array of shape (H, W); got shapes '
                         f'{[each.shape for each in maps]}')
    if titles is not None and len(titles) != len(maps):
        raise ValueError(f'titles must be {len(maps)} texts, one per map; got {len(titles)}')
    _checks.positive_int('columns', columns)
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    title_height = 0.3 if titles is not None else 0
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=(
        columns * size + 0.8 * common, rows * (size + title_height)))
    values = numpy.concatenate([each.ravel() for each in maps])
    for ax in axes.flat:
        ax.axis('off')
    for i, (ax, each) in enumerate(zip(axes.flat, maps)):
        is_signed, low, high = colour_range(values if common else each, signed, vmin, vmax)
        shown = ax.imshow(each, cmap=SIGNED if is_signed else 'gray', vmin=low, vmax=high)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9, pad=3)
    if common:
        figure.colorbar(shown, ax=axes, shrink=min(1, 1.2 / rows + 0.2), aspect=12)
    return axes.ravel()[:len(maps)]


def colour_range(values, signed=None, vmin=None, vmax=None):
    """Returns ``(signed, vmin, vmax)``: a signed range is centred on 0, a flat one is widened."""
    known = values[numpy.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if signed is None:
        signed = low < 0
    if signed:
        largest = max(-low if vmin is None else -vmin, high if vmax is None else vmax) or 1.0
        return True, -largest, largest
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    return False, low, high if high > low else low + 1
