import contextlib
import multiprocessing
import os
import subprocess
import sys
import threading

import chainer
import chainer.functions as F
import numpy
import pytest
import threadpoolctl

from nico2ai_cnn.cpu import pool
from tests.mpi import MPIEXEC, needs_mpi

needs_fork = pytest.mark.skipif(not hasattr(os, 'fork'), reason='this system cannot fork')


def gradients(seed=0):
    """Output and gradients of layers large enough to be shared by threads."""
    rng = numpy.random.RandomState(seed)
    x, W, V = (chainer.Variable(rng.randn(*shape).astype('f'))
               for shape in ((32, 8, 24, 24), (16, 8, 5, 5), (50, 1600)))
    with chainer.using_config('use_compiled_cpu', 'auto'):  # also where the tests run without
        y = F.linear(F.max_pooling_2d(F.relu(F.convolution_2d(x, W)), 2), V)
        y.grad = y.array
        y.backward()
    return [y.array, x.grad, W.grad, V.grad]


def same_bits(a, b):
    return all((x == y).all() for x, y in zip(a, b, strict=True))


def blas_threads():
    return [library['num_threads'] for library in threadpoolctl.threadpool_info()
            if library['user_api'] == 'blas']


def test_the_same_call_gives_the_same_bits():
    assert same_bits(gradients(), gradients())


def test_several_python_threads_at_once():
    expected = [gradients(seed) for seed in range(6)]
    wrong = []

    def work(seed):
        for _ in range(10):
            if not same_bits(gradients(seed), expected[seed]):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not wrong


@needs_fork
@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # fork beside threads, from 3.12
def test_a_forked_process_has_a_pool_of_its_own():
    expected = gradients()  # the parent's pool has started

    def work(queue):
        queue.put((same_bits(gradients(), expected), threading.active_count(), blas_threads()))

    context = multiprocessing.get_context('fork')
    queue = context.SimpleQueue()
    child = context.Process(target=work, args=(queue,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert queue.get() == (True, pool.n_threads(), blas_threads())


@needs_fork
@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_a_fork_while_a_kernel_runs_gives_blas_its_threads_back():
    before = blas_threads()
    with pool._one_blas_thread:
        assert set(blas_threads()) == {1}
        child = os.fork()
        if child == 0:
            os._exit(blas_threads() != before or pool._one_blas_thread._inside != set())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert blas_threads() == before


@pytest.mark.parametrize('step', range(1, 9))
def test_what_ctrl_c_leaves_is_set_right_by_the_next_call(step, monkeypatch):
    """Ctrl-C at any call that entering and leaving make, as a plain loop gets it."""
    before, hold, calls = blas_threads(), pool._OneBlasThread(), []

    def interrupting(function):
        def called(*args):
            calls.append(function)
            if len(calls) == step:
                raise KeyboardInterrupt
            return function(*args)
        return called
    with hold:
        pass
    for library in hold._libraries:
        monkeypatch.setattr(library, 'get_num_threads', interrupting(library.get_num_threads))
        monkeypatch.setattr(library, 'set_num_threads', interrupting(library.set_num_threads))
    with contextlib.suppress(KeyboardInterrupt), hold:
        pass
    monkeypatch.undo()
    with hold:
        pass
    with hold:
        assert set(blas_threads()) == {1}
    assert blas_threads() == before and not hold._inside


def test_blas_gets_its_threads_back_when_threads_overlap():
    before, entered, left = blas_threads(), threading.Event(), threading.Event()

    def second():
        with pool._one_blas_thread:
            entered.set()
            left.wait(10)
    thread = threading.Thread(target=second)
    with pool._one_blas_thread:
        thread.start()
        entered.wait(10)
    left.set()
    thread.join()
    assert blas_threads() == before
    with pool._one_blas_thread:
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


class Blurred(chainer.dataset.DatasetMixin):
    """A data set that computes with kernels in the worker."""

    def __len__(self):
        return 8

    def get_example(self, i):
        x = numpy.full((16, 8, 24, 24), i, 'f')
        with chainer.no_backprop_mode(), chainer.using_config('use_compiled_cpu', 'auto'):
            return F.convolution_2d(x, numpy.ones((8, 8, 5, 5), 'f')).array[0, 0, 0, 0]


@needs_fork
@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_multiprocess_iterator():
    gradients()
    iterator = chainer.iterators.MultiprocessIterator(
        Blurred(), 4, n_processes=2, shuffle=False, repeat=False)
    values = [float(value) for batch in iterator for value in batch]
    iterator.finalize()
    assert values == [200 * i for i in range(8)]


def test_blas_has_one_thread_inside_and_its_own_afterwards():
    before = blas_threads()
    seen = []
    pool.run_blas(lambda start, stop: seen.append((start, stop, blas_threads())), 10,
                  microseconds=10 ** 6)
    assert sorted(seen)[0][0] == 0 and sorted(seen)[-1][1] == 10
    assert len(seen) == min(10, pool.n_threads())
    assert all(set(threads) == {1} for *_, threads in seen)
    assert blas_threads() == before


def test_an_error_in_any_part_reaches_the_caller():
    before = blas_threads()
    for failing in {0, pool.n_threads() - 1}:
        def kernel(start, stop, failing=failing):
            if start == failing:
                raise MemoryError('no room')
        with pytest.raises(MemoryError, match='no room'):
            pool.run_blas(kernel, pool.n_threads(), microseconds=10 ** 6)
    assert blas_threads() == before
    assert same_bits(gradients(), gradients())


def test_parts_cover_all_items():
    for n_item in (1, 2, 3, 7, 100):
        parts = pool.split(n_item, microseconds=10 ** 6)
        assert [i for start, stop in parts for i in range(start, stop)] == list(range(n_item))
        assert len(parts) == min(n_item, pool.n_threads())


@pytest.mark.parametrize('n', ['1', '3'])
def test_numba_num_threads_is_respected(n):
    code = ('import threading, numpy\n'
            'from tests.cpu.test_pool import gradients, pool\n'
            'arrays = gradients()\n'
            'print(pool.n_threads(), threading.active_count(),\n'
            '      *(float(abs(a).sum()) for a in arrays))')
    environment = {**os.environ, 'NUMBA_NUM_THREADS': n}
    output = subprocess.run([sys.executable, '-c', 'import nico2ai_cnn\n' + code], check=True,
                            env=environment, capture_output=True, text=True).stdout.split()
    assert output[:2] == [n, n]
    numpy.testing.assert_allclose([float(s) for s in output[2:]],
                                  [abs(a).sum() for a in gradients()], rtol=1e-5)


@needs_mpi
def test_under_mpi():
    code = ('import nico2ai_cnn, numpy\n'
            'from mpi4py import MPI\n'
            'from tests.cpu.test_pool import gradients\n'
            'sums = numpy.array([abs(a).sum() for a in gradients()])\n'
            'everyones = MPI.COMM_WORLD.allgather(sums)\n'
            'assert len(everyones) == 2 and (everyones[0] == everyones[1]).all()')
    subprocess.run([MPIEXEC, '-n', '2', sys.executable, '-c', code], check=True, timeout=120)
