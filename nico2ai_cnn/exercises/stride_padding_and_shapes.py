"""Notebook 04."""

import math

import numpy

from nico2ai_cnn.exercises._says import Wrong, call, says

STACKS = (
    ((1, 28, 28), [('conv', 6, 5, 1, 2), ('pool', None, 2, 2, 0),
                   ('conv', 16, 5, 1, 0), ('pool', None, 2, 2, 0)]),
    ((3, 40, 32), [('conv', 8, 5, 1, 2)]), ((3, 40, 32), [('conv', 8, 3, 2, 0)]),
    ((4, 24, 31), [('pool', None, 3, 2, 0)]),
    ((3, 50, 44), [('conv', 16, 5, 3, 1), ('pool', None, 3, 2, 1), ('conv', 7, 3, 1, 0)]))


def _shapes(shape, layers, up=math.ceil, down=math.floor, sides=2, keep=True, one_more=1, crossed=False):
    """The shape after each layer; the keywords make it wrong in one way each."""
    for kind, channels, k, s, p in layers:
        divide = up if kind == 'pool' else down
        height, width = (int(divide((n + sides * p - k) / s)) + one_more for n in shape[1:])
        depth = shape[0] if channels is None and keep else channels
        shape = depth, *((width, height) if crossed else (height, width))
    return shape


@says
def check_stack_shape(stack_shape):
    """Notebook 04: the shape that comes out of a stack of layers."""
    for shape, layers in STACKS:
        got = call(stack_shape, shape, list(layers))
        right = _shapes(shape, layers)
        if numpy.shape(got) != (3,):
            raise Wrong(f'it gives {got!r}; wanted three numbers, (D, H, W).')
        got = tuple(got)
        if got == right:
            if not all(isinstance(n, (int, numpy.integer)) for n in got):
                raise Wrong(f'{got} is right, but sizes are integers: round a convolution down, with //, and '
                            'max pooling up, with math.ceil.')
            continue
        what = f'for {shape} and {layers} it gives {got}'
        hints = [
            (_shapes(shape, layers, up=math.floor), 'F.max_pooling_2d rounds up, unless cover_all=False.'),
            (_shapes(shape, layers, down=math.ceil),
             'a convolution rounds down: a window that would hang over the edge is left out.'),
            (_shapes(shape, layers, sides=1), 'padding comes on both sides, so add 2 * p.'),
            (_shapes(shape, layers, sides=0), 'the padding is left out.'),
            (_shapes(shape, layers, one_more=0), 'one position too few: the first window counts as well.'),
            (_shapes(shape, layers, keep=False),
             'pooling works on each channel by itself, so their number stays.'),
            (_shapes(shape, layers[:1]), 'this is the shape after the first layer; go on from there.'),
            (_shapes(shape, layers, crossed=True), 'the order is (D, H, W); height and width are swapped.'),
            (shape, 'that is the shape of the input.')]
        for value, hint in hints:
            if got == value:
                raise Wrong(f'{what}: {hint}')
        raise Wrong(f'{what}; wanted {right}.')


