"""What each layer of a network puts out."""

import contextlib

from nico2ai_cnn.inspection._table import Named
from nico2ai_cnn.inspection._tracing import Names, Origins, Trace, arrays, layers, predictor


@contextlib.contextmanager
def record(model):
    """Keeps what each layer puts out while the model is called::

        with inspection.record(model) as activations:
            model(x)
        activations['/conv1']       # (N, D, H, W)

    Args:
        model (chainer.Chain): Any; of an ``L.Classifier`` its predictor. It must be
            called as ``model(x)``: ``model.forward(x)`` goes past Chainer's hooks.

    Yields:
        dict: Filled each time that the model has been called: the name of each layer, as
        in :func:`summary` and in that order, and its output: an array (NumPy's or
        CuPy's, not a Variable, and not a copy) with N in front; a tuple of them where it
        has several. A layer that is called again comes again, with ``_2`` and so on
        behind its name, and so do all when the model is called again.

    Raises:
        TypeError: If ``model`` is not a Chainer link.
    """
    model = predictor(model)
    names, activations = Names(model), Named()

    def finished(steps, args):
        origins = Origins(model)
        origins.add_data(arrays(args))
        for layer in layers(steps, names, origins):
            activations[layer.name] = layer.outputs if len(layer.outputs) > 1 else layer.outputs[0]

    with Trace(model, finished):
        yield activations
