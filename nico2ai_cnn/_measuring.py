"""What a trained network answers, and how often it is right."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy

from nico2ai_cnn import _batches, _checks


def predict(model, x, batch_size=500):
    """Returns the logits of a trained model as a NumPy array ``(N, n_class)``.

    Args:
        model (chainer.Chain): As for :func:`fit`; used where it is, in test mode.
        x: Images as the model takes them, with the batch axis; at least one.
        batch_size (int): How many are computed at a time; half as many where memory does not suffice.

    Raises:
        ValueError: If ``x`` is empty, or ``batch_size`` is not an integer of at least 1.
        TypeError: If the model is no ``chainer.Link``, or returns something else than a Variable.
        MemoryError: If not even one fits.
    """
    _checks.link('model', model)
    _checks.positive_int('batch_size', batch_size)
    if not hasattr(x, 'shape'):
        raise TypeError(f'x must be an array of images; got {type(x).__name__}')
    if len(x) == 0:
        raise ValueError('x is empty; wanted at least one image')
    predictor = model.predictor if isinstance(model, L.Classifier) else model
    logits, done = [], 0
    with chainer.using_device(predictor.device), chainer.using_config('train', False), chainer.no_backprop_mode():
        while done < len(x):
            batch = x[done:done + batch_size]
            try:
                y = predictor(predictor.device.send(batch))
            except MemoryError:
                if len(batch) == 1:
                    raise
                batch_size = len(batch) // 2
                continue
            if not isinstance(y, chainer.Variable):
                raise TypeError('the model must return logits, a Variable of shape (N, n_class); '
                                f'it returned {type(y).__name__}')
            logits.append(chainer.backends.cuda.to_cpu(y.array))
            done += len(batch)
    return numpy.concatenate(logits)


def evaluate(model, data, batch_size=500):
    """Measures a model on a data set, in test mode.

    Args:
        model (chainer.Chain): As for :func:`fit`.
        data: Data set of ``(x, t)``, or two arrays.
        batch_size (int): How many images are computed at a time.

    Returns:
        dict: ``'loss'``, the mean softmax cross entropy in nats (also where a
        Classifier was trained with another loss), and
        ``'accuracy'`` in [0, 1].

    Raises:
        ValueError, TypeError: If the data set is empty, holds something else than
            ``(x, t)``, or a label out of range; and as for :func:`predict`.
        MemoryError: If not even one image fits.
    """
    data = _checks.as_dataset('data', data)
    x, t = _batches.everything(data)
    logits = predict(model, x, batch_size)
    t = chainer.backends.cuda.to_cpu(t).astype(numpy.int32)
    _checks.labels(t, logits.shape[1], 'data')
    with chainer.no_backprop_mode():
        return {'loss': float(F.softmax_cross_entropy(logits, t).array),
                'accuracy': float((logits.argmax(axis=1) == t).mean())}
