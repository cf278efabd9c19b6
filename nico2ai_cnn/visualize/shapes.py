"""A network's shapes as boxes."""

import matplotlib.colors
import matplotlib.patches
import matplotlib.pyplot as plt
import numpy

COLOURS = {'input': '#BBBBBB', 'map': '#56B4E9', 'pooling': '#E69F00', 'vector': '#009E73'}
_LEGEND = {'input': 'input', 'map': 'convolution etc.', 'pooling': 'pooling',
           'vector': 'vector, at a scale of its own'}
_SLANT = 0.35, 0.25     # how far one pixel of width goes to the right and up


def show_shapes(summary, ax=None):
    """Draws what each layer puts out as a box: as high as the map, as deep as it is wide, as long as it has channels.

    The side that runs to the back is the width. Boxes are to scale with each other; where there are many
    channels, they are drawn shorter, by a factor that the picture names. What has no height and width, such as
    what ``L.Linear`` puts out, is a column; columns have a scale of their own. Layers that keep shape and
    position of everything, such as ReLU, are left out.

    Args:
        summary: What ``nico2ai_cnn.inspection.summary`` returned for a net of images.
        ax: Matplotlib axes, or None for new ones of a size that fits.

    Returns:
        matplotlib.axes.Axes: The axes drawn on.

    Raises:
        ValueError: If ``summary`` has no layers, or its input is not ``(D, H, W)``.
    """
    shape = getattr(summary, 'shape', None)
    if not isinstance(shape, tuple) or len(shape) != 3 or len(summary) == 0:
        raise ValueError('summary must be what inspection.summary(model, (D, H, W)) returns, with at least '
                         f'one layer; got {type(summary).__name__} for input {shape}')
    drawn = [('input', shape, 'input', '')]
    for row in summary:
        if row.ksize is not None or row.macs or row.in_shape != row.out_shape:
            kind = 'vector' if len(row.out_shape) < 3 else 'map' if row.macs or not row.ksize else 'pooling'
            drawn.append((_short(row.name), row.out_shape, kind, _window(row)))
    maps = [each[1] for each in drawn if each[2] != 'vector']
    largest = max(each[1] for each in maps)
    thin = 1.0
    while thin * max(each[0] for each in maps) > 0.6 * largest:
        thin /= 2
    longest = max((int(numpy.prod(each[1])) for each in drawn if each[2] == 'vector'), default=1)
    unit = largest / 1.7        # data units per inch
    if ax is None:
        _, ax = plt.subplots(figsize=(max(0.88 * len(drawn) + 0.3, 5.4), 3.6))
    left = 0
    for name, size, kind, window in drawn:
        if kind == 'vector':
            thickness, height, width = 0.12 * unit, largest * int(numpy.prod(size)) / longest, 0
            label = 'x'.join(map(str, size))
        else:
            (depth, height, width), thickness = size, size[0] * thin
            label = f'{width}×{height}×{depth}'
        reach = thickness + _SLANT[0] * width
        middle = left + max(reach, 0.84 * unit) / 2
        _draw_box(ax, middle - reach / 2, thickness, height, width, COLOURS[kind])
        ax.text(middle, -0.72 * largest, f'{name}\n{label}\n{window}', ha='center', va='top', fontsize=8.5)
        left += max(reach, 0.84 * unit) + 0.04 * unit
    ax.set_xlim(-0.05 * unit, left)
    ax.set_ylim(-1.2 * largest, 0.62 * largest)
    ax.set_aspect('equal')
    ax.axis('off')
    scale = '' if thin == 1 else f' (channels drawn {round(1 / thin)} times shorter)'
    ax.set_title(f'{summary.model_name}, outputs as width×height×channels{scale}', fontsize=10)
    kinds = [kind for kind in COLOURS if kind in {each[2] for each in drawn}]
    ax.legend([matplotlib.patches.Patch(color=COLOURS[kind]) for kind in kinds],
              [_LEGEND[kind] for kind in kinds], loc='lower center', bbox_to_anchor=(0.5, -0.02),
              ncols=4, fontsize=8.5)
    return ax


def _window(row):
    if row.ksize is None:
        return ''
    numbers = {'k': row.ksize, 's': row.stride, 'p': row.pad, 'd': row.dilate}
    if row.dilate == 1:
        del numbers['d']
    text = ', '.join(f'{name} {value if isinstance(value, int) else "x".join(map(str, value))}'
                     for name, value in numbers.items())
    return text if row.groups in (None, 1) else text + f'\n{row.groups} groups'


def _short(name):
    name = name[1:] if name.startswith('/') else name.replace('_2d', '').replace('_', ' ')
    return name if len(name) <= 14 else f'{name[:13]}…'


def _draw_box(ax, left, thickness, height, width, colour):
    """Draws one box: its front is ``thickness`` by ``height``, and ``width`` goes back to the right."""
    right, up = _SLANT[0] * width, _SLANT[1] * width
    bottom, top, end = -height / 2 - up / 2, height / 2 - up / 2, left + thickness
    faces = (([left, end, end, left], [bottom, bottom, top, top], 0.0),
             ([left, end, end + right, left + right], [top, top, top + up, top + up], 0.35),
             ([end, end + right, end + right, end], [bottom, bottom + up, top + up, top], -0.2))
    rgb = numpy.array(matplotlib.colors.to_rgb(colour))
    for x, y, light in faces:
        shade = rgb + (1 - rgb) * light if light > 0 else rgb * (1 + light)
        ax.add_patch(matplotlib.patches.Polygon(list(zip(x, y)), facecolor=shade, edgecolor='0.25',
                                                linewidth=0.7))
