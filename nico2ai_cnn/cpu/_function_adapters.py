"""From Chainer's elementwise functions, normalisations, loss and Adam to the kernels.

Each function takes what Chainer's method of that name takes, and returns what it
returns, or NotImplemented where Chainer's own method must do the work.
"""

import chainer
import numpy
from chainer.functions.normalization.batch_normalization import GeneralBatchNormalizationImpl

from nico2ai_cnn.cpu import adam as adam_kernels, batch_normalization as bn, elementwise
from nico2ai_cnn.cpu import local_response_normalization as lrn, softmax_cross_entropy as softmax
from nico2ai_cnn.cpu._arrays import apply, contiguous


def relu(node, inputs):
    if not apply(*inputs):
        return NotImplemented
    x, = contiguous(*inputs)
    node.retain_outputs((0,))
    return elementwise.relu(x),


def relu_grad(node, inputs):
    if not apply(node.b, *inputs) or node.b.shape != inputs[0].shape:
        return NotImplemented
    return elementwise.grad_relu(*contiguous(node.b, *inputs)),


def dropout(node, inputs):
    if node.mask is not None or not apply(*inputs) or inputs[0].ndim == 0:
        return NotImplemented
    x, = contiguous(*inputs)
    random = numpy.random.rand(*x.shape)  # the numbers that Chainer would draw
    y, node.mask = elementwise.dropout(x, random, node.dropout_ratio,
                                       1. / (1 - node.dropout_ratio))
    return y,


def dropout_grad(node, inputs):
    gy, = inputs
    if not apply(gy, node.mask) or gy.shape != node.mask.shape:
        return NotImplemented
    return elementwise.multiply(*contiguous(gy, node.mask)),


def local_response_normalization(node, inputs):
    if not apply(*inputs):
        return NotImplemented
    x, = contiguous(*inputs)
    y, node.unit_scale, node.scale = lrn.forward(x, node.n, node.k, node.alpha, node.beta)
    node.retain_inputs((0,))
    node.retain_outputs((0,))
    return y,


def local_response_normalization_grad(node, inputs):
    if node._use_ideep or not apply(node.unit_scale, *inputs):
        return NotImplemented
    x, y, gy = contiguous(*inputs)
    return lrn.backward(x, y, gy, node.unit_scale, node.scale, node.n, node.alpha, node.beta),


def batch_normalization(impl, axis, gamma, x, x_layout, xp, expander, beta, eps, decay,
                        running_mean, running_var):
    # ChainerMN's, derived from this class, ask the other processes for their sums.
    if (type(impl) is not GeneralBatchNormalizationImpl or x_layout is not None or not apply(x, gamma, beta)
            or not _is_per_channel(x, gamma, axis)):
        return NotImplemented
    x, gamma, beta = contiguous(x, gamma, beta)
    y, mean, var, inv_std = bn.forward(x, gamma, beta, eps)
    if running_mean is not None:
        m = x.size // gamma.size
        running_mean *= decay
        running_mean += (1 - decay) * mean
        running_var *= decay
        running_var += (1 - decay) * (m / max(m - 1., 1.)) * var
    return y, x_layout, running_mean, running_var, mean, var, inv_std, None


def batch_normalization_grad(impl, axis, gamma, gy, x, x_layout, xp, expander, mean, inv_std,
                             eps, var, forward_data):
    if (type(impl) is not GeneralBatchNormalizationImpl or x_layout is not None
            or not apply(x, gamma, gy, mean, inv_std) or not _is_per_channel(x, gamma, axis)):
        return NotImplemented
    gx, ggamma, gbeta = bn.backward(*contiguous(x, gamma, gy, mean, inv_std))
    return gx, None, ggamma, gbeta


def fixed_batch_normalization(node, inputs):
    x, gamma, beta, mean, var = inputs
    axis = (0, *range(2, x.ndim)) if node.axis is None else node.axis
    if not apply(*inputs) or not _is_per_channel(x, gamma, axis):
        return NotImplemented
    node.retain_inputs((0, 1, 3, 4))
    # What the backward pass, which is Chainer's, looks for.
    node.axis, node.key_axis = axis, (1,)
    node.expander = (None, slice(None), *[None] * (x.ndim - 2))
    node.inv_var = 1 / (var + numpy.float32(node.eps))
    node.inv_std = numpy.sqrt(node.inv_var)
    return bn.fixed(*contiguous(x, gamma, beta, mean, node.inv_std)),


def _is_per_channel(x, gamma, axis):
    return gamma.shape == x.shape[1:2] and tuple(axis) == (0, *range(2, x.ndim))


def softmax_cross_entropy(node, inputs):
    x, t = inputs
    if (not apply(x) or type(t) is not numpy.ndarray or t.dtype != numpy.int32
            or x.ndim != 2 or t.shape != x.shape[:1]
            or node.class_weight is not None or node.reduce != 'mean' or chainer.is_debug()):
        return NotImplemented
    result = softmax.forward(*contiguous(x, t), node.ignore_label)
    if result is None:
        return NotImplemented  # Chainer's own code says what is wrong with the labels
    y, total, count = result
    node.y = y if node.cache_score else None
    node._coeff = 1. / max(count if node.normalize else len(x), 1)
    node.retain_inputs((0, 1))
    return numpy.array(total * node._coeff, 'f'),


def softmax_cross_entropy_grad(node, inputs):
    x, t, gloss = inputs
    if (not apply(x, node.y, gloss) or node.soft_target or node.class_weight is not None
            or node.coeff is None or x.ndim != 2 or t.dtype != numpy.int32
            or ((t < 0) | (t >= x.shape[1]))[t != node.ignore_label].any()):   # NumPy counts those from the end
        return NotImplemented
    return softmax.backward(*contiguous(node.y, t), node.ignore_label,
                            float(gloss) * node.coeff),


_CORE = 'update_core', 'update_core_cpu'     # a rule of somebody's own has its own


def adam_update(rule, param):
    # The update of each parameter without the contexts and hooks that it can do without.
    hooks = rule._hookable._pre_update_hooks or rule._hookable._post_update_hooks
    own = type(rule) is not chainer.optimizers.adam.AdamRule or not vars(rule).keys().isdisjoint(_CORE)
    if own or hooks or rule.state is None or param._loss_scale is not None or param.layout is not None:
        return NotImplemented
    if not rule.enabled:
        return None
    rule.t += 1
    if adam(rule, param) is NotImplemented:
        rule.t -= 1
        return NotImplemented
    return None


def adam(rule, param):
    hyperparam = rule.hyperparam
    arrays = param.array, param.grad, rule.state['m'], rule.state['v']
    if (hyperparam.amsgrad or hyperparam.adabound or not apply(*arrays)
            or any(array.shape != param.shape for array in arrays)
            or not all(array.flags.carray for array in (arrays[0], *arrays[2:]))):
        return NotImplemented
    rule._check_eps(numpy.float32)
    param_, grad, m, v = contiguous(*arrays)
    adam_kernels.update(param_, grad, m, v, hyperparam, rule.alpha_t)
