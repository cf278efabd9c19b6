"""The layers of a network in a table: shapes, parameters, multiply-adds, receptive fields."""

import math

import chainer
import chainer.links as L
import numpy

from nico2ai_cnn.inspection._dry_run import copy_sharing_parameters, why_not
from nico2ai_cnn.inspection._geometry import Field, field_after, multiply_adds, window
from nico2ai_cnn.inspection._table import Layer, Summary, equal
from nico2ai_cnn.inspection._tracing import Names, Origins, Trace, layers, predictor


def summary(model, shape):
    """Runs one image through a copy of the model and tells what each layer did.

    A row is a link without links in it, or a function that a Chain applies itself (but
    for arithmetic with numbers, such as ``2 * h + 1``). The model is left as it is:
    parameters, running averages, random generators, and layers such as
    ``L.Linear(None, 10)`` that wait for their size. What is the same in test mode, such
    as dropout, makes no row.

    Multiply-adds (MACs) count the products of convolution, deconvolution, locally
    connected and fully connected layers and matrix products, those with zeros of the
    padding included; biases, activations, pooling and normalisation count as 0.

    The receptive field follows ``field += (ksize - 1) * jump; jump *= stride`` from layer
    to layer, with ``dilate * (ksize - 1)`` where there is a dilation; where branches meet,
    it holds what any of them sees. Functions that move pixels about in other ways count
    as seeing all of their input.

    Args:
        model (chainer.Chain): Any; of an ``L.Classifier`` its predictor.
        shape: ``(D, H, W)`` of one image, or ``(D, L)`` or ``(D,)`` where the model takes
            that, without N.

    Returns:
        Summary: A sequence of :class:`Layer`.

    Raises:
        TypeError: If ``model`` is not a Chainer link.
        ValueError: If ``shape`` is not one to three integers of at least 1, or the model
            does not take such an image; tells at which layer and why.
    """
    model = predictor(model)
    shape = _checked_shape(shape)
    copied, waiting = copy_sharing_parameters(model)
    x = chainer.Variable(copied.device.send(numpy.zeros((1, *shape), chainer.get_dtype())))
    all_steps = []
    trace = Trace(copied, lambda steps, args: all_steps.extend(steps))
    with chainer.using_config('train', False), chainer.no_backprop_mode():
        try:
            with chainer.using_device(copied.device), trace:
                copied(x)
        except Exception as error:
            raise ValueError(f'{type(model).__name__} does not take an image of shape {shape}: '
                             f'{why_not(trace, error)}') from error
    names, origins = Names(copied), Origins(copied)
    origins.add_data([x.array])
    found = layers(all_steps, names, origins)
    counts = _count(copied, found)
    fields = _fields(all_steps, x.array)
    rows = [_row(layer, count, fields.get(id(layer.outputs[0])) if layer.outputs else None, shape)
            for layer, count in zip(found, counts)]
    parameters = sum({id(param): param.size for param in copied.params() if param.array is not None}.values())
    return Summary(type(model).__name__, shape, rows, parameters,
                   _notes(copied, found, waiting, parameters - sum(counts)))


def _checked_shape(shape):
    is_tuple = isinstance(shape, (tuple, list)) and 1 <= len(shape) <= 3
    if not is_tuple or not all(isinstance(n, (int, numpy.integer)) and not isinstance(n, bool) and n >= 1
                               for n in shape):
        raise ValueError('shape must be (D, H, W) of one image, integers of at least 1 without N; '
                         f'got {shape!r}')
    return tuple(map(int, shape))


def _count(model, found):
    """Returns how many parameters each layer counts: those of the model that none before it did."""
    left = {id(param): param for param in model.params() if param.array is not None}
    counts = []
    for layer in found:
        used = layer.parameters if layer.link is None else list(layer.link.params())
        counts.append(sum(left.pop(id(param)).size for param in used if id(param) in left))
    return counts


def _fields(steps, image):
    """Returns the Field of each array that comes of the image, by the array's id."""
    axes = image.ndim - 2
    fields = {id(image): Field((0,) * axes, (1,) * axes, (1,) * axes)}
    for step in steps:
        field = field_after(*step[:3], [fields.get(id(array)) for array in step.inputs])
        fields.update((id(array), field) for array in step.outputs)
    return fields


def _row(layer, parameters, field, shape):
    windows = [each for each in (window(step.function, step.inputs) for step in layer.steps) if each]
    geometry = {}
    if len(windows) == 1:
        geometry = {name: equal(getattr(windows[0], name)) for name in ('ksize', 'stride', 'pad', 'dilate')}
        geometry['groups'] = windows[0].groups
    if field is not None and field.size:
        if not any(field.jump):
            ends = [min(s + r, n) for s, r, n in zip(field.start, field.size, shape[1:])]
            start = tuple(max(s, 0) for s in field.start)
            field = Field(start, tuple(end - first for end, first in zip(ends, start)), field.jump)
        geometry.update(receptive_field=equal(tuple(map(math.ceil, field.size))),
                        start=equal(tuple(map(math.floor, field.start))),
                        jump=equal(field.jump) if any(field.jump) else None)
    return Layer(layer.name, layer.kind, layer.input.shape[1:], layer.outputs[0].shape[1:],
                 parameters=parameters, macs=sum(multiply_adds(*step[:3]) for step in layer.steps),
                 **geometry)


def _notes(model, found, waiting, unused):
    """Returns what a reader of the table should know besides."""
    notes = []
    for path, link in waiting:
        params = [param for param in link.params() if param.array is not None]
        if len(params) < len(list(link.params())):
            notes.append(f'{path} was never called, so its weights have no size yet and count as 0')
        elif isinstance(link, L.Linear):
            notes.append(f'{path} gets its size, {link.W.shape[1]}, at the first call: L.Linear(None, …)')
        else:
            notes.append(f'{path} gets its shape, {link.W.shape if hasattr(link, "W") else params[0].shape}, '
                         f'at the first call: L.{type(link).__name__}(None, …)')
    if unused:
        notes.append(f'{unused:,} parameters are in the total, but no layer above uses them '
                     '(such as heads that are there for training)')
    own = {id(link) for link in model.links()}
    for layer in found:
        if layer.link is not None and id(layer.link) not in own and layer.link.count_params():
            notes.append(f'{layer.name} is not part of the model, so its {layer.link.count_params():,} '
                         'parameters are not counted and would not be trained: create it inside '
                         '"with self.init_scope():"')
    return notes
