"""A network that may be run without consequences, and why a run failed."""

import copy

import chainer
import chainer.links as L

from nico2ai_cnn.inspection._geometry import function_name, window
from nico2ai_cnn.inspection._tracing import Names, arrays


def copy_sharing_parameters(model):
    """Returns a deep copy of the model whose parameters share the originals' arrays.

    Everything else (running averages, generators, counters) is the copy's own.
    ``Chain.copy(mode='share')`` would share that too, and a parameter that waits for its
    size: once the copy has got one, so has the original.

    Returns:
        tuple: The copy, and a list of (path, link) of its links that wait for their size;
        they will get it with zeros, so that no random numbers are drawn for them.
    """
    shared = {}
    for param in model.params():
        for each in (param.array, param.grad if param.is_initialized else None, param.update_rule):
            if each is not None:
                shared[id(each)] = each
    copied = copy.deepcopy(model, shared)
    waiting = {}
    for path, param in copied.namedparams():
        if param.array is None:
            param.initializer = chainer.initializers.Zero(getattr(param.initializer, 'dtype', None))
            waiting[path.rpartition('/')[0] or '/'] = None
    links = dict(copied.namedlinks())
    return copied, [(path, links[path]) for path in waiting]


def why_not(trace, error):
    """Returns where and why a run under ``trace`` failed, in words for those who built the model."""
    where = Names(trace.root).path(trace.stack[-1].link) if trace.stack else '/'
    if trace.current is not None:
        function, inputs = trace.current
        if where == '/':
            where = function_name(function)
        spot = window(function, inputs)
        if spot is not None and not spot.backward:
            room = [n + 2 * p for n, p in zip(inputs[0].shape[2:], spot.pad)]
            if any(k > n for k, n in zip(spot.span, room)):
                return (f'at {where} the window of {_times(spot.span)} is larger than its padded input '
                        f'{_times(room)}: the image is too small for this net')
    elif trace.stack:
        link, came = trace.stack[-1].link, arrays(trace.stack[-1].args)
        if came and isinstance(link, L.Convolution2D) and link.W.array is not None and came[0].ndim == 4:
            wanted = link.W.shape[1] * link.groups
            if came[0].shape[1] != wanted:
                return f'{where} wants {wanted} channels, and {came[0].shape[1]} came'
        if came and isinstance(link, L.Linear) and link.W.array is not None:
            numbers = came[0][0].size
            if numbers != link.W.shape[1]:
                shape = f'{_times(came[0].shape[1:])} = ' if came[0].ndim > 2 else ''
                return (f'{where} wants {link.W.shape[1]} numbers, and {shape}{numbers} came: the image has '
                        'another size than this net is made for')
    reason = ' '.join(str(error).split()) or type(error).__name__
    return reason if where == '/' else f'at {where}: {reason}'


def _times(shape):
    return ' x '.join(map(str, shape))
