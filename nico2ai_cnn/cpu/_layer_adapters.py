"""From Chainer's convolution, linear and pooling functions to the kernels.

Each function takes what Chainer's method of that name takes, and returns what it
returns, or NotImplemented where Chainer's own method must do the work.
"""

import chainer
from chainer.utils.conv import get_conv_outsize

from nico2ai_cnn.cpu import average_pooling, convolution, local_convolution
from nico2ai_cnn.cpu import linear as linear_kernels, max_pooling as max_pooling_kernels
from nico2ai_cnn.cpu._arrays import FLOAT32, apply, contiguous, variables


def _geometry(node):
    return node.sy, node.sx, node.ph, node.pw, node.dy, node.dx


def convolution_2d(node, inputs):
    if not apply(*inputs) or node.cudnn_fast:
        return NotImplemented
    node._check_input_layouts_all_standard()
    x, W, *b = contiguous(*inputs)
    # What does not fit would read memory that is not the arrays'; Chainer says what is wrong.
    if (x.ndim != 4 or W.ndim != 4 or x.shape[1] != W.shape[1] * node.groups
            or len(W) % node.groups or b and b[0].shape != W.shape[:1]):
        return NotImplemented
    out_size = tuple(map(get_conv_outsize, x.shape[2:], W.shape[2:], (node.sy, node.sx),
                         (node.ph, node.pw), (node.cover_all,) * 2, (node.dy, node.dx)))
    if min(out_size) <= 0:
        return NotImplemented
    node.retain_inputs((0, 1))
    return convolution.forward(x, W, b[0] if b else None, out_size, _geometry(node),
                               node.groups),


def convolution_2d_backward(node, indexes, grad_outputs):
    gy = grad_outputs[0].array
    x, W = (variable.array for variable in node.get_retained_inputs())
    if (chainer.config.enable_backprop or not apply(x, W, gy)
            or any(layout is not None for layout in node.input_layouts)):
        return NotImplemented
    # Without a graph to grow, the gradients need not be function nodes of their own.
    x, W, gy = contiguous(x, W, gy)
    geometry = _geometry(node)
    if 0 not in indexes:
        gradients = None, *convolution.grad_W(x, gy, W.shape, geometry, node.groups)
    elif indexes == (0,):
        gradients = convolution.grad_x(gy, W, x.shape[2:], geometry, node.groups),
    else:
        gradients = convolution.backward(x, W, gy, geometry, node.groups)
    return variables(gradients, indexes)


