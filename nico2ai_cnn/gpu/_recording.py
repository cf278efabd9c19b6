"""The recording of a training step: a CUDA graph, and the memory that it reads and writes."""

import contextlib
import itertools
import weakref

import chainer
import numpy
from chainer.backends import cuda


class Recording:
    """A step that can be repeated.

    Args:
        graph (cupy.cuda.Graph): The kernels.
        inputs: Arrays that they read.
        values: Array of the loss and of what is reported, which they write; ``names`` are the latter's.
        gradients: Pairs of a parameter and the array that they write its gradient into.
        link (chainer.Link): Whose parameters, other arrays and numbers they use.
        loss (chainer.Variable): Keeps all other arrays that they read, such as class weights.
        pool (cupy.cuda.MemoryPool): Where everything between lies, for which nobody else may ask.
    """

    def __init__(self, graph, inputs, values, names, gradients, link, loss, pool):
        self._graph, self._inputs, self._values, self._names, self._pool = graph, inputs, values, names, pool
        self.gradients, self._link, self._loss, self._device = gradients, link, loss, cuda.cupy.cuda.Device().id
        self._parameters = [param.array for param in link.params()]
        self._attributes = [(vars(each), len(vars(each)), numbers_of(vars(each)), _arrays_of(vars(each)))
                            for each in link.links()]
        self.n_replay = 0

    def __del__(self):
        _retired.append((self._device, self._pool))

    def holds(self):
        """Returns whether the link's arrays are where they were, and its numbers what they were."""
        parameters = itertools.zip_longest((param.array for param in self._link.params()), self._parameters)
        return (all(now is then for now, then in parameters)
                and all(_same(*each) for each in self._attributes))

    def replay(self, arrays):
        """Repeats the step with other inputs, reports again, and returns the loss."""
        for place, array in zip(self._inputs, arrays):
            place[...] = array
        self._graph.launch()
        self.n_replay += 1
        loss, *values = self._values.get()
        reporter = _reporter()
        if reporter is not None:
            reporter.observation.update(zip(self._names, values))
        return Loss(loss, self)


def _same(now, n, numbers, arrays):
    return (len(now) == n and all(type(now.get(name)) is type(value) and now[name] == value
                                  for name, value in numbers.items())
            and all(now.get(name) is array for name, array in arrays.items()))


class Loss:
    """The loss of a repeated step: it has ``array``, a NumPy scalar, and ``backward()``, and cannot be calculated with.

    (What would come of it, for one with a regulariser added, had no gradient of the step. Report its ``array``.)
    """

    def __init__(self, value, recording):
        self.array = self.data = value
        self._recording, self._n_replay = weakref.ref(recording), recording.n_replay

    def __float__(self):
        return float(self.array)

    def backward(self, retain_grad=False, enable_double_backprop=False, loss_scale=None):
        """Gives the parameters their gradients, which are there already, and not scaled.

        Raises:
            RuntimeError: If they are gone, for the step was repeated or forgotten since, or those before were not cleared, to which
                Chainer would add these; or if the gradients of anything else are asked for.
        """
        if retain_grad or enable_double_backprop:
            raise RuntimeError('a recorded step has the gradients of the parameters alone; chainer.config.use_fast_gpu = '
                               "'never' keeps steps from being recorded")
        recording = self._recording()
        if recording is None or self._n_replay != recording.n_replay:
            raise RuntimeError('the gradients of this loss are gone, for its step has been repeated or forgotten since; call '
                               'backward() before the next step')
        for param, gradient in recording.gradients:
            if param.grad is not None:
                raise RuntimeError('the gradients of the step before are still there; call cleargrads() before backward(), '
                                   "or, to add them up, set chainer.config.use_fast_gpu = 'never'")
            param.grad, param._loss_scale = gradient, None


