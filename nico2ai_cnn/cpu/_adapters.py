"""From Chainer's methods to the kernels: what each needs, and when it applies.

Each function takes what Chainer's method of that name takes, and returns what it
returns, or NotImplemented where Chainer's own method must do the work.
"""

import chainer
import numpy
from chainer.utils.conv import get_conv_outsize

from nico2ai_cnn.cpu import (adam as adam_kernel, average_pooling, batch_normalization as bn,
                             convolution, elementwise, linear as linear_kernel,
                             local_convolution, local_response_normalization as lrn,
                             max_pooling as max_pooling_kernel, pool, softmax_cross_entropy as softmax)

pool.keep_freed_memory()
_FLOAT32 = numpy.dtype('float32')


def _apply(*arrays):
    """Returns whether kernels take these arrays: float32, in ordinary memory, not empty."""
    for array in arrays:
        if type(array) is not numpy.ndarray or array.dtype != _FLOAT32 or array.size == 0:
            return False
    return True


def _contiguous(*arrays):
    return [array if array.flags.carray else numpy.array(array, order='C') for array in arrays]


def _variables(arrays, indexes):
    return [chainer.as_variable(arrays[index]) for index in indexes]


def _geometry(node):
    return node.sy, node.sx, node.ph, node.pw, node.dy, node.dx


def convolution_2d(node, inputs):
    if not _apply(*inputs) or node.cudnn_fast:
        return NotImplemented
    x, W, *b = _contiguous(*inputs)
    y = convolution.forward(x, W, b[0] if b else None, node._get_out_size(x.shape, W.shape),
                            _geometry(node), node.groups)
    node._check_input_layouts_all_standard()
    node.retain_inputs((0, 1))
    return y,


def convolution_2d_backward(node, indexes, grad_outputs):
    gy = grad_outputs[0].array
    x, W = (variable.array for variable in node.get_retained_inputs())
    if (chainer.config.enable_backprop or not _apply(x, W, gy)
            or any(layout is not None for layout in node.input_layouts)):
        return NotImplemented
    # Without a graph to grow, the gradients need not be function nodes of their own.
    x, W, gy = _contiguous(x, W, gy)
    geometry = _geometry(node)
    if 0 not in indexes:
        gradients = None, *convolution.grad_W(x, gy, W.shape, geometry, node.groups)
    elif indexes == (0,):
        gradients = convolution.grad_x(gy, W, x.shape[2:], geometry, node.groups),
    else:
        gradients = convolution.backward(x, W, gy, geometry, node.groups)
    return _variables(gradients, indexes)


