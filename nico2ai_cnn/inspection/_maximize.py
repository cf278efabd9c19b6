"""Images made to excite a unit: activation maximisation."""

import typing

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn import _checks
from nico2ai_cnn.inspection._graph import call_with_graph, one_of
from nico2ai_cnn.inspection._tracing import predictor
from nico2ai_cnn.transforms.elastic_distortion import gaussian, smooth_by_products

_BLUR_EVERY = 4         # steps


class Maximized(typing.NamedTuple):
    """What :func:`maximize_activation` returns, beside the model."""

    images: numpy.ndarray
    """``(n, C, H, W)``: one for each channel."""
    activations: numpy.ndarray
    """``(n_step + 1, n)``: before each step, and at the end."""
    steps: numpy.ndarray
    """``(n_step + 1, n, C, H, W)`` with ``keep_steps``, else None: the images on the way."""


def maximize_activation(model, layer, channels, shape, n_step=100, step_size=0.05, jitter=0, blur=0., decay=0.,
                        limits=(0., 1.), x0=None, at='mean', rng=None, keep_steps=False):
    """Changes images step by step, along the gradient, so that units of a layer answer more (slide 48).

    D. Erhan et al.: Visualizing higher-layer features of a deep network. Univ. of Montreal, 2009; jitter: A.
    Mordvintsev et al.: Inceptionism, 2015; blur and decay: J. Yosinski et al.: Understanding neural networks
    through deep visualization, 2015.

    Args:
        model (chainer.Chain): Any; used in test mode, and not changed.
        layer (str): Named as in :func:`record`. Rather a convolution than its ReLU: where that is silent, it has
            no gradient.
        channels (sequence of int): Which maps, or units of a dense layer; one image is made for each.
        shape: ``(C, H, W)`` of an image.
        n_step (int): How many steps.
        step_size (float): How far a step goes: the root mean square of the pixels' changes, in units of a pixel.
        jitter (int): Up to so many pixels the image is rolled before a step, and back after it.
        blur (float): Standard deviation, in pixels, of a Gaussian that smooths the image every fourth step.
        decay (float): The part of the distance to the middle of the limits that a pixel loses in a step, in [0, 1).
        limits: Lowest and highest pixel: numbers, or arrays that go with ``shape``.
        x0: Start ``(C, H, W)``; by default the middle of the limits and a little noise.
        at (str): What grows of a map: ``'mean'``, over all positions, or ``'middle'``, the one unit there, which
            leaves all grey that it does not see.
        rng (numpy.random.Generator): Of noise and jitter.
        keep_steps (bool): Whether to return the images on the way, too.

    Returns:
        Maximized: Images, the activations on the way, and the images there.

    Raises:
        KeyError: If there is no such layer; the message lists those there are.
        ValueError: If an argument is out of range, or no gradient leads from the layer to the image.
    """
    _checks.link('model', model)
    _checks.positive_int('n_step', n_step)
    if not hasattr(shape, '__len__') or len(shape) != 3:
        raise ValueError(f'shape must be (C, H, W); got {shape!r}')
    if not hasattr(channels, '__len__') or len(channels) == 0:
        raise ValueError(f'channels must be at least one integer, in a sequence; got {channels!r}')
    if at not in ('mean', 'middle'):
        raise ValueError(f"at must be 'mean' or 'middle'; got {at!r}")
    one_of('jitter', jitter, min(shape[1:]), f'images of {shape[1]} x {shape[2]} pixels')
    for name, value, right in (('step_size', step_size, lambda: step_size > 0), ('blur', blur, lambda: 0 <= blur <= 1000),
                               ('decay', decay, lambda: 0 <= decay < 1)):
        if not (_checks.is_number(value) and right()):
            raise ValueError(f'{name} is out of range; got {value!r}')
    if not hasattr(limits, '__len__') or len(limits) != 2:
        raise ValueError(f'limits must be lowest and highest pixel; got {limits!r}')
    rng = _checks.generator(rng)
    device = predictor(model).device
    xp, dtype = device.xp, chainer.get_dtype()
    low, high = (device.send(numpy.broadcast_to(numpy.asarray(limit, dtype), shape)) for limit in limits)
    if not bool((low < high).all()):
        raise ValueError(f'limits must be lowest and highest pixel, the first below the second; got {limits!r}')
    middle = (low + high) / 2
    if x0 is None:
        noise = rng.standard_normal((len(channels), *shape)).astype(dtype)
        x = middle + 0.01 * (high - low) * device.send(noise)
    elif getattr(x0, 'shape', None) != tuple(shape):
        raise ValueError(f'x0 must be an array of shape {tuple(shape)}; got {getattr(x0, "shape", type(x0).__name__)}')
    else:
        x = xp.repeat(device.send(x0)[None].astype(dtype), len(channels), axis=0)
    activations, steps = [], []
    for step in range(n_step + 1):
        steps.append(x)
        down, right = (int(d) for d in rng.integers(-jitter, jitter + 1, 2))
        activation, gradient = _climb(model, layer, channels, at, xp.roll(x, (down, right), axis=(2, 3)))
        activations.append(activation)
        if step == n_step:
            break
        gradient = xp.roll(gradient, (-down, -right), axis=(2, 3))
        size = xp.sqrt((gradient ** 2).mean(axis=(1, 2, 3), keepdims=True))
        x = x + step_size * (high - low) * gradient / xp.maximum(size, 1e-12)
        if blur and step % _BLUR_EVERY == _BLUR_EVERY - 1:
            x = middle + smooth_by_products(x - middle, 1., gaussian(blur), xp)
        x = (middle + (1 - decay) * (x - middle)).clip(low, high).astype(dtype)
        if not keep_steps:
            steps = []
    return Maximized(x, xp.stack(activations), xp.stack(steps) if keep_steps else None)


def _climb(model, layer, channels, at, x):
    """Returns each image's activation ``(n,)``, and its gradient with respect to the image."""
    x = chainer.Variable(x)
    _, h = call_with_graph(model, x, layer)
    for channel in channels:
        one_of('channels', channel, h.shape[1], f'layer {layer!r}')
    units = h
    if h.ndim > 2:
        units = (F.mean(h, axis=tuple(range(2, h.ndim))) if at == 'mean'
                 else h[(..., *(side // 2 for side in h.shape[2:]))])
    wanted = F.select_item(units, h.xp.asarray(numpy.array(channels, numpy.int32)))
    gradient, = chainer.grad([F.sum(wanted)], [x])
    if gradient is None:
        raise ValueError(f'no gradient leads from layer {layer!r} to the image')
    return wanted.array, gradient.array
