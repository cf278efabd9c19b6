"""A layer's output with the graph behind it, so that one can ask for gradients."""

import chainer
import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks
from nico2ai_cnn.inspection._table import Named
from nico2ai_cnn.inspection._tracing import Names, Origins, Trace, arrays, layers, predictor


def call_with_graph(model, x, layer):
    """Calls a model in test mode, and keeps what one layer puts out as a Variable of the graph.

    Args:
        model (chainer.Chain): Any; of an ``L.Classifier`` its predictor.
        x (chainer.Variable): What it takes.
        layer (str): Name as in :func:`record`.

    Returns:
        tuple: What the model returns, and the layer's Variable (the first, where it has several).

    Raises:
        KeyError: If there is no such layer; the message lists those there are.
    """
    model = predictor(model)
    names, found = Names(model), Named()

    def finished(steps, args):
        origins = Origins(model)
        origins.add_data(arrays(args))
        found.update((each.name, each) for each in layers(steps, names, origins))

    with chainer.using_config('train', False), chainer.using_config('enable_backprop', True), Trace(model, finished):
        y = model(x)
    there = found[layer]
    if there.link is None:
        return y, _output(there.steps[-1])
    out = there.steps[0].call.out
    return y, out[0] if isinstance(out, (tuple, list)) else out


def _output(step):
    """Returns the first output of a function as a Variable; without a graph where nothing later needs it."""
    node = step.function.outputs[0]() if step.function.outputs else None
    if node is None:
        return chainer.Variable(step.outputs[0])
    if node.data is None:       # Chainer forgets the arrays that no gradient needs, such as a sum's
        node.data = step.outputs[0]
    return node.get_variable()


def batch_of_images(model, x, ndim=4):
    """Returns x as an array where the model is; raises unless it is a float array of so many axes with images in it."""
    _checks.link('model', model)
    x = getattr(x, 'array', x)
    shape = '(N, C, H, W)' if ndim == 4 else '(C, H, W)'
    if not isinstance(x, chainer.get_array_types()) or x.ndim != ndim or x.size == 0:
        raise ValueError(f'x must be an array of shape {shape}; got '
                         f'{getattr(x, "shape", type(x).__name__)}')
    if x.dtype.kind != 'f':
        raise TypeError(f'x must be of floats; got {x.dtype}')
    return predictor(model).device.send(x)


def maps_of(layer, h):
    """Returns h; raises ValueError unless it is maps ``(N, D, H, W)``."""
    if h.ndim != 4:
        raise ValueError(f'layer {layer!r} must put out maps (N, D, H, W); it is dense and puts out {h.shape}')
    return h


def logits_of(y, label):
    """Returns y; raises ValueError unless it is logits ``(N, n_class)`` and every label one of its columns."""
    if not isinstance(y, chainer.Variable) or y.ndim != 2:
        raise ValueError(f'the model must return logits (N, n_class); it returned '
                         f'{getattr(y, "shape", type(y).__name__)}')
    if ((label < 0) | (label >= y.shape[1])).any():
        raise ValueError(f'label must be in [0, {y.shape[1]}); got {label.tolist()}')
    return y


def labels_of(label, n):
    """Returns n labels as an array; raises ValueError unless ``label`` is one integer, or n of them."""
    found = numpy.asarray(cuda.to_cpu(label) if isinstance(label, chainer.get_array_types()) else label)
    if found.dtype.kind not in 'iu' or found.shape not in ((), (n,)):
        raise ValueError(f'label must be an integer, or {n} of them, one for each image; got {label!r}')
    return numpy.broadcast_to(found, (n,))


def one_of(name, value, n, of):
    """Raises ValueError unless ``value`` is an integer in ``[0, n)``."""
    if isinstance(value, bool) or not hasattr(value, '__index__') or not 0 <= value < n:
        raise ValueError(f'{name} must be an integer in [0, {n}), for {of}; got {value!r}')