def record(loss_func, link, arrays):
    """Returns a recording and None; or None and why what it repeats is not what the step does."""
    forget_results(link)
    free_retired()
    cuda.cupy.get_default_memory_pool().free_all_blocks()   # of steps as usual, which need them no more
    pool, recording = cuda.cupy.cuda.MemoryPool(_allocate), None
    try:
        recording, why_not = _recorded_in(pool, loss_func, link, arrays)
    finally:        # also at Ctrl-C
        if recording is None:
            forget_results(link)
            _retired.append((cuda.cupy.cuda.Device().id, pool))
            free_retired()
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
                expected = [cuda.to_cpu(array) for array in _run(loss_func, link, inputs)[1]]
            observation = {}
            stream.begin_capture()
            try:
                with _observing(observation):
                    loss, results, recorded = _run(loss_func, link, inputs)
                reported = {name: getattr(value, 'array', value) for name, value in observation.items()}
                values = cupy.empty(1 + len(reported), 'f')
                for i, value in enumerate([loss.array, *reported.values()]):
                    values[i] = value
            finally:
                graph = stream.end_capture()
            graph.launch()
            stream.synchronize()
            if not all(_is_close(cuda.to_cpu(array), wanted) for array, wanted in zip(results, expected)):
                return None, 'it comes out differently when it is repeated'
            for name, value in reported.items():
                if _is_plain(value):
                    return None, f'it reports {name}, which is not computed on the GPU'
            if cupy.cuda.runtime.memGetInfo()[0] < pool.total_bytes():
                return None, 'memory is short: a recording would leave less than a step as usual takes'
            return Recording(graph, inputs, values, list(reported), recorded, link, loss, pool), None
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


# Pools whose recordings are gone. CuPy frees a pool's memory together with the pool, even under arrays that
# somebody still has: gradients, and what was reported.
_retired = []


def free_retired():
    """Gives back what recordings that are gone have left, as far as nobody has it."""
    for entry in list(_retired):
        device, pool = entry
        with cuda.cupy.cuda.Device(device):
            pool.free_all_blocks()
            if not pool.used_bytes():
                _retired.remove(entry)


def forget_results(link):
    """Drops computed Variables that links keep as attributes, such as a Classifier's loss: they hold the whole step."""
    for each in link.links():
        for name, value in list(vars(each).items()):
            if any(isinstance(part, chainer.Variable) and part.creator_node is not None
                   for part in (value if isinstance(value, (tuple, list)) else (value,))):
                setattr(each, name, None)


def _allocate(size):
    """Returns new memory for a pool, and does not let it make room by freeing what recorded kernels work with."""
    cupy = cuda.cupy
    try:
        return cupy.cuda.MemoryPointer(cupy.cuda.Memory(size), 0)
    except cupy.cuda.runtime.CUDARuntimeError as error:     # on which a pool frees its blocks and asks again
        if cupy.cuda.get_current_stream().is_capturing():
            raise MemoryError(f'out of memory: {size} bytes more') from error
        raise


def _arrays_of(attributes):
    return {name: value for name, value in attributes.items() if type(value) is cuda.ndarray}


def numbers_of(attributes):
    """Returns those of a dict of attributes that are numbers or strings, or tuples of such."""
    return {name: value for name, value in attributes.items() if _is_plain(value)}


def _is_plain(value):
    return isinstance(value, (bool, int, float, str, numpy.generic)) or (
        isinstance(value, tuple) and all(map(_is_plain, value)))


def _persistent(link):
    for sublink in link.links():
        for name in sublink._persistent:
            value = getattr(sublink, name)
            if type(value) is cuda.ndarray:
                yield value


def is_reporting():
    """Returns whether somebody listens to ``chainer.report``."""
    return _reporter() is not None


def _reporter():
    try:
        return chainer.get_current_reporter()
    except IndexError:      # nobody asked for reports
        return None


def _observing(observation):
    reporter = _reporter()
    return contextlib.nullcontext() if reporter is None else reporter.scope(observation)


def _run(loss_func, link, inputs):
    """Returns the loss; its value and the gradients; and pairs of a parameter and its gradient."""
    loss = loss_func(*inputs)
    link.cleargrads()
    loss.backward()
    gradients = [(param, param.grad) for param in link.params() if param.grad is not None]
    return loss, [loss.array, *(gradient for _, gradient in gradients)], gradients


def _is_close(a, b):
    if a.size == 0:
        return True
    size = abs(b).max()
    return bool(abs(a - b).max() <= 1e-3 * size) or not numpy.isfinite(size)