@says
def check_same_pad(same_pad):
    """Notebook 04: the padding with which a map keeps its size, for odd k and stride 1."""
    for k, d in (3, 1), (5, 1), (1, 1), (11, 1), (3, 2), (5, 3), (7, 2):
        got, right = call(same_pad, k, d), d * (k - 1) // 2
        if got == right:
            if not isinstance(got, (int, numpy.integer)):
                raise Wrong(f'same_pad({k}, {d}) gives {got!r}; Chainer wants an integer: divide by //.')
            continue
        what = f'same_pad({k}, {d}) gives {got!r}'
        for value, hint in ((d * (k - 1), 'that much is missing in all; half of it on each side.'),
                            ((k - 1) // 2, 'with dilate the window spans d * (k - 1) + 1 pixels.'),
                            (d * k // 2, 'a filter of k taps has k - 1 gaps between them, d wide each.'),
                            ((d * k - 1) // 2, 'of k taps there are k - 1 gaps between them, d wide each.'),
                            (-right, 'the sign is the wrong way round.')):
            if got == value:
                raise Wrong(f'{what}: {hint}')
        raise Wrong(f'{what}; wanted {right}.')


@says
def check_conv_costs(conv_costs):
    """Notebook 04: parameters and multiply-adds of a convolution layer."""
    for shape, out, k, s, p in (((1, 28, 28), 6, 5, 1, 2), ((3, 227, 227), 96, 11, 4, 0),
                                ((8, 15, 20), 4, 3, 2, 1)):
        got = call(conv_costs, shape, out, k, s, p)
        if numpy.shape(got) != (2,):
            raise Wrong(f'it gives {got!r}; wanted two numbers: return parameters, macs.')
        _, height, width = _shapes(shape, [('conv', out, k, s, p)])
        weights, units = shape[0] * k * k * out, height * width
        right = {'parameters': weights + out, 'macs': weights * units}
        if tuple(got) == tuple(right.values())[::-1]:
            raise Wrong('the two are exchanged: parameters come first.')
        hints = {
            'parameters': [(weights, 'these are the weights; each output map has a bias too.'),
                           (weights + 1, 'each output map has a bias of its own.'),
                           (k * k * out + out, 'a filter spans all input channels.'),
                           ((weights + out) * units, 'the same weights are shared by every position.')],
            'macs': [(weights, 'this is for one position; the filters are applied at every one.'),
                     (weights * shape[1] * shape[2],
                      'count the positions of the output, not the pixels of the input.'),
                     ((weights + out) * units, 'adding a bias is no multiplication; count the weights only.'),
                     (weights * math.prod((n + 2 * p - k) / s + 1 for n in shape[1:]),
                      'the number of positions is rounded down: divide with //.'),
                     (k * k * out * units, 'a filter spans all input channels.'),
                     (shape[0] * k * k * units, 'this is one filter; there are out_channels.')]}
        for value, (name, wanted) in zip(got, right.items()):
            if value != wanted:
                hint = next((hint for known, hint in hints[name] if value == known), f'wanted {wanted:,}.')
                raise Wrong(f'{name} of {shape}, {out} filters, k={k}, s={s}, p={p}: {value:,} — {hint}')


@says
def check_field_of_stack(field_of_stack):
    """Notebook 04: the receptive field of a stack of layers, dilation included."""
    for layers in ([(5, 1, 1)], [(3, 1, 1), (3, 1, 1)], [(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)],
                   [(3, 1, 1), (3, 1, 2), (3, 1, 4)], [(7, 2, 1), (3, 2, 2), (3, 1, 1)]):
        got, right = call(field_of_stack, list(layers)), _field(layers)
        if got == right:
            continue
        what = f'field_of_stack({layers}) gives {got!r}'
        hints = [
            (_field(layers, dilated=False), 'the dilation is left out: such a window spans d * (k - 1) + 1.'),
            (_field(layers, early=True),
             "a layer's own stride counts only for the layers after it: first the field, then the jump."),
            (_field(layers, strided=False),
             'the strides are left out: behind a stride of 2, one step is two pixels.'),
            (_field(layers, taps=0), 'each layer adds k - 1, not k: its first tap is a unit that is there.'),
            (_field(layers, first=0), 'before any layer a unit sees one pixel, itself: start from 1.'),
            (math.prod(k for k, _, _ in layers), 'fields add up; they do not multiply.'),
            (math.prod(s for _, s, _ in layers), 'that is the jump; wanted the field.')]
        for value, hint in hints:
            if got == value:
                raise Wrong(f'{what}: {hint}')
        raise Wrong(f'{what}; wanted {right}.')


def _field(layers, dilated=True, early=False, strided=True, taps=1, first=1):
    field, jump = first, 1
    for k, s, d in layers:
        after = jump * s if strided else 1
        field += (d if dilated else 1) * (k - taps) * (after if early else jump)
        jump = after
    return field