def convolution_2d_grad_w(node, inputs):
    if not apply(*inputs) or node.W_dtype != FLOAT32:
        return NotImplemented
    x, gy = contiguous(*inputs)
    W_shape = (gy.shape[1], x.shape[1] // node.groups, node.kh, node.kw)
    node.retain_inputs((0, 1))
    return convolution.grad_W(x, gy, W_shape, _geometry(node), node.groups)[0],


def deconvolution_2d(node, inputs):
    if not apply(*inputs):
        return NotImplemented
    x, W, *b = contiguous(*inputs)
    if (x.ndim != 4 or W.ndim != 4 or x.shape[1] != len(W) or len(W) % node.groups
            or b and b[0].shape != (W.shape[1] * node.groups,)):
        return NotImplemented
    node._calc_out_size(x.shape, W.shape)
    y = convolution.grad_x(x, W, (node.outh, node.outw), _geometry(node), node.groups)
    if b:
        y += b[0].reshape(-1, 1, 1)
    node.retain_inputs((0, 1))
    return y,


def local_convolution_2d(node, inputs):
    if not apply(*inputs):
        return NotImplemented
    x, W, *b = contiguous(*inputs)
    if (x.ndim != 4 or W.ndim != 6 or x.shape[1] != W.shape[3] or b and b[0].shape != W.shape[:3]
            or x.shape[2] < (W.shape[1] - 1) * node.sy + W.shape[4]
            or x.shape[3] < (W.shape[2] - 1) * node.sx + W.shape[5]):
        return NotImplemented
    node.retain_inputs((0, 1))
    return local_convolution.forward(x, W, b[0] if b else None, (node.sy, node.sx)),


def local_convolution_2d_backward(node, indexes, grad_outputs):
    x, W = (variable.array for variable in node.get_retained_inputs())
    gy, = grad_outputs
    if not apply(x, W, gy.array):
        return NotImplemented
    x, W, gy_array = contiguous(x, W, gy.array)
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
    if not apply(*inputs):
        return NotImplemented
    x, W, *b = contiguous(*inputs)
    if (x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[1]
            or b and b[0].shape != W.shape[:1]):
        return NotImplemented
    node._config_use_ideep = chainer.config.use_ideep
    node.retain_inputs((0, 1))
    return linear_kernels.forward(x, W, b[0] if b else None),


def linear_backward(node, indexes, grad_outputs):
    gy = grad_outputs[0].array
    x, W = (variable.array for variable in node.get_retained_inputs())
    if chainer.config.enable_backprop or not apply(x, W, gy):
        return NotImplemented
    x, W, gy = contiguous(x, W, gy)
    if 0 not in indexes:
        gx, gW = None, linear_kernels.grad_W(x, gy)
    elif 1 not in indexes:
        gx, gW = linear_kernels.grad_x(gy, W), None
    else:
        gx, gW = linear_kernels.backward(x, W, gy)
    return variables((gx, gW, gy.sum(axis=0)), indexes)


def linear_grad_data(node, inputs):
    if not apply(*inputs):
        return NotImplemented
    W, gy = contiguous(*inputs)
    node._config_use_ideep = chainer.config.use_ideep
    node.retain_inputs((0, 1))
    return linear_kernels.grad_x(gy, W),


def linear_grad_weight(node, inputs):
    if not apply(*inputs) or node._w_dtype != FLOAT32:
        return NotImplemented
    x, gy = contiguous(*inputs)
    node._config_use_ideep = chainer.config.use_ideep
    node.retain_inputs((0, 1))
    return linear_kernels.grad_W(x, gy),


def max_pooling(node, inputs):
    if node.ndim != 2 or not apply(*inputs) or inputs[0].ndim != 4:
        return NotImplemented
    x, = contiguous(*inputs)
    out_size = tuple(map(get_conv_outsize, x.shape[2:], node.ksize, node.stride, node.pad,
                         (node.cover_all,) * 2))
    if min(out_size) <= 0:
        return NotImplemented
    node._in_shape, node._in_dtype = x.shape, x.dtype
    y, node.indexes = max_pooling_kernels.forward(x, out_size, node.ksize, node.stride, node.pad)
    return y,


def max_pooling_grad(node, inputs):
    pooling = node.func
    if pooling.ndim != 2 or not apply(*inputs) or pooling._in_dtype != FLOAT32:
        return NotImplemented
    gy, indexes = contiguous(inputs[0], pooling.indexes.astype('i', copy=False))
    return max_pooling_kernels.backward(gy, indexes, pooling._in_shape[2:], pooling.ksize,
                                       pooling.stride, pooling.pad),


def average_pooling_2d(node, inputs):
    if not apply(*inputs) or inputs[0].ndim != 4:
        return NotImplemented
    x, = contiguous(*inputs)
    window = _window(node)
    out_size = tuple(map(get_conv_outsize, x.shape[2:], *window))
    if min(out_size) <= 0:
        return NotImplemented
    node._in_shape, node._in_dtype = x.shape, x.dtype
    return average_pooling.forward(x, out_size, *window),


def average_pooling_2d_grad(node, inputs):
    if not apply(*inputs) or node._in_dtype != FLOAT32:
        return NotImplemented
    gy, = contiguous(*inputs)
    return average_pooling.backward(gy, node._in_shape[2:], *_window(node)),


def _window(node):
    return (node.kh, node.kw), (node.sy, node.sx), (node.ph, node.pw)
