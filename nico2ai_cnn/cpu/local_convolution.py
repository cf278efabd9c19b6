"""Local convolution: like convolution, but every output position has filters of its own."""

import numpy

from nico2ai_cnn.cpu import _blas, pool
from nico2ai_cnn.cpu._compile import helper, kernel
from nico2ai_cnn.cpu._memory import copy

_BATCH = 'float32[:,:,:,::1]'
_FILTERS = 'float32[:,:,:,:,:,::1]'


def forward(x, W, b, stride):
    """Returns ``(N, out_channels, out_h, out_w)``.

    Args:
        x (numpy.ndarray): ``(N, in_channels, H, W)``, float32 and contiguous, as all here.
        W: ``(out_channels, out_h, out_w, in_channels, kh, kw)``.
        b: ``(out_channels, out_h, out_w)``, or None.
        stride: Vertical and horizontal.
    """
    y = numpy.empty((len(x), *W.shape[:3]), 'f')
    b = numpy.zeros(W.shape[:3], 'f') if b is None else b
    pool.run_blas(_forward, W.shape[1] * W.shape[2], _blas.BLAS, x, W, b, y, *stride,
                  microseconds=len(x) * W.size / pool.MULTIPLICATIONS)
    return y


def grad_x(gy, W, in_shape, stride):
    """Returns the gradient with respect to x, whose shape is ``in_shape``."""
    gx = numpy.zeros(in_shape, 'f')
    pool.run_blas(_grad_x, len(gy), _blas.BLAS, gy, W, gx, *stride,
                  microseconds=len(gy) * W.size / pool.MULTIPLICATIONS)
    return gx


def grad_W(x, gy, W_shape, stride):
    """Returns the gradient with respect to W, whose shape is ``W_shape``."""
    gW = numpy.empty(W_shape, 'f')
    pool.run_blas(_grad_W, W_shape[1] * W_shape[2], _blas.BLAS, x, gy, gW, *stride,
                  microseconds=len(x) * gW.size / pool.MULTIPLICATIONS)
    return gW


@helper
def _gather(x, patches, top, left, kh, kw):
    """Copies the window at (top, left) of every image into a row of ``patches``."""
    n_image, n_channel, height, width = x.shape
    for n in range(n_image):
        for c in range(n_channel):
            for ky in range(kh):
                copy(patches, ((n * n_channel + c) * kh + ky) * kw,
                     x, ((n * n_channel + c) * height + top + ky) * width + left, kw)


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_BATCH}, {_FILTERS}, float32[:,:,::1], {_BATCH}, '
        'int64, int64)')
def _forward(start, stop, blas, x, W, b, y, sy, sx):
    n_out, _, out_w, n_channel, kh, kw = W.shape
    W_rows = W.reshape(n_out, W.shape[1] * out_w, n_channel * kh * kw)
    patches = numpy.empty((len(x), n_channel * kh * kw), numpy.float32)
    sums = numpy.empty((len(x), n_out), numpy.float32)
    for position in range(start, stop):
        i, j = divmod(position, out_w)
        _gather(x, patches, i * sy, j * sx, kh, kw)
        _blas.matmul(blas, patches, W_rows[:, position].T, 0., sums)
        for n in range(len(x)):
            for o in range(n_out):
                y[n, o, i, j] = sums[n, o] + b[o, i, j]


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_BATCH}, {_FILTERS}, {_BATCH}, int64, int64)')
def _grad_x(start, stop, blas, gy, W, gx, sy, sx):
    n_out, out_h, out_w, n_channel, kh, kw = W.shape
    W_rows = W.reshape(n_out, out_h * out_w, n_channel * kh * kw)
    patches = numpy.empty((stop - start, n_channel * kh * kw), numpy.float32)
    g = numpy.empty((stop - start, n_out), numpy.float32)
    for position in range(out_h * out_w):
        i, j = divmod(position, out_w)
        for n in range(stop - start):
            for o in range(n_out):
                g[n, o] = gy[start + n, o, i, j]
        _blas.matmul(blas, g, W_rows[:, position], 0., patches)
        for n in range(stop - start):
            for c in range(n_channel):
                for ky in range(kh):
                    to = gx[start + n, c, i * sy + ky, j * sx:]
                    of = patches[n, (c * kh + ky) * kw:]
                    for kx in range(kw):
                        to[kx] += of[kx]


@kernel(f'void(int64, int64, {_blas.BLAS_TYPE}, {_BATCH}, {_BATCH}, {_FILTERS}, int64, int64)')
def _grad_W(start, stop, blas, x, gy, gW, sy, sx):
    n_out, _, out_w, n_channel, kh, kw = gW.shape
    gW_rows = gW.reshape(n_out, gW.shape[1] * out_w, n_channel * kh * kw)
    patches = numpy.empty((len(x), n_channel * kh * kw), numpy.float32)
    g = numpy.empty((len(x), n_out), numpy.float32)
    for position in range(start, stop):
        i, j = divmod(position, out_w)
        for n in range(len(x)):
            for o in range(n_out):
                g[n, o] = gy[n, o, i, j]
        _gather(x, patches, i * sy, j * sx, kh, kw)
        _blas.matmul(blas, g.T, patches, 0., gW_rows[:, position])
