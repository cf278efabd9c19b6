"""The recording of a training step: a CUDA graph, and the memory that it reads and writes."""

import contextlib
import itertools

import chainer
import numpy
from chainer.backends import cuda


class Recording:
    """What stands for the loss, too: it has ``array``, a NumPy scalar, and ``backward``.

    Args:
        graph (cupy.cuda.Graph): The kernels.
        inputs: Arrays that they read.
        values: Array of the loss and of what is reported, which they write; ``names`` are the latter's.
        gradients: Pairs of a parameter and the array that they write its gradient into.
        link (chainer.Link): Whose parameters and persistent arrays they use.
        pool (cupy.cuda.MemoryPool): Where everything between lies, for which nobody else may ask.
    """

    def __init__(self, graph, inputs, values, names, gradients, link, pool):
        self._graph, self._inputs, self._values, self._names, self._pool = graph, inputs, values, names, pool
        self._gradients, self._link, self._arrays = gradients, link, list(_arrays(link))

    def __del__(self):
        self._pool.free_all_blocks()

    def holds(self):
        """Returns whether the link's arrays are where they were."""
        return all(now is then for now, then in itertools.zip_longest(_arrays(self._link), self._arrays))

    def replay(self, arrays):
        for place, array in zip(self._inputs, arrays):
            place[...] = array
        self._graph.launch()
        self.array, *values = self._values.get()
        reporter = _reporter()
        if reporter is not None:
            reporter.observation.update(zip(self._names, values))
        return self

    def backward(self, loss_scale=None):
        """Gives the parameters their gradients, which are there already, and not scaled."""
        for param, gradient in self._gradients:
            param.grad, param._loss_scale = gradient, None


def record(loss_func, link, arrays):
    """Returns a recording and None; or None and why what it repeats is not what the step does."""
    cuda.cupy.get_default_memory_pool().free_all_blocks()   # of steps as usual, which need them no more
    pool = _new_pool()
    recording, why_not = _recorded_in(pool, loss_func, link, arrays)
    if recording is None:
        pool.free_all_blocks()
    return recording, why_not


def _recorded_in(pool, loss_func, link, arrays):
    cupy = cuda.cupy
    stream = cupy.cuda.Stream(non_blocking=True)
    persistent = [(array, array.copy()) for array in _persistent(link)]
    gradients = [(param, param.grad) for param in link.params()]
    cupy.cuda.get_current_stream().synchronize()
    try:
        with cupy.cuda.using_allocator(pool.malloc), stream:
            inputs = [array.copy() for array in arrays]
            # Compiles what is new, and leaves the pool with all the memory that the recorded step will ask for.
            with _observing({}):
                expected = [cuda.to_cpu(array) for array in _run(loss_func, link, inputs)[0]]
            observation = {}
            stream.begin_capture()
            try:
                with _observing(observation):
                    results, recorded = _run(loss_func, link, inputs)
                values = cupy.empty(1 + len(observation), 'f')
                for i, value in enumerate([results[0], *observation.values()]):
                    values[i] = getattr(value, 'array', value)
            finally:
                graph = stream.end_capture()
            graph.launch()
            stream.synchronize()
            if not all(_is_close(cuda.to_cpu(array), wanted) for array, wanted in zip(results, expected)):
                return None, 'it comes out differently when it is repeated'
            return Recording(graph, inputs, values, list(observation), recorded, link, pool), None
    except (RuntimeError, MemoryError, TypeError, ValueError) as error:     # CuPy's are RuntimeErrors
        while error.__context__ is not None:    # what came first; an interrupted recording fails once more
            error = error.__context__
        return None, f'{type(error).__name__}: {error}'
    finally:
        stream.synchronize()
        for array, value in persistent:     # batch normalisation's means have seen the batch, and no more
            array[...] = value
        for param, gradient in gradients:
            param.cleargrad()
            if gradient is not None:
                param.grad = gradient


_pools = []     # CuPy frees a pool's memory together with the pool, even under arrays that somebody still has


def _new_pool():
    _pools[:] = [pool for pool in _pools if pool.used_bytes()]
    _pools.append(cuda.cupy.cuda.MemoryPool())
    return _pools[-1]


def _arrays(link):
    for param in link.params():
        yield param.array
    yield from _persistent(link)


def _persistent(link):
    for sublink in link.links():
        for name in sublink._persistent:
            value = getattr(sublink, name)
            if type(value) is cuda.ndarray:
                yield value


def _reporter():
    try:
        return chainer.get_current_reporter()
    except IndexError:      # nobody asked for reports
        return None


def _observing(observation):
    reporter = _reporter()
    return contextlib.nullcontext() if reporter is None else reporter.scope(observation)


def _run(loss_func, link, inputs):
    """Returns the loss and the gradients, and pairs of a parameter and its gradient."""
    loss = loss_func(*inputs)
    link.cleargrads()
    loss.backward()
    gradients = [(param, param.grad) for param in link.params() if param.grad is not None]
    return [loss.array, *(gradient for _, gradient in gradients)], gradients


def _is_close(a, b):
    if a.size == 0:
        return True
    size = abs(b).max()
    return bool(abs(a - b).max() <= 1e-3 * size) or not numpy.isfinite(size)
