"""Local convolution as one product for each output position, all positions at once."""

import chainer
import chainer.functions as F
from chainer.backends import cuda
from chainer.utils.conv import col2im_gpu

from nico2ai_cnn.gpu import _arrays
from nico2ai_cnn.gpu._cublas import multiply


def local_convolution_2d(node, inputs):
    if not _arrays.apply(*inputs):
        return NotImplemented
    x, W, *b = map(cuda.cupy.ascontiguousarray, inputs)
    out_channels, out_h, out_w, _, kh, kw = W.shape
    if x.shape[2] < (out_h - 1) * node.sy + kh or x.shape[3] < (out_w - 1) * node.sx + kw:
        return NotImplemented   # Chainer says that the images are too small
    node.retain_inputs((0, 1))
    windows = _windows(x, W, node)
    y = cuda.cupy.empty((out_h * out_w, out_channels, len(x)), 'f')
    multiply(_by_position(W), windows, y)
    y = cuda.cupy.ascontiguousarray(y.transpose(2, 1, 0)).reshape(len(x), out_channels, out_h, out_w)
    if b:
        y += b[0]
    return y,


def local_convolution_2d_backward(node, indices, grad_outputs):
    gy, = grad_outputs
    x, W = (variable.array for variable in node.get_retained_inputs())
    if not _arrays.apply(x, W, gy.array):
        return NotImplemented
    x, W = map(cuda.cupy.ascontiguousarray, (x, W))
    out_channels, out_h, out_w, in_channels, kh, kw = W.shape
    n_position, n_weight = out_h * out_w, in_channels * kh * kw
    by_position = cuda.cupy.ascontiguousarray(gy.array.reshape(len(x), out_channels, n_position).transpose(2, 1, 0))
    gradients = []
    if 0 in indices:
        windows = cuda.cupy.empty((n_position, n_weight, len(x)), 'f')
        multiply(_by_position(W), by_position, windows, transpose_a=True)
        windows = cuda.cupy.ascontiguousarray(windows.transpose(2, 1, 0))
        gradients.append(col2im_gpu(windows.reshape(len(x), in_channels, kh, kw, out_h, out_w),
                                    node.sy, node.sx, 0, 0, *x.shape[2:]))
    if 1 in indices:
        gW = cuda.cupy.empty(W.shape, 'f')
        multiply(by_position, _windows(x, W, node), _by_position(gW), transpose_b=True)
        gradients.append(gW)
    return [*map(chainer.as_variable, gradients), *([F.sum(gy, axis=0)] if 2 in indices else [])]


def _by_position(W):
    """Returns filters as a view of shape ``(out_h out_w, out_channels, in_channels kh kw)``."""
    return W.reshape(len(W), W.shape[1] * W.shape[2], -1).transpose(1, 0, 2)


def _windows(x, W, node):
    """Returns what each position looks at, ``(out_h out_w, in_channels kh kw, N)``."""
    n, in_channels = x.shape[:2]
    out_h, out_w, _, kh, kw = W.shape[1:]
    of_image, of_channel, down, right = x.strides
    view = cuda.cupy.lib.stride_tricks.as_strided(
        x, (out_h, out_w, in_channels, kh, kw, n),
        (node.sy * down, node.sx * right, of_channel, down, right, of_image))
    return cuda.cupy.ascontiguousarray(view).reshape(out_h * out_w, in_channels * kh * kw, n)
