"""What one function of Chainer does: its name, window, multiply-adds, and what its outputs see."""

import fractions
import re
import typing

import chainer
import chainer.functions as F
import numpy

# These move pixels about, or mix all of them, though the map keeps its size.
_MIXING = ('batch_normalization', 'cumsum', 'fft', 'flip', 'fliplr', 'flipud', 'group_normalization', 'shift',
           'spatial_transformer_sampler')


def function_class(function):
    """Returns the class of a function node, behind Chainer's adapter for old functions."""
    return type(function.function if isinstance(function, chainer.function.FunctionAdapter) else function)


def function_name(function):
    """Returns the name of a function as it is called, such as ``max_pooling_2d``."""
    cls = function_class(function)
    name = cls.__module__.rpartition('.')[2]        # Chainer's modules are named as their functions
    if not (cls.__module__.startswith('chainer.functions.') and hasattr(F, name)):
        name = re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', re.sub('Function$', '', cls.__name__)).lower()
    if name.endswith('_nd') and hasattr(function, 'ndim'):
        name = f'{name[:-2]}{function.ndim}d'
    return name


class Window(typing.NamedTuple):
    """How a function's window lies and moves; one number per axis of the map."""

    ksize: tuple
    stride: tuple
    pad: tuple
    dilate: tuple
    groups: int         # None for pooling
    backward: bool      # whether it spreads each pixel over a window, as deconvolution does

    @property
    def span(self):
        """Pixels from the window's first to its last, both counted."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.ksize, self.dilate))


def window(function, inputs):
    """Returns the :class:`Window` of a function, or None if it has none."""
    name = function_name(function)
    weighted = re.fullmatch(r'(local_|de)?convolution_\dd', name)
    if not (weighted or re.fullmatch(r'(max_|average_|un)pooling_\dd|upsampling_2d', name)):
        return None
    if hasattr(function, 'sy'):
        stride = function.sy, function.sx
        pad = getattr(function, 'ph', 0), getattr(function, 'pw', 0)
        dilate = getattr(function, 'dy', 1), getattr(function, 'dx', 1)
    else:
        stride, pad = tuple(function.stride), tuple(function.pad)
        dilate = getattr(function, 'dilate', (1,) * len(stride))
    if weighted:
        ksize = inputs[1].shape[-len(stride):]
    else:
        ksize = (function.kh, function.kw) if hasattr(function, 'kh') else tuple(function.ksize)
    return Window(ksize, stride, pad, dilate, getattr(function, 'groups', 1) if weighted else None,
                  name.startswith(('deconv', 'un', 'up')))


def multiply_adds(function, inputs, outputs):
    """Returns how many products of a weight and a number are formed and added up.

    Counted are convolution, deconvolution, locally connected and fully connected layers
    and matrix products, zeros of the padding included; all else counts as 0.
    """
    name, y = function_name(function), outputs[0]
    if re.fullmatch(r'convolution_\dd', name):
        return y.size * inputs[1][0].size           # W: (out, in / groups, *ksize)
    if re.fullmatch(r'deconvolution_\dd', name):
        return inputs[0].size * inputs[1][0].size   # W: (in, out / groups, *ksize)
    if name == 'local_convolution_2d':
        return y.size * inputs[1][0, 0, 0].size     # W: (out, H', W', in, *ksize)
    if name == 'linear':
        return y.size * inputs[1].shape[1]
    if name == 'matmul' and inputs[0].ndim > 1:
        return y.size * inputs[0].shape[-2 if getattr(function, 'transa', False) else -1]
    return 0


class Field(typing.NamedTuple):
    """What the units of a map see of the input; one number per axis of the map.

    Unit i sees the pixels from ``start + i * jump`` on, ``size`` of them, those in the
    padding included. With ``jump`` 0, all see the same. Behind a deconvolution the numbers
    are fractions, and the field is an upper bound: its units do not all see equally much.
    """

    start: tuple
    size: tuple
    jump: tuple

    def of_all(self, shape):
        """Returns the field of a unit that sees the whole map of that ``shape``."""
        units = shape[len(shape) - len(self.size):]
        return Field(self.start, tuple(r + (n - 1) * j for r, n, j in zip(self.size, units, self.jump)),
                     (0,) * len(self.size))


def field_after(function, inputs, outputs, fields):
    """Returns the :class:`Field` of a function's outputs.

    Args:
        function: The function node.
        inputs, outputs: Its arrays.
        fields: For each input its Field; None where it does not come from the image.

    Returns:
        Field: The smallest that holds what all inputs together see; None without any.
    """
    found = [_through(function, inputs, outputs[0].shape, x.shape, field)
             for x, field in zip(inputs, fields) if field is not None]
    if not found:
        return None
    if len({field.jump for field in found}) > 1:
        found = [field.of_all(outputs[0].shape) for field in found]
    start = tuple(map(min, zip(*(field.start for field in found))))
    ends = ([s + r for s, r in zip(field.start, field.size)] for field in found)
    return Field(start, tuple(max(end) - first for first, end in zip(start, zip(*ends))), found[0].jump)


def _through(function, inputs, y_shape, x_shape, field):
    name, n = function_name(function), len(field.size)
    spot = window(function, inputs)
    if n == 0 or name in _MIXING and not function_class(function).__name__.startswith('Fixed'):
        return field.of_all(x_shape)
    if spot is not None and len(spot.ksize) == n:
        return _through_window(field, spot)
    if name in ('pad', 'get_item'):
        places = (_pad_places if name == 'pad' else _slice_places)(function, x_shape, n)
        if places is None:
            return field.of_all(x_shape)
        return Field(tuple(s + first * j for s, j, (first, _) in zip(field.start, field.jump, places)),
                     field.size, tuple(j * step for j, (_, step) in zip(field.jump, places)))
    stays = (len(y_shape) > n and len(x_shape) > n and x_shape[-n:] == y_shape[-n:]
             and name not in ('linear', 'matmul') and _keeps_last_axes(function, name, len(x_shape), n))
    return field if stays else field.of_all(x_shape)


def _through_window(field, spot):
    axes = list(zip(*field, spot.span, spot.stride, spot.pad))
    if spot.backward:   # output o comes of inputs from (o + pad - span + 1) / stride to (o + pad) / stride
        return Field(tuple(s + fractions.Fraction(p - k + 1) / t * j for s, _, j, k, t, p in axes),
                     tuple(r + fractions.Fraction(k - 1) / t * j for _, r, j, k, t, _ in axes),
                     tuple(fractions.Fraction(j) / t for _, _, j, _, t, _ in axes))
    return Field(tuple(s - p * j for s, _, j, _, _, p in axes),
                 tuple(r + (k - 1) * j for _, r, j, k, _, _ in axes),
                 tuple(j * t for _, _, j, _, t, _ in axes))


def _pad_places(function, x_shape, n):
    """Returns for each axis of the map the place of output 0 in the input, and the next one's distance."""
    if function.mode != 'constant':
        return None
    widths = numpy.broadcast_to(function.pad_width, (len(x_shape), 2))
    return [(-int(before), 1) for before, _ in widths[-n:]]


def _slice_places(function, x_shape, n):
    index = [each for each in function.slices if each is not None]
    at = next((i for i, each in enumerate(index) if each is Ellipsis), len(index))
    index[at:at + 1] = [slice(None)] * (len(x_shape) - len(index[:at] + index[at + 1:]))
    if not all(isinstance(each, slice) for each in index[-n:]):
        return None
    places = [each.indices(length) for each, length in zip(index[-n:], x_shape[-n:])]
    return None if any(step < 0 for _, _, step in places) else [(first, step) for first, _, step in places]


def _keeps_last_axes(function, name, ndim, n):
    if name == 'transpose':
        axes = function.axes or range(ndim)[::-1]
        return [axis % ndim for axis in axes][-n:] == list(range(ndim))[-n:]
    return name not in ('moveaxis', 'rollaxis', 'swapaxes', 'diagonal')
