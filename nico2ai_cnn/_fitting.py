"""What ``training.fit`` does besides stepping."""

import contextlib
import functools
import operator

import chainer
import chainer.functions as F
import chainer.links as L
import numpy
from chainer import training

from nico2ai_cnn import _batches, _checks
from nico2ai_cnn._measuring import evaluate, predict
from nico2ai_cnn.transforms.compose import accepts


def classifier_of(model):
    """A model may bring a ``loss(y, t)`` for what it returns besides logits, as GoogLeNet does."""
    return L.Classifier(model, getattr(model, 'loss', F.softmax_cross_entropy),
                        lambda y, t: F.accuracy(y[0] if isinstance(y, tuple) else y, t))


def converter(data, n_class, share):
    """Returns Chainer's converter from positions in ``data`` to a batch of ``share(positions)``, its labels checked."""
    parts = _batches.arrays_in(data)
    if parts:
        _checks.labels(parts[1], n_class, 'train')      # once; and not at each step on a GPU, which would wait

    @chainer.dataset.converter()
    def convert(positions, device):
        x, t = _batches.take(data, share(positions))
        if not parts:
            _checks.labels(t, n_class, 'train')
        return device.send((x, t.astype(numpy.int32)))  # Chainer's loss rejects unsigned labels
    return convert


def finite_loss(loss, updater, processes):
    value, = processes.mean(float(loss.array))      # so that all processes raise, if one must
    if not numpy.isfinite(value):
        raise FloatingPointError(
            f'the loss became {value} at step {updater.iteration + 1} (epoch '
            f'{int(updater.previous_epoch_detail or 0) + 1}); the model keeps the parameters from '
            'before this step. A smaller step size often helps; look for NaN in the images too')
    return loss


def check_parameters(trainer):
    """Raises FloatingPointError if the latest step made a parameter NaN or infinite; its loss came before it."""
    target = trainer.updater.get_optimizer('main').target
    params = {path: param for path, param in target.namedparams() if param.update_rule and param.update_rule.enabled}
    finite = [param.xp.isfinite(param.array).all() for param in params.values()]
    if functools.reduce(operator.and_, finite, True):      # one question to a GPU
        return
    path = next(path for path, right in zip(params, finite) if not right)
    raise FloatingPointError(f'step {trainer.updater.iteration} made {path.removeprefix("/predictor")} NaN or infinite; '
                             'a smaller step size often helps')


@contextlib.contextmanager
def seeded(seed, device):
    """Seeds the global generators that Chainer's dropout draws from, for a while; the device is the current one."""
    before = numpy.random.get_state()
    numpy.random.seed(seed)
    if device.xp is not numpy:
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


def probe(predictor, data, name, transform=lambda x, step: x):
    """Runs one example through the model, so that what does not fit fails early."""
    x = data[0][0]
    batch = transform(x[None], 0)
    if not hasattr(batch, 'shape') or len(batch) != 1:
        raise TypeError(f'transform must return as many images as it gets; for one of shape {x.shape} it returned '
                        f'{getattr(batch, "shape", batch)}')
    x = batch[0]
    try:
        logits = predict(predictor, x[None])
    except chainer.utils.type_check.InvalidType as error:
        reason = ' '.join(str(error).split())
        raise ValueError(f'{name}: the model rejects an image of shape {x.shape} and dtype '
                         f'{x.dtype}: {reason}') from None
    if logits.ndim != 2:
        raise ValueError(f'{name}: the model must return logits of shape (N, n_class); for one '
                         f'image it returned {logits.shape}')
    for path, param in predictor.namedparams():
        if not param.is_initialized:
            raise ValueError(f'the model never uses {path} in forward; remove that layer or use it')
    return logits.shape[1]


def test_extension(classifier, test, processes):
    """Returns the extension that measures the classifier on the test set after each epoch."""
    x, t = _batches.take(test, processes.share(range(len(test))))

    def measure(trainer):
        result = evaluate(classifier, (x, t))
        means = processes.mean(*result.values(), weight=len(t))
        chainer.report({f'validation/main/{name}': value for name, value in zip(result, means)})
    return training.make_extension(
        default_name='test', trigger=(1, 'epoch'),
        priority=training.PRIORITY_WRITER)(measure)
