"""Snapshots of a training run that resume bit for bit."""

import os
import re
import tempfile
import zipfile
import zlib

import chainer
import numpy
from chainer import training


class RunState(training.Extension):
    """Saves what decides the order of examples, and dropout's masks on the CPU.

    Args:
        order (numpy.random.RandomState): The order sampler's generator.
        arguments (str): What another run must have in common to go on from here.
    """

    name = 'RunState'

    def __init__(self, order, arguments):
        self._generators = {'order': order, 'dropout': numpy.random.mtrand._rand}
        self._arguments = arguments

    def __call__(self, trainer):
        pass

    def serialize(self, serializer):
        serializer('arguments', numpy.array(self._arguments))
        for name, generator in self._generators.items():
            kind, keys, *rest = generator.get_state()
            keys = serializer(f'{name}_keys', keys)
            rest = [serializer(f'{name}_{i}', value) for i, value in enumerate(rest)]
            generator.set_state((kind, keys, int(rest[0]), int(rest[1]), float(rest[2])))


def check_writable(folder, name):
    """Tries to write where a folder is, or would be made, and leaves nothing behind.

    Raises:
        OSError: If it cannot be written to; the message begins with ``name``.
    """
    try:
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise type(error)(f'{name} {folder} cannot be written to: {error.strerror}') from None


def save(path, trainer):
    """Writes the trainer's whole state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: chainer.serializers.save_npz(file, trainer))


def write_whole(path, write):
    """Opens a file and calls ``write(file)``; the file is there whole or not at all."""
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with open(part, 'wb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())     # else the name may be there before the bytes when the power is cut
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path, trainer, arguments):
    """Restores the trainer's whole state.

    Raises:
        ValueError: If the file is damaged, of another network, or of a run with
            other arguments; the network is then as it was.
    """
    try:
        with numpy.load(path) as file:
            there = {name: file[name].shape for name in file.files}
            arguments_there = str(file['extensions/RunState/arguments'])
    except (EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f'snapshot {path} is damaged or none of fit ({error}); delete it to '
                         'start anew') from None
    if arguments_there not in (arguments, re.sub(r'seed=\d+, ', '', arguments)):     # without seed in older ones
        raise ValueError(f'snapshot {path} is of a run with {arguments_there}; this one is with '
                         f'{arguments}')
    serializer = chainer.serializers.DictionarySerializer()
    trainer.updater.get_optimizer('main').target.serialize(serializer['updater']['model:main'])
    for name, value in sorted(serializer.target.items()):
        if there.get(name) != numpy.shape(value):
            raise ValueError(f'snapshot {path} is of another network: {name} has shape '
                             f'{numpy.shape(value)} here, {there.get(name, "no entry")} there')
    try:
        chainer.serializers.load_npz(path, trainer)
    except KeyError as error:       # the optimizer comes first
        raise ValueError(f'snapshot {path} is of a run with another kind of optimizer or other frozen layers: '
                         f'{error.args[0]}') from None
