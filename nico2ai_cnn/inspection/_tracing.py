"""Every function that a network applies, in order: seen through Chainer's hooks."""

import contextlib
import typing

import chainer
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.inspection._geometry import function_class, function_name, multiply_adds


class Call:
    """One call of a link."""

    def __init__(self, link, args):
        self.link, self.args, self.out = link, args, None


class Step(typing.NamedTuple):
    """One application of a function."""

    function: chainer.FunctionNode
    inputs: tuple       # arrays
    outputs: tuple      # arrays
    call: Call          # of the link that it belongs to, or None where a Chain applies it itself


class Trace(contextlib.ExitStack):
    """While it is open, notes what ``root`` applies; calls ``finished(steps, args)`` each time
    that ``root`` has been called.

    Chainer's hooks are not told what a function returns, so each function node gets, for
    its one use, a ``forward`` of its own that also takes notes.
    """

    def __init__(self, root, finished):
        super().__init__()
        self.root, self._finished = root, finished
        self.steps, self.stack, self.current = [], [], None

    def __enter__(self):
        super().__enter__()
        self.enter_context(_Links(self))
        self.enter_context(_Functions(self))
        return self

    def enter(self, link, args):
        if link is self.root:       # with what an exception in an earlier call may have left behind
            self.stack, self.steps = [], []
        if self.stack or link is self.root:
            self.stack.append(Call(link, args))

    def leave(self, link, out):
        if not self.stack:
            return
        call = self.stack.pop()
        call.out = out
        if not self.stack:
            steps, self.steps = self.steps, []
            self._finished(steps, call.args)

    def listen(self, function, inputs):
        if not self.stack:
            return
        self.current = function, inputs
        call = next((call for call in self.stack if not holds_links(call.link)), None)
        forward = function.forward

        def forward_and_note(inputs):
            function.__dict__.pop('forward', None)      # back to the class's
            outputs = forward(inputs)
            self.steps.append(Step(function, inputs, outputs, call))
            self.current = None
            return outputs

        function.forward = forward_and_note


class _Links(chainer.LinkHook):
    def __init__(self, trace):
        self.name = f'nico2ai_cnn {id(self)}'   # Chainer wants one per hook
        self._trace = trace

    def forward_preprocess(self, args):
        self._trace.enter(args.link, args.args or tuple(args.kwargs.values()))

    def forward_postprocess(self, args):
        self._trace.leave(args.link, args.out)


class _Functions(chainer.FunctionHook):
    def __init__(self, trace):
        self.name = f'nico2ai_cnn {id(self)}'
        self._trace = trace

    def forward_preprocess(self, function, in_data):
        self._trace.listen(function, in_data)


def holds_links(link):
    """Whether ``link`` is a network of links, rather than a layer."""
    return isinstance(link, (chainer.Chain, chainer.ChainList))


def arrays(values):
    """Returns the arrays in what a link takes or returns."""
    if isinstance(values, chainer.Variable):
        return [values.array]
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, (tuple, list)):
        return [values] if isinstance(values, chainer.get_array_types()) else []
    return [array for value in values for array in arrays(value)]


class Names:
    """Gives each layer a name of its own: ``/conv1``, ``relu``, ``relu_2``, …"""

    def __init__(self, root):
        self._paths = {}
        for path, link in root.namedlinks():
            self._paths.setdefault(id(link), path)
        self._used = set()

    def of(self, link, function):
        """Returns the name for the next call of ``link``, or of ``function`` where that is None."""
        base = function_name(function) if link is None else self.path(link)
        name, n = base, 1
        while name in self._used or n > 1 and name in self._paths.values():
            n += 1
            name = f'{base}_{n}'
        self._used.add(name)
        return name

    def path(self, link):
        """Returns the path of ``link``; the name of its class where the network does not own it."""
        return self._paths.get(id(link), type(link).__name__)


class Layer(typing.NamedTuple):
    """One or several steps that a reader takes for one."""

    name: str
    kind: str
    link: chainer.Link      # or None
    steps: list
    parameters: list        # that flow into it without a link
    input: object           # array: the first that is data
    outputs: tuple          # arrays


class Origins:
    """What arrays come from: from parameters alone, or from data."""

    def __init__(self, root):
        # By the id of an array: the array (kept, so that no other gets its id), and
        self._weights = {id(param.array): (param.array, [param]) for param in root.params()
                         if param.array is not None}    # the parameters that it is made of
        self._data = {}

    def add_data(self, arrays):
        self._data.update((id(array), array) for array in arrays)

    def is_data(self, array):
        return id(array) in self._data

    def parameters(self, inputs):
        """Returns the parameters that the arrays ``inputs`` are made of."""
        return [param for array in inputs for param in self._weights.get(id(array), (None, []))[1]]

    def add(self, step):
        """Notes where the step's outputs come from; returns whether that is data."""
        params = self.parameters(step.inputs)
        # A product of weights with an array that comes from nowhere: forward made it with NumPy.
        of_weights = params and not multiply_adds(*step[:3]) and not any(map(self.is_data, step.inputs))
        if of_weights:
            self._weights.update((id(array), (array, params)) for array in step.outputs)
            return False
        self.add_data(step.outputs)
        return True

    def is_arithmetic(self, step):
        """Whether the step is ``2 * h + 1`` or the like: numbers and one map of data."""
        data = [array for array in step.inputs if self.is_data(array)]
        return (function_class(step.function).__module__.endswith('basic_math') and len(data) == 1
                and not self.parameters(step.inputs) and step.outputs[0].shape == data[0].shape)


def layers(steps, names, origins):
    """Returns the steps as layers.

    What a link without links of its own does is one layer; of the functions that a Chain
    applies itself, each is one, but for arithmetic with numbers, and what is done to
    parameters alone.
    """
    found = []
    for step in steps:
        came = next(filter(origins.is_data, step.inputs), step.inputs[0])
        is_arithmetic = origins.is_arithmetic(step)
        is_data = origins.add(step)
        call = step.call
        if call is not None and found and found[-1].steps[0].call is call:
            found[-1].steps.append(step)
        elif call is not None:
            outputs = tuple(arrays(call.out))
            origins.add_data(outputs)
            came = next(iter(arrays(call.args)), came)
            found.append(Layer(names.of(call.link, None), type(call.link).__name__, call.link, [step], [],
                               came, outputs))
        elif is_data and not is_arithmetic:
            found.append(Layer(names.of(None, step.function), function_name(step.function), None, [step],
                               origins.parameters(step.inputs), came, step.outputs))
    return found


def predictor(model):
    """Returns ``model``, or the network in an ``L.Classifier``; raises TypeError unless it is a link."""
    _checks.link('model', model)
    return model.predictor if isinstance(model, L.Classifier) else model
