"""Fully connected layers by products that can be recorded."""

import numpy
from chainer.backends import cuda

from nico2ai_cnn.gpu import _arrays
from nico2ai_cnn.gpu._cublas import multiply


def linear(node, inputs):
    if not _apply(*inputs) or inputs[0].shape[1] != inputs[1].shape[1]:
        return NotImplemented
    x, W, *b = inputs
    node._config_use_ideep = 'never'
    node.retain_inputs((0, 1))
    y = _product(x, W, (len(x), len(W)), transpose_b=True)
    if b:
        y += b[0]
    return y,


def linear_grad_data(node, inputs):
    if not _apply(*inputs):
        return NotImplemented
    W, gy = inputs
    node._config_use_ideep = 'never'
    node.retain_inputs((0, 1))
    return _product(gy, W, (len(gy), W.shape[1])),


def linear_grad_weight(node, inputs):
    if not _apply(*inputs) or node._w_dtype != numpy.float32:
        return NotImplemented
    x, gy = inputs
    node._config_use_ideep = 'never'
    node.retain_inputs((0, 1))
    return _product(gy, x, (gy.shape[1], x.shape[1]), transpose_a=True),


def _apply(x, W, *b):
    return _arrays.apply(x, W, *b) and x.ndim == W.ndim == 2


def _product(a, b, shape, **transposed):
    out = cuda.cupy.empty((1, *shape), 'f')
    a, b = map(cuda.cupy.ascontiguousarray, (a, b))
    multiply(a[None], b[None], out, **transposed)
    return out[0]
