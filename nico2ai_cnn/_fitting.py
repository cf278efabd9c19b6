"""What ``training.fit`` does besides stepping."""

import contextlib

import chainer
import chainer.functions as F
import chainer.links as L
import numpy

from nico2ai_cnn.transforms.compose import accepts


def classifier_of(model):
    """A model may bring a ``loss(y, t)`` for what it returns besides logits, as GoogLeNet does."""
    return L.Classifier(model, getattr(model, 'loss', F.softmax_cross_entropy),
                        lambda y, t: F.accuracy(y[0] if isinstance(y, tuple) else y, t))


def finite_loss(classifier, x, t, updater, processes):
    loss = classifier(x, t)
    value, = processes.mean(float(loss.array))      # so that all processes raise, if one must
    if not numpy.isfinite(value):
        raise FloatingPointError(
            f'the loss became {value} at step {updater.iteration + 1} (epoch '
            f'{int(updater.previous_epoch_detail or 0) + 1}); the model keeps the parameters from '
            'before this step. A smaller step size often helps; look for NaN in the images too')
    return loss


@contextlib.contextmanager
def seeded(seed, device):
    """Seeds the global generators that Chainer's dropout draws from, for a while."""
    before = numpy.random.get_state()
    numpy.random.seed(seed)
    if device.xp is not numpy:
        with chainer.using_device(device):
            device.xp.random.seed(seed)
    try:
        yield
    finally:
        numpy.random.set_state(before)


def stepwise(transform, seed, rank=0):
    """Returns a function of a batch and a step: what ``transform`` makes of the one in the other.

    Its generator is made anew for each step from seed, step and the process's rank, so that a resumed run
    goes on alike.

    Raises:
        TypeError: If ``transform`` is not a function.
    """
    if transform is None:
        return lambda x, step: x
    if not callable(transform):
        raise TypeError(f'transform must be a function of a batch; got {transform!r}')
    if not accepts(transform, 'rng'):
        return lambda x, step: transform(x)
    return lambda x, step: transform(x, rng=numpy.random.default_rng([seed, step, rank]))
