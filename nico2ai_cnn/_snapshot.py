"""Snapshots of a training run that resume bit for bit."""

import os
import tempfile
import zipfile

import chainer
import numpy
from chainer import training


class RandomState(training.Extension):
    """Saves what decides the order of examples, and dropout's masks on the CPU.

    Args:
        order (numpy.random.RandomState): The order sampler's generator.
    """

    def __init__(self, order):
        self._generators = {'order': order, 'dropout': numpy.random.mtrand._rand}

    def __call__(self, trainer):
        pass

    def serialize(self, serializer):
        for name, generator in self._generators.items():
            kind, keys, *rest = generator.get_state()
            keys = serializer(f'{name}_keys', keys)
            rest = [serializer(f'{name}_{i}', value) for i, value in enumerate(rest)]
            generator.set_state((kind, keys, int(rest[0]), int(rest[1]), float(rest[2])))


def save(path, trainer):
    """Writes the trainer's whole state; the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix='.part')
    try:
        with os.fdopen(handle, 'wb') as file:
            chainer.serializers.save_npz(file, trainer)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path, trainer):
    """Restores the trainer's whole state.

    Raises:
        ValueError: If the file is damaged or is of another network or optimizer;
            the trainer is then as it was.
    """
    serializer = chainer.serializers.DictionarySerializer()
    trainer.updater.serialize(serializer['updater'])
    here = {name: numpy.array(value) for name, value in serializer.target.items()}
    try:
        with numpy.load(path) as file:
            there = {name: file[name].shape for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f'snapshot {path} is damaged ({error}); delete it to start '
                         'anew') from None
    for name, value in sorted(here.items()):
        if there.get(name) != value.shape:
            raise ValueError(
                f'snapshot {path} is of another network or optimizer: {name} has shape '
                f'{value.shape} here, {there.get(name, "no entry")} there')
    try:
        chainer.serializers.load_npz(path, trainer)
    except KeyError as error:
        before = chainer.serializers.NpzDeserializer(here, strict=False)
        trainer.updater.serialize(before['updater'])
        raise ValueError(f'snapshot {path} was made with other arguments of fit: it lacks '
                         f'{error}') from None
