"""A training step that the GPU repeats on its own."""

import random

import chainer
import numpy
from chainer.backends import cuda

from nico2ai_cnn.gpu import _cudnn
from nico2ai_cnn.gpu._recording import forget_results, free_retired, is_reporting, numbers_of, record

_BROKEN = 5     # recordings, of one shape, that came not to hold
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
    where Python looks at values on the GPU; where its graph, or a number in it, changes from step to step; where
    hooks look on; and where memory is short. It is recorded anew when an array or a number that is an attribute of
    the link is another than before. What the loss function does besides computing (counting its calls, say) is not
    repeated, and arrays or numbers that it finds elsewhere must stay the same. Gradients are written where those of the
    step before were; they are not added to them.

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
        """Returns the loss, a Variable, or what stands for one: its ``backward()`` gives the gradients."""
        from nico2ai_cnn import gpu     # here, for it imports this module
        if not gpu.is_used() or not all(type(array) is cuda.ndarray for array in arrays):
            return self._as_usual(arrays, 'it is not on a GPU, or chainer.config.use_fast_gpu is never')
        if not chainer.config.enable_backprop:
            return self._as_usual(arrays, 'chainer.config.enable_backprop is False')
        if (chainer.is_debug() or chainer.get_function_hooks() or chainer._get_link_hooks()
                or any(each._local_link_hooks for each in self._link.links())):
            return self._as_usual(arrays, 'Chainer is in debug mode, or a hook looks on')
        key = chainer.config.train, is_reporting(), _cudnn.settings(), *((array.shape, array.dtype) for array in arrays)
        known = self._known.setdefault(key, _Known())
        if known.recording is not None and not known.recording.holds():
            known.recording, known.alike, known.n_broken = None, 0, known.n_broken + 1
            if known.n_broken == _BROKEN:
                known.refused = 'what it uses of the link changes again and again'
        elif known.recording is None and known.alike >= _ALIKE:
            known.recording, known.refused = record(self._loss_func, self._link, arrays)
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
        if any(known.recording is not None for known in self._known.values()):
            forget_results(self._link)
        self._known.clear()
        free_retired()

    def _as_usual(self, arrays, why):
        self.why_as_usual = why
        return self._loss_func(*arrays)


class _Known:
    def __init__(self):
        self.alike, self.graph, self.recording, self.refused, self.n_broken = 0, None, None, None, 0


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
        found.append((type(node), numbers_of(vars(node)), [variable.shape for variable in node.inputs]))
        nodes.extend(variable.creator_node for variable in node.inputs)
    return found
