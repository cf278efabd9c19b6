"""Receptive fields (受容野): what one unit sees through all the layers before it."""

import matplotlib.pyplot as plt
import numpy
from chainer.utils.conv import get_conv_outsize

from nico2ai_cnn.steppers import _arrays, _frames
from nico2ai_cnn.steppers._stepper import Stepper, module


class ReceptiveFieldStepper(Stepper):
    """Marks what a unit sees in each layer before it, and whom a pixel reaches after it.

    Args:
        layers: From the input on, one ``(name, ksize, stride, pad)`` or ``(name, ksize,
            stride, pad, dilate)`` per layer; or what ``inspection.summary`` returns,
            of which the convolutions and poolings are taken up to the first layer
            whose output is not a map. They must follow one another: no branches, no
            deconvolution, and square windows.
        size: Height and width of the input: one integer for both, or ``(H, W)``. With a
            summary it may be left out.
        x: A picture of that size, ``(H, W)`` or ``(C, H, W)``, to draw as the input (the
            mean of its channels), or None.

    Raises:
        TypeError, ValueError: If there is no layer, a setting is not an integer, a layer
            fits nowhere, or ``x`` has another size.
    """

    title = 'Receptive field stepper'
    _esm = module('receptive_field')

    def __init__(self, layers, size=None, x=None):
        layers = list(layers)
        summary = bool(layers) and hasattr(layers[0], 'out_shape')
        if size is None and summary:
            size = layers[0].in_shape[1:]
        size = _size(size)
        layers, covering = _chain(layers) if summary else (layers, ())
        self._layers = _grow(layers, size, covering)
        self._size = size
        self._image = None
        if x is not None:
            image = _arrays.image('x', x) if max(size) <= _arrays.LONGEST else _arrays.to_numpy('x', x)
            self._image = image.reshape((-1,) + image.shape[-2:]).mean(axis=0)
            if self._image.shape != size:
                raise ValueError(f'x must be {size[0]} x {size[1]} pixels, as size says; got '
                                 f'{self._image.shape[0]} x {self._image.shape[1]}')
        super().__init__({'layers': self._layers, 'shape': list(size),
                          'x': None if self._image is None else _arrays.numbers(self._image)})

    def first_frame(self):
        levels = [{'name': 'input', 'size': self._size}, *self._layers]
        figure, axes = plt.subplots(1, len(levels), squeeze=False, figsize=(2.1 * len(levels), 2.5))
        fields = [(n // 2, n // 2) for n in levels[-1]['size']]     # first and last, down and across
        for ax, level in zip(axes[0, ::-1], levels[::-1]):
            is_input = 'ksize' not in level
            drawn = self._image is not None and is_input
            (top, bottom), (left, right) = ((max(first, 0), min(last, length - 1) + 1)
                                            for (first, last), length in zip(fields, level['size']))
            _frames.draw(ax, self._image if drawn else numpy.full(level['size'], 0.8),
                         f"{level['name']}, {level['size'][0]} x {level['size'][1]}",
                         (top, left, bottom - top, right - left), numbers=False)
            if not drawn:
                ax.images[0].set_clim(0, 1)
            if not is_input:
                reach = level['dilate'] * (level['ksize'] - 1)
                fields = [(first * level['stride'] - level['pad'], last * level['stride'] - level['pad'] + reach)
                          for first, last in fields]
        high, wide = (last - first + 1 for first, last in fields)
        _frames.caption(figure, f"the middle unit of {levels[-1]['name']} sees {high} x {wide} pixels of the input")
        return figure


def _size(size):
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        raise ValueError(f'size must be one integer or (H, W); got {size!r}')
    return tuple(_arrays.integer('size', length, 1) for length in pair)


def _chain(rows):
    """Returns the layers of a summary, and the names of those whose last window may stick out (``cover_all``)."""
    kept, covering, field, jump = [], set(), (1, 1), 1
    size = rows[0].in_shape[1:]
    for row in rows:
        if len(row.out_shape) != 3:
            break
        if row.ksize is None:
            continue
        name = row.name.strip('/')
        for what in 'ksize', 'stride', 'pad', 'dilate':
            if not isinstance(getattr(row, what), int):
                raise ValueError(f'layers: {name} has {what} {getattr(row, what)}, and only square windows can be drawn')
        span = row.dilate * (row.ksize - 1) + 1
        field = tuple(side + (span - 1) * jump for side in field)
        jump *= row.stride
        exact, covered = (tuple(get_conv_outsize(length, row.ksize, row.stride, row.pad, cover_all, row.dilate)
                                for length in size) for cover_all in (False, True))
        seen = row.receptive_field if isinstance(row.receptive_field, tuple) else (row.receptive_field,) * 2
        if row.in_shape[1:] != size or row.out_shape[1:] not in (exact, covered) or seen != field:
            raise ValueError(f'layers: {name} does not follow from the windows before it, as in a branch, a '
                             'deconvolution or behind F.pad; give the layers of one path, each (name, ksize, stride, pad)')
        size = row.out_shape[1:]
        if size != exact:
            covering.add(name)
        kept.append((name, row.ksize, row.stride, row.pad, row.dilate))
    return kept, covering


def _grow(layers, size, covering):
    """Returns the layers as dicts, with the size of each output."""
    if not layers:
        raise ValueError('layers is empty; wanted at least one (name, ksize, stride, pad)')
    grown, names = [], {'input'}
    for layer in layers:
        if not isinstance(layer, (tuple, list)) or len(layer) not in (4, 5):
            raise ValueError(f'each of layers must be (name, ksize, stride, pad) or (name, ksize, stride, pad, '
                             f'dilate); got {layer!r}')
        name, ksize, stride, pad, *dilate = layer
        if name in names:
            raise ValueError(f'layers must have names of their own; {name!r} comes twice')
        names.add(name)
        ksize, stride = (_arrays.integer(f'{what} of {name}', value, 1)
                         for what, value in (('ksize', ksize), ('stride', stride)))
        pad = _arrays.integer(f'pad of {name}', pad, 0)
        dilate = _arrays.integer(f'dilate of {name}', dilate[0], 1) if dilate else 1
        span = dilate * (ksize - 1) + 1
        room = [length + 2 * pad for length in size]
        if span > min(room):
            raise ValueError(f'{name}: ksize {ksize}' + (f' with dilate {dilate}' if dilate > 1 else '') +
                             f' is larger than its padded input {room[0]} x {room[1]}')
        sticks_out = stride - 1 if name in covering else 0
        size = [(length - span + sticks_out) // stride + 1 for length in room]
        grown.append({'name': name, 'ksize': ksize, 'stride': stride, 'pad': pad, 'dilate': dilate, 'size': size})
    return grown
