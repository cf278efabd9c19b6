"""The fully connected layer: ``y = x W^T + b`` and its gradients."""

import numpy

from nico2ai_cnn.cpu import _blas, pool
from nico2ai_cnn.cpu._compile import kernel

_MATRIX = 'float32[:,::1]'


def forward(x, W, b):
    """Returns ``(N, out_size)`` for x ``(N, in_size)``, W ``(out_size, in_size)`` and b or None."""
    y = numpy.empty((len(x), len(W)), 'f')
    b = numpy.zeros(len(W), 'f') if b is None else b
    if len(x) == 1:     # each weight is used once, so that what counts is how fast W is read
        pool.run(_forward_one, len(W), x[0], W, b, y[0], microseconds=W.size / 2_000)
        return y
    pool.run_blas(_forward, len(W), _blas.BLAS, x, W, b, y,
                  microseconds=x.size * len(W) / pool.MULTIPLICATIONS)
    return y


def grad_x(gy, W):
    """Returns the gradient ``(N, in_size)`` with respect to x."""
    gx = numpy.empty((len(gy), W.shape[1]), 'f')
    pool.run_blas(_grad_x, W.shape[1], _blas.BLAS, W, gy, gx,
                  microseconds=gy.size * W.shape[1] / pool.MULTIPLICATIONS)
    return gx


def grad_W(x, gy):
    """Returns the gradient ``(out_size, in_size)`` with respect to W."""
    gW = numpy.empty((gy.shape[1], x.shape[1]), 'f')
    pool.run_blas(_grad_W, x.shape[1], _blas.BLAS, x, gy, gW,
                  microseconds=gy.size * x.shape[1] / pool.MULTIPLICATIONS)
    return gW


def backward(x, W, gy):
    """Returns both gradients at once, with respect to x and W."""
    gx, gW = numpy.empty(x.shape, 'f'), numpy.empty(W.shape, 'f')
    pool.run_blas(_backward, x.shape[1], _blas.BLAS, x, W, gy, gx, gW,
                  microseconds=2 * gy.size * x.shape[1] / pool.MULTIPLICATIONS)
    return gx, gW


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_MATRIX}, {_MATRIX}, float32[::1], {_MATRIX})')
def _forward(start, stop, blas, x, W, b, y):
    for n in range(len(x)):
        for o in range(start, stop):
            y[n, o] = b[o]
    _blas.matmul(blas, x, W[start:stop].T, 1., y[:, start:stop])


@kernel(f'void(int64, int64, float32[::1], {_MATRIX}, float32[::1], float32[::1])',
        fastmath={'contract', 'reassoc'})
def _forward_one(start, stop, x, W, b, y):
    for o in range(start, stop):
        total, weights = numpy.float32(0), W[o]
        for i in range(len(x)):
            total += weights[i] * x[i]
        y[o] = total + b[o]


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_MATRIX}, {_MATRIX}, {_MATRIX})')
def _grad_x(start, stop, blas, W, gy, gx):
    _blas.matmul(blas, gy, W[:, start:stop], 0., gx[:, start:stop])


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_MATRIX}, {_MATRIX}, {_MATRIX})')
def _grad_W(start, stop, blas, x, gy, gW):
    _blas.matmul(blas, gy.T, x[:, start:stop], 0., gW[:, start:stop])


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_MATRIX}, {_MATRIX}, {_MATRIX}, {_MATRIX}, '
        f'{_MATRIX})')
def _backward(start, stop, blas, x, W, gy, gx, gW):
    _grad_x(start, stop, blas, W, gy, gx)
    _grad_W(start, stop, blas, x, gy, gW)
