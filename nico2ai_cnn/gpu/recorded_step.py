"""A training step that the GPU repeats on its own."""

import contextlib
import itertools
import random

import chainer
import numpy
from chainer.backends import cuda

_ALIKE = 3      # so many steps must come out with one and the same graph before it is recorded


class RecordedStep:
    """A loss function whose forward and backward pass a GPU repeats from a recording, a CUDA graph.

    In a small network Python takes longer to start the kernels of a step than the GPU to run them. So the
    kernels are recorded, once a step has run a few times as usual, and later steps start them all at once.
    The code around it stays as it is::

        step = RecordedStep(lambda x, t: F.softmax_cross_entropy(model(x), t), model)
        loss = step(x, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()

    Each shape of batch gets a recording of its own, which keeps the memory that its step takes. A step runs as
    usual where a recording would not be true to it: on the CPU; where it draws random numbers, as dropout does;
    where Python looks at values on the GPU; where its graph, or a number in it, changes from step to step; and
    where memory is short. What the loss function does besides computing (counting its calls, say) is not repeated.

    Args:
        loss_func: Function of arrays that returns the loss, a scalar ``chainer.Variable``. What it reports
            through ``chainer.report``, scalars, is reported again at each step.
        link (chainer.Link): Whose parameters get the gradients.

    Attributes:
        why_as_usual (str): Why the latest step was not repeated from a recording; None if it was.
    """

    def __init__(self, loss_func, link):
        self._loss_func, self._link = loss_func, link
        self._known = {}        # what is known of each shape of batch
        self.why_as_usual = None

    def __call__(self, *arrays):
        """Returns the loss, a Variable or what stands for one: its ``backward()`` gives the gradients."""
        from nico2ai_cnn import gpu     # here, for it imports this module
        if not gpu.is_used() or not all(type(array) is cuda.ndarray for array in arrays):
            return self._as_usual(arrays, 'it is not on a GPU, or chainer.config.use_fast_gpu is never')
        if chainer.is_debug() or chainer.get_function_hooks():
            return self._as_usual(arrays, 'Chainer is in debug mode, or a function hook looks on')
        key = chainer.config.train, *((array.shape, array.dtype) for array in arrays)
        known = self._known.setdefault(key, _Known())
        if known.recording is not None and not known.recording.holds():
            known.recording, known.alike = None, 0
        elif known.recording is None and known.alike >= _ALIKE:
            known.recording, known.refused = _record(self._loss_func, self._link, arrays)
            known.alike = 0
        if known.recording is not None:
            self.why_as_usual = None
            return known.recording.replay(arrays)
        if known.refused:
            return self._as_usual(arrays, known.refused)
        before = _generators()
        loss = self._as_usual(arrays, f'it is recorded after {_ALIKE} that are alike')
        if _generators() != before:
            known.refused = 'it draws random numbers'
        else:
            graph = _graph(loss)
            known.alike = known.alike + 1 if graph == known.graph else 1
            known.graph = graph
        return loss

    def forget(self):
        """Drops the recordings, and gives their memory back."""
        self._known.clear()

    def _as_usual(self, arrays, why):
        self.why_as_usual = why
        return self._loss_func(*arrays)


class _Known:
    def __init__(self):
        self.alike, self.graph, self.recording, self.refused = 0, None, None, None


class _Recording:
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


def _generators():
    name, keys, *rest = numpy.random.get_state()
    return keys.tobytes(), rest, random.getstate()


def _graph(loss):
    """Returns the function nodes behind a loss, each with the plain numbers that it holds."""
    nodes, seen, found = [loss.creator_node], set(), []
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        numbers = {name: value for name, value in vars(node).items() if isinstance(value, (bool, int, float, str))}
        found.append((type(node), numbers, [variable.shape for variable in node.inputs]))
        nodes.extend(variable.creator_node for variable in node.inputs)
    return found


def _record(loss_func, link, arrays):
    """Returns a recording and None; or None and why what it repeats is not what the step does."""
    cupy = cuda.cupy
    pool, stream = _new_pool(), cupy.cuda.Stream(non_blocking=True)
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
            return _Recording(graph, inputs, values, list(observation), recorded, link, pool), None
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
