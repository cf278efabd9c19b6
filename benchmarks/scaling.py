"""What more processes gain, and what their communication costs: ``python -m benchmarks.scaling``.

Processes of one thread each train on equal parts of a batch, as ``mpiexec -n N python -m nico2ai_cnn.train``
does. A step is split at a barrier: work (forward and backward), waiting for the slower one, the mean of the
gradients, and Adam. Runs of 1 and 2 processes take turns. Then numbers are summed over 2 processes, few and
many. ``scaling.md`` says what follows from it for more of them; its estimates are ``estimates`` here.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np

ROUNDS, STEPS, BATCH_SIZE = 5, 60, 256
SIZES = [4 ** k for k in range(5, 13)]      # in numbers of 4 bytes

# Nominal bytes per second each way between neighbours of a ring, and seconds until the first byte arrives.
NETS = {'NVLink of a V100': (150e9, 10e-6), 'PCIe 3.0 x16': (16e9, 10e-6), '100 Gbit InfiniBand': (12.5e9, 5e-6),
        '10 Gbit Ethernet': (1.25e9, 50e-6)}
# Parameters, and multiply-adds of one image forward, as inspection.summary counts them; images per step and GPU.
LARGE = {'AlexNet': (60_965_224, 724_406_816, 128), 'ResNet-50': (25_557_032, 4_089_184_256, 32)}
REACHED = 5e12      # operations per second: a third of what is printed on a V100 (15.7e12, float32)


def ring(n_byte, n_process, bandwidth, latency):
    """Returns the seconds in which ``n_process`` in a ring sum ``n_byte`` each, each sending 2 (n - 1) / n of them."""
    return 2 * (n_process - 1) * (n_byte / n_process / bandwidth + latency)


def efficiency(work, communication):
    """Returns the share of N times the speed that is left, where nothing is done during communication."""
    return work / (work + communication)


def measure():
    """Trains and sums, in one of the processes; the first one prints the medians as JSON."""
    import nico2ai_cnn  # NOQA: F401
    import chainer
    import chainer.functions as F
    import chainermn
    import mpi4py.MPI

    from benchmarks.mnist_error import WideLeNet
    from nico2ai_cnn import links

    world = mpi4py.MPI.COMM_WORLD
    comm = chainermn.create_communicator('naive')
    rng = np.random.default_rng(0)
    n = BATCH_SIZE // world.size
    x, t = rng.random((n, 1, 28, 28), dtype='f'), rng.integers(0, 10, n).astype('i')
    found = {}
    for name, make in ('LeNet', links.LeNet), ('WideLeNet', lambda: WideLeNet(rng)):
        network = make()
        optimizer = chainer.optimizers.Adam().setup(network)
        comm.bcast_data(network)
        seconds = []
        for _ in range(STEPS):
            marks = [time.perf_counter()]
            loss = F.softmax_cross_entropy(network(x), t)
            network.cleargrads()
            loss.backward()
            marks.append(time.perf_counter())
            world.Barrier()
            marks.append(time.perf_counter())
            if world.size > 1:
                comm.multi_node_mean_grad(network)
            marks.append(time.perf_counter())
            optimizer.update()
            marks.append(time.perf_counter())
            seconds.append([*np.diff(marks), marks[-1] - marks[0]])
        found[name] = np.median(seconds[STEPS // 6:], axis=0).tolist()
    sums = {}
    for size in SIZES if world.size > 1 else []:
        numbers, total, seconds = np.ones(size, 'f'), np.empty(size, 'f'), []
        for _ in range(20):
            world.Barrier()
            start = time.perf_counter()
            world.Allreduce(numbers, total)
            seconds.append(time.perf_counter() - start)
        sums[4 * size] = statistics.median(seconds)
    if world.rank == 0:
        print(json.dumps([found, sums]))


def run(n_process):
    mpiexec = shutil.which('mpiexec', path=f'{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
    if mpiexec is None:
        sys.exit("there is no mpiexec; pip install 'nico2ai_cnn[distributed]' brings one, and mpi4py")
    environment = {**os.environ, 'NUMBA_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}
    return json.loads(subprocess.run(
        [mpiexec, '-n', str(n_process), sys.executable, '-m', 'benchmarks.scaling', 'measure'],
        env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout)


def estimates():
    """Yields rows: network, net, processes, milliseconds of work and of the gradients' mean, percent that is left."""
    for network, (n_parameter, macs, n_image) in LARGE.items():
        work = 6 * macs * n_image / REACHED     # forward and two gradients, of 2 operations for each multiply-add
        for net, n_process in zip(NETS, (8, 8, 64, 64), strict=True):
            cost = ring(4 * n_parameter, n_process, *NETS[net])
            yield (network, net, n_process, f'{1000 * work:.0f}', f'{1000 * cost:.0f}',
                   f'{100 * efficiency(work, cost):.0f}')


def main():
    from benchmarks.__main__ import table
    rounds = [[run(n) for n in ((1, 2) if i % 2 == 0 else (2, 1))][::1 if i % 2 == 0 else -1] for i in range(ROUNDS)]
    rows = [('milliseconds', 'processes', 'work', 'waiting', 'mean', 'Adam', 'step', 'speed-up')]
    for name in rounds[0][0][0]:
        for i, n_process in enumerate((1, 2)):
            parts = np.median([each[i][0][name] for each in rounds], axis=0)
            gain = statistics.median(each[0][0][name][-1] / each[i][0][name][-1] for each in rounds)
            rows.append((f'{name}, batch {BATCH_SIZE}', n_process, *(f'{1000 * part:.2f}' for part in parts),
                         f'{gain:.2f}'))
    table(f'Steps, {ROUNDS} rounds', *rows)
    sums = {int(n_byte): statistics.median(each[1][1][n_byte] for each in rounds) for n_byte in rounds[0][1][1]}
    table('Sums over 2 processes', ('bytes', 'milliseconds', 'gigabytes/s'), *(
        (f'{n_byte:,}', f'{1000 * seconds:.3f}', f'{n_byte / seconds / 1e9:.1f}') for n_byte, seconds in sums.items()))
    table('Estimates', ('network', 'net', 'GPUs', 'work, ms', 'mean, ms', 'left, %'), *estimates())


if __name__ == '__main__':
    measure() if sys.argv[1:] == ['measure'] else main()
