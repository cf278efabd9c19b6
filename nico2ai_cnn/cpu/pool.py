"""The one thread pool that runs the kernels, and the truce between it and BLAS."""

import ctypes
import os
import queue
import threading

import numba
import threadpoolctl

#: Waking another thread takes about 50 microseconds: less work is not worth sharing out.
_WORTH_SHARING = 100


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
    if microseconds < _WORTH_SHARING:
        kernel(0, n_item, *args)
        return
    first, *others = split(n_item)
    done = queue.SimpleQueue()
    jobs = _jobs() if others else None
    for part in others:
        jobs.put((kernel, (*part, *args), done))
    kernel(*first, *args)
    errors = [done.get() for _ in others]
    for error in errors:
        if error is not None:
            raise error


def run_blas(kernel, n_item, *args, multiplications):
    """The same for a kernel that calls BLAS, which uses one thread meanwhile.

    Its own threads and the pool's would fight over the cores.
    """
    with _one_blas_thread:
        run(kernel, n_item, *args, microseconds=multiplications / 50_000)


def split(n_item):
    """Returns the ``(start, stop)`` of each thread's part of ``range(n_item)``."""
    n = max(1, min(n_threads(), n_item))
    bounds = [n_item * i // n for i in range(n + 1)]
    return list(zip(bounds, bounds[1:]))


def _jobs():
    """Returns the queue that the pool's threads take their work from."""
    global _the_jobs
    with _starting:
        if _the_jobs is None:
            _the_jobs = queue.SimpleQueue()
            for i in range(1, n_threads()):
                threading.Thread(target=_work, args=(_the_jobs,), daemon=True,
                                 name=f'nico2ai_cnn-{i}').start()
        return _the_jobs


def _work(jobs):
    while True:
        kernel, args, done = jobs.get()
        try:
            kernel(*args)
        except BaseException as error:
            done.put(error)
        else:
            done.put(None)
        del kernel, args, done  # a waiting thread keeps no array alive


class _OneBlasThread:
    """Holds every BLAS to one thread while at least one caller is inside."""

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = 0
        self._libraries = None
        self._before = []

    def __enter__(self):
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                if self._libraries is None:
                    self._libraries = threadpoolctl.ThreadpoolController().select(
                        user_api='blas').lib_controllers
                self._before = [library.get_num_threads() for library in self._libraries]
                for library in self._libraries:
                    library.set_num_threads(1)

    def __exit__(self, *error):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._restore()

    def _restore(self):
        for library, n in zip(self._libraries, self._before):
            library.set_num_threads(n)

    def forked(self):
        self._lock = threading.Lock()
        if self._inside:
            self._inside = 0
            self._restore()


def _forked():
    # A forked child has the parent's queue without its threads, and perhaps a held lock.
    global _the_jobs, _starting
    _the_jobs, _starting = None, threading.Lock()
    _one_blas_thread.forked()


_one_blas_thread = _OneBlasThread()
_the_jobs = None
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
