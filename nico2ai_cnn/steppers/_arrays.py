"""From what a student hands over to plain numbers for the page, or a message that teaches."""

import chainer
import numpy

LONGEST = 128


def to_numpy(name, value):
    """Returns an array, Variable or Parameter as a float32 NumPy array of finite numbers.

    Raises:
        TypeError: If it holds no numbers.
        ValueError: If it is empty, uninitialised, or holds NaN or infinity.
    """
    if isinstance(value, chainer.Variable):
        if value.array is None:
            raise ValueError(f'{name} has no values yet: a link made with in_channels (or in_size) None gets its '
                             'weights at its first call; call it once on a batch')
        value = value.array
    array = numpy.asarray(chainer.backend.CpuDevice().send(value) if hasattr(value, 'dtype') else value)
    if array.dtype.kind not in 'biuf':
        raise TypeError(f'{name} must be an array of numbers or a Variable; got {type(value).__name__}')
    if array.size == 0:
        raise ValueError(f'{name} must hold at least one number; got shape {array.shape}')
    if not numpy.isfinite(array).all():
        where = tuple(int(i) for i in numpy.argwhere(~numpy.isfinite(array))[0])
        raise ValueError(f'{name} holds {array[where]} at index {where}, and every window that reads it would give '
                         f'{array[where]} too; numpy.nan_to_num({name}) puts numbers there')
    return array.astype(numpy.float32)


def image(name, value):
    """Returns an image ``(H, W)``, ``(C, H, W)`` or ``(1, C, H, W)`` as ``(C, H, W)``."""
    array = to_numpy(name, value)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise ValueError(f'{name} must be one image of shape (H, W), (C, H, W) or (1, C, H, W); got {array.shape}')
    channels, height, width = array.shape
    if max(height, width) > LONGEST:
        step = -(-max(height, width) // LONGEST)
        raise ValueError(f'{name} is {height} x {width}; a stepper draws at most {LONGEST} x {LONGEST} pixels. '
                         f'{name}[..., ::{step}, ::{step}] takes every {step}th pixel')
    if channels > 16:
        raise ValueError(f'{name} has {channels} channels; a stepper draws at most 16. In Chainer the channels come '
                         'first: (C, H, W)')
    return array


def filters(name, value):
    """Returns ``(kh, kw)``, ``(C, kh, kw)`` or ``(out, C, kh, kw)`` weights as ``(out, C, kh, kw)``."""
    array = to_numpy(name, value)
    if not 2 <= array.ndim <= 4:
        raise ValueError(f'{name} must have shape (kh, kw), (C, kh, kw) or (out, C, kh, kw); got {array.shape}')
    array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    if max(array.shape[2:]) > 15:
        raise ValueError(f'{name} is {array.shape[2]} x {array.shape[3]}; a stepper writes out at most 15 x 15 '
                         'products')
    return array


def bias(value, out_channels):
    """Returns the ``(out,)`` biases; None means zeros, a number the same for all."""
    array = numpy.zeros(1, numpy.float32) if value is None else to_numpy('b', value).ravel()
    if len(array) not in (1, out_channels):
        raise ValueError(f'b must hold one bias per output map, {out_channels}; got {len(array)}')
    return numpy.broadcast_to(array, (out_channels,))


def named(name, value, convert, default):
    """Returns ``{label: array}`` from one array or a dict of them."""
    if not isinstance(value, dict):
        return {default: convert(name, value)}
    if not value:
        raise ValueError(f'{name} is an empty dict; wanted at least one name and array')
    return {str(label): convert(f'{name}[{label!r}]', each) for label, each in value.items()}


def integer(name, value, least):
    """Returns ``value`` as an int, or raises ValueError unless it is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, (int, numpy.integer)) or value < least:
        raise ValueError(f'{name} must be an integer of at least {least}; got {value!r}')
    return int(value)


def numbers(array):
    """Returns nested lists whose floats are as short as float32 allows: 0.1, not 0.10000000149."""
    return array.astype(str).astype(float).tolist()


def menu(named_arrays):
    """Returns [[label, nested lists], ...]: pairs, because a stored notebook sorts the keys of a dict."""
    return [[label, numbers(array)] for label, array in named_arrays.items()]


def errors(gy, shape):
    """Returns errors of ``shape`` (out, H', W'): ones for None.

    Raises:
        ValueError: If ``gy`` has another shape, or more than 4,096 errors.
    """
    array = numpy.ones(shape, numpy.float32) if gy is None else to_numpy('gy', gy)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[None]
    if array.shape != tuple(shape):
        raise ValueError(f'gy must have the shape of the output, {tuple(shape)}; got {array.shape}')
    if array.size > 4096:
        raise ValueError(f'gy holds {array.size} errors, too many to step through; wanted at most 4096')
    return array