def convolution_2d_grad_w(node, inputs):
    if not _apply(*inputs) or node.W_dtype != _FLOAT32:
        return NotImplemented
    x, gy = _contiguous(*inputs)
    W_shape = (gy.shape[1], x.shape[1] // node.groups, node.kh, node.kw)
    node.retain_inputs((0, 1))
    return convolution.grad_W(x, gy, W_shape, _geometry(node), node.groups)[0],


def deconvolution_2d(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    x, W, *b = _contiguous(*inputs)
    node._calc_out_size(x.shape, W.shape)
    y = convolution.grad_x(x, W, (node.outh, node.outw), _geometry(node), node.groups)
    if b:
        y += b[0].reshape(-1, 1, 1)
    node.retain_inputs((0, 1))
    return y,


def local_convolution_2d(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    x, W, *b = _contiguous(*inputs)
    node.retain_inputs((0, 1))
    return local_convolution.forward(x, W, b[0] if b else None, (node.sy, node.sx)),


def local_convolution_2d_backward(node, indexes, grad_outputs):
    x, W = (variable.array for variable in node.get_retained_inputs())
    gy, = grad_outputs
    if not _apply(x, W, gy.array):
        return NotImplemented
    x, W, gy_array = _contiguous(x, W, gy.array)
    stride = node.sy, node.sx
    gradients = []
    if 0 in indexes:
        gradients.append(chainer.as_variable(
            local_convolution.grad_x(gy_array, W, x.shape, stride)))
    if 1 in indexes:
        gradients.append(chainer.as_variable(
            local_convolution.grad_W(x, gy_array, W.shape, stride)))
    if 2 in indexes:
        gradients.append(chainer.functions.sum(gy, axis=0))
    return gradients


def linear(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    x, W, *b = _contiguous(*inputs)
    node._config_use_ideep = chainer.config.use_ideep
    node.retain_inputs((0, 1))
    return linear_kernel.forward(x, W, b[0] if b else None),


def linear_backward(node, indexes, grad_outputs):
    gy = grad_outputs[0].array
    x, W = (variable.array for variable in node.get_retained_inputs())
    if chainer.config.enable_backprop or not _apply(x, W, gy):
        return NotImplemented
    x, W, gy = _contiguous(x, W, gy)
    if 0 not in indexes:
        gx, gW = None, linear_kernel.grad_W(x, gy)
    elif 1 not in indexes:
        gx, gW = linear_kernel.grad_x(gy, W), None
    else:
        gx, gW = linear_kernel.backward(x, W, gy)
    return _variables((gx, gW, gy.sum(axis=0)), indexes)


def linear_grad_data(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    W, gy = _contiguous(*inputs)
    node._config_use_ideep = chainer.config.use_ideep
    node.retain_inputs((0, 1))
    return linear_kernel.grad_x(gy, W),


def linear_grad_weight(node, inputs):
    if not _apply(*inputs) or node._w_dtype != _FLOAT32:
        return NotImplemented
    x, gy = _contiguous(*inputs)
    node._config_use_ideep = chainer.config.use_ideep
    node.retain_inputs((0, 1))
    return linear_kernel.grad_W(x, gy),


def max_pooling(node, inputs):
    if node.ndim != 2 or not _apply(*inputs):
        return NotImplemented
    x, = _contiguous(*inputs)
    out_size = _pooled_size(x, node.ksize, node.stride, node.pad, node.cover_all)
    node._in_shape, node._in_dtype = x.shape, x.dtype
    y, node.indexes = max_pooling_kernel.forward(x, out_size, node.ksize, node.stride, node.pad)
    return y,


def max_pooling_grad(node, inputs):
    pooling = node.func
    if pooling.ndim != 2 or not _apply(*inputs) or pooling._in_dtype != _FLOAT32:
        return NotImplemented
    gy, indexes = _contiguous(inputs[0], pooling.indexes.astype('i', copy=False))
    return max_pooling_kernel.backward(gy, indexes, pooling._in_shape[2:], pooling.ksize,
                                       pooling.stride, pooling.pad),


def average_pooling_2d(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    x, = _contiguous(*inputs)
    ksize, stride, pad = _window(node)
    node._in_shape, node._in_dtype = x.shape, x.dtype
    return average_pooling.forward(x, _pooled_size(x, ksize, stride, pad, False),
                                   ksize, stride, pad),


def average_pooling_2d_grad(node, inputs):
    if not _apply(*inputs) or node._in_dtype != _FLOAT32:
        return NotImplemented
    gy, = _contiguous(*inputs)
    return average_pooling.backward(gy, node._in_shape[2:], *_window(node)),


def _window(node):
    return (node.kh, node.kw), (node.sy, node.sx), (node.ph, node.pw)


def _pooled_size(x, ksize, stride, pad, cover_all):
    size = tuple(map(get_conv_outsize, x.shape[2:], ksize, stride, pad, (cover_all, cover_all)))
    for name, n in zip(('Height', 'Width'), size):
        assert n > 0, f'{name} in the output should be positive.'
    return size


def relu(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    x, = _contiguous(*inputs)
    node.retain_outputs((0,))
    return elementwise.relu(x),


def relu_grad(node, inputs):
    if not _apply(node.b, *inputs):
        return NotImplemented
    return elementwise.grad_relu(*_contiguous(node.b, *inputs)),


def dropout(node, inputs):
    if node.mask is not None or not _apply(*inputs):
        return NotImplemented
    x, = _contiguous(*inputs)
    random = numpy.random.rand(*x.shape)  # the numbers that Chainer would draw
    y, node.mask = elementwise.dropout(x, random, node.dropout_ratio,
                                       1. / (1 - node.dropout_ratio))
    return y,


def dropout_grad(node, inputs):
    gy, = inputs
    if not _apply(gy, node.mask) or gy.shape != node.mask.shape:
        return NotImplemented
    return elementwise.multiply(*_contiguous(gy, node.mask)),


def local_response_normalization(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    x, = _contiguous(*inputs)
    y, node.unit_scale, node.scale = lrn.forward(x, node.n, node.k, node.alpha, node.beta)
    node.retain_inputs((0,))
    node.retain_outputs((0,))
    return y,


def local_response_normalization_grad(node, inputs):
    if node._use_ideep or not _apply(node.unit_scale, *inputs):
        return NotImplemented
    x, y, gy = _contiguous(*inputs)
    return lrn.backward(x, y, gy, node.unit_scale, node.scale, node.n, node.alpha, node.beta),


def batch_normalization(impl, axis, gamma, x, x_layout, xp, expander, beta, eps, decay,
                        running_mean, running_var):
    if x_layout is not None or not _apply(x, gamma, beta) or not _is_per_channel(x, gamma, axis):
        return NotImplemented
    x, gamma, beta = _contiguous(x, gamma, beta)
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
    if (x_layout is not None or not _apply(x, gamma, gy, mean, inv_std)
            or not _is_per_channel(x, gamma, axis)):
        return NotImplemented
    gx, ggamma, gbeta = bn.backward(*_contiguous(x, gamma, gy, mean, inv_std))
    return gx, None, ggamma, gbeta


def _is_per_channel(x, gamma, axis):
    return gamma.ndim == 1 and tuple(axis) == (0, *range(2, x.ndim))


def softmax_cross_entropy(node, inputs):
    x, t = inputs
    if (not _apply(x) or type(t) is not numpy.ndarray or t.dtype != numpy.int32 or x.ndim != 2
            or node.class_weight is not None or node.reduce != 'mean' or chainer.is_debug()):
        return NotImplemented
    result = softmax.forward(*_contiguous(x, t), node.ignore_label)
    if result is None:
        return NotImplemented  # Chainer's own code says what is wrong with the labels
    y, total, count = result
    node.y = y if node.cache_score else None
    node._coeff = 1. / max(count if node.normalize else len(x), 1)
    node.retain_inputs((0, 1))
    return numpy.array(total * node._coeff, 'f'),


def softmax_cross_entropy_grad(node, inputs):
    x, t, gloss = inputs
    if (not _apply(x, node.y, gloss) or node.soft_target or node.class_weight is not None
            or node.coeff is None or x.ndim != 2 or t.dtype != numpy.int32):
        return NotImplemented
    return softmax.backward(*_contiguous(node.y, t), node.ignore_label,
                            float(gloss) * node.coeff),


def adam_update(rule, param):
    # The update of each parameter without the contexts and hooks that it can do without.
    hooks = rule._hookable._pre_update_hooks or rule._hookable._post_update_hooks
    if hooks or rule.state is None or param._loss_scale is not None or param.layout is not None:
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
    if (hyperparam.amsgrad or hyperparam.adabound or not _apply(*arrays)
            or not all(array.flags.carray for array in (arrays[0], *arrays[2:]))):
        return NotImplemented
    rule._check_eps(numpy.float32)
    param_, grad, m, v = _contiguous(*arrays)
    adam_kernel.update(param_, grad, m, v, hyperparam, rule.alpha_t)
