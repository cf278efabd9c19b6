"""The one thread pool that runs the kernels, and the truce between it and BLAS."""

import ctypes
import os
import queue
import threading

import numba
import numpy
import threadpoolctl

from nico2ai_cnn.cpu._memory import wait_for_change

#: Roughly how many multiplications one thread makes in a microsecond, through BLAS.
MULTIPLICATIONS = 40_000

# Waking a sleeping thread takes about 50 microseconds. Work that takes little more is not
# worth sharing out, and a thread that is done stays awake for a while, watching for more.
_WORTH_SHARING = 100        # microseconds
_PATIENCE = 1_000_000       # looks at a number in memory: a third of a millisecond or so
_HEAD_START = 20_000        # looks, until who handed out the work has let go of Python's lock


def n_threads():
    """How many threads share a kernel's work; ``NUMBA_NUM_THREADS`` sets it."""
    return numba.config.NUMBA_NUM_THREADS


def run(kernel, n_item, *args, microseconds):
    """Runs ``kernel(start, stop, *args)`` on equal parts of ``range(n_item)`` at once.

    The parts depend on ``n_item``, ``microseconds`` and the number of threads alone,
    so that the same call gives the same bits.

    Args:
        kernel: A function made by :func:`~nico2ai_cnn.cpu._compile.kernel`.
        n_item (int): How many items there are to share out.
        args: What the kernel takes besides.
        microseconds (float): Roughly how long one thread would take; where it is
            little, the calling thread does it alone.
    """
    first, *others = split(n_item, microseconds)
    if others:
        pool, done = _pool(), queue.SimpleQueue()
        finished = int(pool.finished[0])
        pool.handed_out += 1
        for part in others:
            pool.jobs.put((kernel, (*part, *args), done))
    kernel(*first, *args)
    errors = []
    for i in range(len(others)):
        if done.empty():
            wait_for_change(pool.finished, finished + i, _PATIENCE)
        errors.append(done.get())
    for error in errors:
        if error is not None:
            raise error


def run_blas(kernel, n_item, *args, microseconds):
    """The same for a kernel that calls BLAS, which uses one thread meanwhile.

    Its own threads and the pool's would fight over the cores.
    """
    with _one_blas_thread:
        run(kernel, n_item, *args, microseconds=microseconds)


def split(n_item, microseconds):
    """Returns the ``(start, stop)`` of each part of ``range(n_item)`` that :func:`run` makes."""
    n = max(1, min(n_threads(), n_item)) if microseconds >= _WORTH_SHARING else 1
    bounds = [n_item * i // n for i in range(n + 1)]
    return list(zip(bounds, bounds[1:]))


class _Pool:
    """The threads besides the calling one, the queue of their work, and two counters."""

    def __init__(self):
        self.jobs = queue.SimpleQueue()
        self.handed_out = numpy.zeros(1, 'int64')
        self.finished = numpy.zeros(1, 'int64')
        for i in range(1, n_threads()):
            threading.Thread(target=self._work, daemon=True, name=f'nico2ai_cnn-{i}').start()

    def _work(self):
        while True:
            kernel, args, done = self.jobs.get()
            seen = int(self.handed_out[0])
            error = None
            try:
                kernel(*args)
            except BaseException as caught:
                error = caught
            self.finished += 1
            done.put(error)
            del kernel, args, done, error  # a waiting thread keeps no array alive
            if self.jobs.empty():
                wait_for_change(self.handed_out, seen, _PATIENCE)
                wait_for_change(self.finished, int(self.finished[0]), _HEAD_START)


def _pool():
    global _the_pool
    with _starting:
        if _the_pool is None:
            _the_pool = _Pool()
        return _the_pool


class _OneBlasThread:
    """Holds every BLAS to one thread while a caller is inside.

    What a thread sets holds for itself alone in newer OpenBLAS, for all in older ones; so each sets it. Ctrl-C
    may end it between any two lines, so each thread counts once, however often it came in and was thrown
    out, and what was there before is noted first: the next call sets right what was left.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = set()        # threads
        self._libraries = None
        self._before = None         # how many threads each library had when nobody was inside

    def __enter__(self):
        with self._lock:
            if self._before is None:
                if self._libraries is None:
                    self._libraries = threadpoolctl.ThreadpoolController().select(
                        user_api='blas').lib_controllers
                self._before = [library.get_num_threads() for library in self._libraries]
            self._inside.add(threading.get_ident())
            for library in self._libraries:
                library.set_num_threads(1)

    def __exit__(self, *error):
        with self._lock:
            self._inside.discard(threading.get_ident())
            self._restore()

    def _restore(self):
        for library, n in zip(self._libraries, self._before):
            library.set_num_threads(n)
        if not self._inside:
            self._before = None

    def forked(self):
        self._lock = threading.Lock()
        self._inside.clear()
        if self._before is not None:
            self._restore()


def _forked():
    # A forked child has the parent's pool without its threads, and perhaps a held lock.
    global _the_pool, _starting
    _the_pool, _starting = None, threading.Lock()
    _one_blas_thread.forked()


_one_blas_thread = _OneBlasThread()
_the_pool = None
_starting = threading.Lock()
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forked)


def keep_freed_memory():
    """Lets glibc keep what is freed, up to half a gigabyte, for the next array.

    Otherwise each layer's output is new memory, which the kernel hands out page
    by page: a quarter of a training step of LeNet. Elsewhere it does nothing.
    """
    trim_threshold, mmap_threshold = -1, -3    # their numbers in malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(mmap_threshold, 32 << 20)    # the most that glibc takes
    mallopt(trim_threshold, 512 << 20)
