"""Training and measuring a network: a thin face on ``chainer.training``."""

import math
import pathlib

import chainer
import chainer.links as L
import numpy
from chainer import training
from chainer.training import extensions

from nico2ai_cnn import _batches, _checks, _fitting, _out_of_memory, _snapshot
from nico2ai_cnn._device import choose_device
from nico2ai_cnn._interrupt import StopBetweenSteps
from nico2ai_cnn._measuring import evaluate, predict  # NOQA: F401  (a part of what this module offers)
from nico2ai_cnn._processes import Processes
from nico2ai_cnn._progress import Progress
from nico2ai_cnn.gpu import RecordedStep


def fit(model, train, test=None, *, epochs=5, batch_size=128, transform=None, optimizer=None,
        decay=True, device='auto', seed=0, snapshot=None, resume=False, progress=True, comm=None):
    """Trains a classifier, prints a table of epochs, and returns it as a list.

    Ctrl-C (or Jupyter's stop button) ends training after the current step: the
    model keeps what it has learnt, the table so far is returned, and a snapshot is
    written where one was asked for. The same arguments give the same result, bit
    for bit on one CPU, also when a run was stopped and resumed.

    Args:
        model (chainer.Chain): Returns logits ``(N, n_class)`` for a batch of
            images, or is such a model in ``L.Classifier``. Trained in place. Its own
            ``loss(y, t)``, if it has one, is what is minimised.
        train: Data set of ``(x, t)``: x float32 as the model takes it, without the
            batch axis, t an integer label in ``[0, n_class)``. Or two arrays.
        test: The same; measured after each epoch. Never used for training.
        epochs (int): How often each training example is seen.
        batch_size (int): Examples per step.
        transform: Augmentation: a function of a batch ``(N, C, H, W)`` of training images, on
            the model's device, such as of ``transforms``; one with an argument ``rng`` gets a
            generator, which ``seed`` and the step determine.
        optimizer (chainer.Optimizer): ``Adam(alpha=0.003)`` by default. One that is
            set up for this model already keeps its hooks and frozen layers.
        decay (bool): Whether the step size (``lr`` or ``alpha``) falls linearly to 0
            over the run; the optimizer has its own again afterwards.
        device: See :func:`choose_device`. A GPU gets data sets of two arrays once, if they fill at
            most half of what is free there. Each step then sends up the positions of its examples
            and what ``transform`` needs, and takes back the loss, to see whether it is finite. Steps
            are repeated from a recording (:class:`nico2ai_cnn.gpu.RecordedStep`) where that is
            true to them; where not, Adam sends up where the gradients lie, too.
        seed (int): Fixes the order of examples, Chainer's dropout and ``transform``.
        snapshot: Path of an ``.npz`` file, written after each epoch, that holds
            all that a later call needs to go on.
        resume (bool): Whether to go on from ``snapshot`` if the file exists.
        progress (bool): Whether to show the bar and the table.
        comm: Of ``chainermn.create_communicator``, where several processes train together: each
            takes its part of every batch, and all step along the mean gradient. The first one
            draws the bar and writes the snapshot. ``python -m nico2ai_cnn.train`` does all this.

    Returns:
        list of dict: One entry per epoch with Chainer's names: ``'epoch'``,
        ``'iteration'``, ``'elapsed_time'`` (s), ``'main/loss'``, ``'main/accuracy'``
        (means over the epoch, while learning), and with a test set
        ``'validation/main/loss'`` and ``'validation/main/accuracy'`` (in [0, 1]).

    Raises:
        ValueError, TypeError: If an argument is unusable: an empty data set,
            a shape that the model rejects, a label out of range, a snapshot
            of another network or run.
        FloatingPointError: If the loss becomes NaN or infinite; names the step,
            and the model keeps the parameters from before it. Or if a parameter does in an epoch's last step.
        MemoryError: If a batch is too large; says which size fits.
        FileExistsError: If ``snapshot`` exists and ``resume`` is False.
        OSError: If it is a folder, or cannot be written to.
        RuntimeError: If a GPU is asked for where there is none.
    """
    _checks.link('model', model)
    optimizer = chainer.optimizers.Adam(alpha=0.003) if optimizer is None else optimizer
    step_size = _checks.step_size(optimizer, decay)
    _checks.positive_int('epochs', epochs)
    _checks.positive_int('batch_size', batch_size)
    _checks.seed('seed', seed)
    device = choose_device(device)
    train = _checks.as_dataset('train', train)
    test = None if test is None else _checks.as_dataset('test', test)
    if snapshot is not None:
        snapshot = pathlib.Path(snapshot)
        if snapshot.is_dir():
            raise IsADirectoryError(f'snapshot must be the path of a file; {str(snapshot)!r} is a folder')
        if snapshot.exists() and not resume:
            raise FileExistsError(f'snapshot {snapshot} exists; pass resume=True to go on from '
                                  'it, or delete it to start anew')
    elif resume:
        raise ValueError('resume=True needs snapshot, the path of the file to go on from')

    if comm is not None and not hasattr(comm, 'intra_rank'):
        raise TypeError(f'comm must be of chainermn.create_communicator, or None; got {comm!r}')
    processes = Processes(comm)
    if snapshot is not None and processes.rank == 0:
        _snapshot.check_writable(snapshot.parent, 'snapshot')
    batch_size = processes.batch_size(batch_size, len(train), test)
    transform = _fitting.stepwise(transform, seed, processes.rank)
    classifier = model if isinstance(model, L.Classifier) else _fitting.classifier_of(model)
    if not classifier.compute_accuracy:
        raise ValueError('model must be a Classifier with compute_accuracy=True')
    classifier.to_device(device)
    stop = StopBetweenSteps()
    with chainer.using_device(device), _fitting.seeded(processes.seed(seed), device), stop:
        n_class = _fitting.probe(classifier.predictor, train, 'train', transform)
        if test is not None:
            _fitting.probe(classifier.predictor, test, 'test')
            _checks.labels(_batches.everything(test)[1], n_class, 'test')
        train = _batches.beside(device, train)
        convert = _fitting.converter(train, n_class, processes.share)
        if model in (optimizer.target, getattr(optimizer.target, 'predictor', None)):
            optimizer.target = classifier
        else:
            optimizer.setup(classifier)

        step = RecordedStep(classifier, classifier)
        order = numpy.random.RandomState(seed)
        iterator = chainer.iterators.SerialIterator(
            range(len(train)), batch_size, shuffle=None,
            order_sampler=chainer.iterators.ShuffleOrderSampler(order))
        updater = training.updaters.StandardUpdater(
            iterator, optimizer, device=device, converter=convert,
            loss_func=lambda x, t: _fitting.finite_loss(
                step(transform(x, updater.iteration), t), updater, processes))

        def batch_of(n):
            x, t = convert(range(n), device)
            return transform(x, updater.iteration), t

        trainer = training.Trainer(
            updater, stop_trigger=lambda trainer: processes.stop_now(stop) or updater.epoch >= epochs, out='.')
        n_step = math.ceil(epochs * len(train) / iterator.batch_size)

        if decay:
            shift = extensions.LinearShift(step_size, (getattr(optimizer, step_size), 0.), (0, n_step))
            trainer.extend(shift)
        if test is not None:
            trainer.extend(_fitting.test_extension(classifier, _batches.beside(device, test), processes))
        log = extensions.LogReport(log_name=None)  # it writes no file then
        trainer.extend(log)
        trainer.extend(_fitting.check_parameters, trigger=(1, 'epoch'), priority=training.PRIORITY_WRITER + 1)
        processes.extend(trainer, classifier, stop)
        first = processes.rank == 0
        if progress and first:
            trainer.extend(Progress(epochs, n_step, log, with_test=test is not None),
                           trigger=lambda trainer: True)
        arguments = (f'{len(train)} examples in batches of {iterator.batch_size}, '
                     f'{type(optimizer).__name__}, decay={decay}, seed={seed}, '
                     f'{"without" if test is None else "with"} a test set')
        trainer.extend(_snapshot.RunState(order, arguments), trigger=lambda trainer: False)
        if snapshot is not None and first:
            trainer.extend(training.make_extension(trigger=(1, 'epoch'), priority=-100)(
                lambda trainer: _snapshot.save(snapshot, trainer)), name='snapshot')

        initial_step_size = getattr(optimizer, step_size) if decay else None
        processes.start_equal(optimizer)
        try:
            if snapshot is not None and snapshot.exists():
                _snapshot.load(snapshot, trainer, arguments)
                if decay:
                    shift._last_value = None    # which is 0 where a shorter run had ended
                if not first:   # the snapshot holds the first one's dropout
                    numpy.random.seed(processes.seed(seed, updater.iteration))
            with _out_of_memory.explained(classifier, batch_of, iterator.batch_size, processes.size, updater):
                try:
                    trainer.run(show_loop_exception_msg=False)
                finally:
                    step.forget()
            if processes.stop_now(stop) and updater.iteration and snapshot is not None and first:
                _snapshot.save(snapshot, trainer)
        finally:
            processes.part(optimizer)
            if decay:
                setattr(optimizer, step_size, initial_step_size)
    if processes.stop_now(stop) and first:
        print(f'Stopped after step {updater.iteration} of {n_step}; '
              'the model keeps what it has learnt.')
    return log.log
