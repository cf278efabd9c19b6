"""Trains a network on MNIST from the command line: ``python -m nico2ai_cnn.train --help``."""

import argparse
import ast
import functools
import importlib
import json
import math
import os
import pathlib
import sys
import time

import chainer
import numpy

import nico2ai_cnn  # NOQA: F401  (revives Chainer)
from nico2ai_cnn import _checks, _snapshot, datasets, links, training, transforms
from nico2ai_cnn.transforms.compose import accepts

NETWORKS = {name.lower(): getattr(links, name) for name in links.__all__
            if name[0].isupper() and name != 'Neocognitron'}       # which learns without gradients, by its own learn(x, t)
AUGMENT = {
    'none': None,
    'affine': functools.partial(transforms.random_affine, angle=10., shift=2., scale=.1, shear=10.),
    'elastic': functools.partial(transforms.random_elastic, alpha=16., sigma=4.,
                                 affine={'angle': 8., 'shift': 1.5, 'scale': .1, 'shear': 8.})}
LAUNCHERS = 'PMI_SIZE', 'OMPI_COMM_WORLD_SIZE', 'PMIX_RANK'      # what mpiexec of MPICH and of Open MPI sets

EPILOG = """
examples:
  python -m nico2ai_cnn.train --model lenet --epochs 3
      trains LeNet, prints a table of epochs, and writes the network to runs/lenet/model.npz
  python -m nico2ai_cnn.train --model lenet --epochs 20 --augment affine --resume
      goes on from runs/lenet/snapshot.npz if it is there: after Ctrl-C, or when the power was cut
  python -m nico2ai_cnn.train --model resnet --option shortcuts=False
      passes shortcuts=False on to links.ResNet, beside n_class=10, in_channels=1 and small=True, which it gets for MNIST
  mpiexec -n 2 python -m nico2ai_cnn.train --model lenet --epochs 3
      trains the same network with two processes, each with half of every batch (pip install 'nico2ai_cnn[distributed]')

afterwards, in Python:
  net = nico2ai_cnn.links.LeNet(); chainer.serializers.load_npz('runs/lenet/model.npz', net)

exit codes: 0 trained; 1 training failed, such as a loss that is not finite; 2 an argument is unusable;
130 stopped by Ctrl-C (after the first step there is a snapshot)
"""


class Unusable(Exception):
    """Says which argument cannot be used, and why."""


def main(argv=None):
    """Runs the command; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        comm = communicator(arguments.device)
        return run(arguments, comm)
    except Unusable as error:
        return complain(error, 2)
    except (FloatingPointError, MemoryError, RuntimeError, ValueError, TypeError, OSError) as error:
        return complain(error, 2 if isinstance(error, (ValueError, TypeError, FileExistsError)) else 1)
    except KeyboardInterrupt:       # before or after it trained; in between it stops by itself
        return complain('interrupted', 130)


def complain(error, code):
    """Prints one line, ends the other processes too, and returns the exit code."""
    mpi = sys.modules.get('mpi4py.MPI')
    world = mpi and mpi.COMM_WORLD
    if world is not None and world.rank:
        time.sleep(3)               # if all have the same complaint, the first one makes it
    print(f'nico2ai_cnn.train: {error}', file=sys.stderr, flush=True)
    if world is not None and world.size > 1:
        time.sleep(.5)              # mpiexec loses what it has not passed on when it is told to end all
        world.Abort(code)           # the others wait for this one, and would for ever
    return code


def parser():
    """Returns the parser of the command's arguments."""
    result = argparse.ArgumentParser(
        prog='python -m nico2ai_cnn.train', epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Trains one of the networks of the course on MNIST, and measures it on the test digits.')
    result.add_argument('--model', required=True, metavar='NAME', help=(
        f'{", ".join(NETWORKS)}; or package.module:Class for a Chain of your own'))
    result.add_argument('--option', action='append', default=[], metavar='KEY=VALUE',
                        help='an argument of the network; may be given several times')
    result.add_argument('--epochs', type=int, default=5, help='how often each digit is seen (default: %(default)s)')
    result.add_argument('--batch-size', type=int, default=128, help=(
        'digits per step, of all processes together (default: %(default)s)'))
    result.add_argument('--alpha', type=float, default=.003, help=(
        "Adam's step size, which falls to 0 over the run (default: %(default)s)"))
    result.add_argument('--augment', choices=AUGMENT, default='none', help=(
        'how training digits are varied: affine maps, or these and elastic distortion (default: %(default)s)'))
    result.add_argument('--digits', type=int, metavar='N', help='learn the first N training digits only')
    result.add_argument('--device', default='auto', help="'auto', 'cpu', 'gpu' or Chainer's name (default: %(default)s)")
    result.add_argument('--seed', type=int, default=0, help='of weights, order and augmentation (default: %(default)s)')
    result.add_argument('--out', type=pathlib.Path, metavar='FOLDER', help=(
        'for snapshot.npz (after each epoch), model.npz and log.json (at the end); default: runs/NAME'))
    result.add_argument('--resume', action='store_true', help='go on from the snapshot, if there is one')
    return result


def run(arguments, comm):
    """Trains as the arguments say; returns the exit code."""
    _checks.seed('--seed', arguments.seed)
    model = network(arguments.model, arguments.option, arguments.seed)
    for name in 'epochs', 'batch_size', 'digits':
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            raise Unusable(f'--{name.replace("_", "-")} must be at least 1; got {getattr(arguments, name)}')
    if not 0 < arguments.alpha < math.inf:
        raise Unusable(f'--alpha must be a number larger than 0; got {arguments.alpha}')
    out = arguments.out or pathlib.Path('runs', arguments.model.replace(':', '.'))
    snapshot = out / 'snapshot.npz'
    first = comm is None or comm.rank == 0
    if first:
        try:
            _snapshot.check_writable(out, '--out')
        except OSError as error:
            raise Unusable(error) from None
        if snapshot.exists() and not arguments.resume:
            raise Unusable(f'{snapshot} is of an earlier run; --resume goes on from it, and --out takes another folder')
        print(f'{type(model).__name__} on {device_of(arguments.device, comm)}'
              f'{"" if comm is None else f", {comm.size} processes"}; '
              f'after each epoch a snapshot goes to {snapshot}', flush=True)
    train, test = datasets.get_mnist(ndim=3)
    x, t = chainer.dataset.concat_examples(train[:arguments.digits])
    log = training.fit(
        model, (x, t), test, epochs=arguments.epochs, batch_size=arguments.batch_size,
        transform=AUGMENT[arguments.augment], optimizer=chainer.optimizers.Adam(alpha=arguments.alpha),
        device=device_of(arguments.device, comm), seed=arguments.seed, snapshot=snapshot,
        resume=arguments.resume, comm=comm)
    if not log or log[-1]['epoch'] < arguments.epochs:
        if first and snapshot.exists():
            print(f'the same command with --resume goes on from {snapshot}')
        return 130
    if first:
        model.to_device('@numpy')
        _snapshot.write_whole(out / 'model.npz', lambda file: chainer.serializers.save_npz(file, model))
        _snapshot.write_whole(out / 'log.json', lambda file: file.write(json.dumps(log, indent=1).encode()))
        print(f'test accuracy {log[-1]["validation/main/accuracy"]:.2%}; the network is in {out / "model.npz"}')
    return 0


def network(name, options, seed):
    """Returns the Link of that name, made with the options and an ``rng`` from the seed."""
    if ':' in name:
        module, _, attribute = name.partition(':')
        sys.path.insert(0, os.getcwd())
        try:
            make = getattr(importlib.import_module(module), attribute)
        except Exception as error:      # whatever is wrong with a module of somebody's own
            raise Unusable(f'--model {name}: {type(error).__name__}: {error}') from None
    elif name.lower() in NETWORKS:
        make = NETWORKS[name.lower()]
    else:
        raise Unusable(f'--model must be one of {", ".join(NETWORKS)}, or package.module:Class; got {name!r}')
    given = {}
    for option in options:
        key, equals, value = option.partition('=')
        if not (key.isidentifier() and equals):
            raise Unusable(f'--option must be KEY=VALUE; got {option!r}')
        try:
            given[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            given[key] = value
    for_digits = {'n_class': 10, 'in_channels': 1, 'small': True, 'rng': numpy.random.default_rng(seed)}
    try:
        model = make(**{key: value for key, value in for_digits.items() if accepts(make, key)} | given)
    except (TypeError, ValueError) as error:
        raise Unusable(f'--model {name} with {" ".join(options) or "no --option"}: {error}') from None
    if not isinstance(model, chainer.Link):
        raise Unusable(f'--model {name} makes a {type(model).__name__}, which is no chainer.Link')
    return model


def communicator(device):
    """Returns ChainerMN's communicator under mpiexec, else None."""
    if not any(name in os.environ for name in LAUNCHERS):
        return None
    try:
        import mpi4py.MPI  # NOQA: F401
    except (ImportError, RuntimeError) as error:
        raise Unusable(f"mpiexec has started this, but mpi4py does not import ({error}); "
                       "pip install 'nico2ai_cnn[distributed]' brings it, and an MPI") from None
    if mpi4py.MPI.COMM_WORLD.size == 1:
        return None
    import chainermn
    chainermn.global_except_hook.add_hook()     # an error in one process ends all
    if device_of(device, None).xp is numpy:
        return chainermn.create_communicator('naive')
    try:
        comm = chainermn.create_communicator('pure_nccl')
    except RuntimeError as error:
        raise Unusable(f'{error} Several processes with GPUs need it: pip install nvidia-nccl-cu12 (-cu13 for CUDA 13); '
                       'or --device cpu') from None
    n_gpu = chainer.backends.cuda.cupy.cuda.runtime.getDeviceCount()
    if comm.intra_size > n_gpu:
        raise Unusable(f'{comm.intra_size} processes on one computer want a GPU each, and it has {n_gpu}; '
                       'fewer processes (mpiexec -n), or --device cpu')
    return comm


def device_of(device, comm):
    """Returns the Chainer device of this process: each on one machine has a GPU of its own."""
    try:
        chosen = training.choose_device(device)
    except RuntimeError as error:
        raise Unusable(f'--device: {error}') from None
    if comm is not None and chosen.xp is not numpy:
        return training.choose_device(f'@cupy:{comm.intra_rank}')
    return chosen


if __name__ == '__main__':
    sys.exit(main())
