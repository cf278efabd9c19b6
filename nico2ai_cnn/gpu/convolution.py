"""Convolution by im2col and cuBLAS, one product per image; or by cuDNN, for who asks for it (see ``_cudnn.py``).

An image's windows are the columns of a matrix ``(in_channels kh kw, out_h out_w)``; the filters, as a
matrix ``(out_channels, in_channels kh kw)``, times it are the image's output maps, in Chainer's order of
axes. So nothing has to be transposed, before or after. (Chellapilla, Puri and Simard, "High performance
convolutional neural networks for document processing", 2006, unroll so.)
"""

import chainer
import numpy
from chainer.backends import cuda
from chainer.utils.conv import col2im_gpu, get_conv_outsize

from nico2ai_cnn.gpu import _arrays, _cudnn
from nico2ai_cnn.gpu._cublas import multiply

_THREADS = 128


def convolution_2d(node, inputs):
    if not _apply(node, *inputs) or node.cover_all or node.cudnn_fast:
        return NotImplemented
    x, W, *b = map(cuda.cupy.ascontiguousarray, inputs)
    node.retain_inputs((0, 1))
    y = cuda.cupy.empty((len(x), len(W), *node._get_out_size(x.shape, W.shape)), 'f')
    if not _cudnn.convolve('Forward', x, W, y, node):
        col = _columns(x, W.shape[2:], y.shape[2:], node)
        maps = y.reshape(len(x), len(W), -1)
        for g in range(node.groups):
            multiply(_part(W, g, node.groups).reshape(len(W) // node.groups, -1)[None],
                     _part(col, g, node.groups, 1), _part(maps, g, node.groups, 1))
    if b:
        y += b[0][:, None, None]
    return y,


def convolution_2d_grad_w(node, inputs):
    if not _apply(node, *inputs) or node.cover_all or node.W_dtype != numpy.float32:
        return NotImplemented
    x, gy = map(cuda.cupy.ascontiguousarray, inputs)
    node.retain_inputs((0, 1))
    n, out_channels, out_h, out_w = gy.shape
    gW = cuda.cupy.empty((out_channels, x.shape[1] // node.groups, node.kh, node.kw), 'f')
    if _cudnn.convolve('BackwardFilter', x, gW, gy, node):
        return gW,
    col = _columns(x, (node.kh, node.kw), (out_h, out_w), node)
    gy = gy.reshape(n, out_channels, out_h * out_w)
    for g in range(node.groups):
        rows = _part(gW, g, node.groups).reshape(out_channels // node.groups, -1)
        rows[...] = _sum_of_products(_part(gy, g, node.groups, 1), _part(col, g, node.groups, 1))
    return gW,


def deconvolution_2d(node, inputs):
    if not _apply(node, *inputs):
        return NotImplemented
    x, W, *b = map(cuda.cupy.ascontiguousarray, inputs)
    node.retain_inputs((0, 1))
    node._calc_out_size(x.shape, W.shape)
    n, in_channels, h, w = x.shape
    out_channels, kh, kw = W.shape[1] * node.groups, *W.shape[2:]
    # The windows that a convolution of the output would read must be as many as x has pixels.
    if (h, w) != tuple(map(get_conv_outsize, (node.outh, node.outw), (kh, kw), (node.sy, node.sx),
                           (node.ph, node.pw), (False, False), (node.dy, node.dx))):
        return NotImplemented
    y = cuda.cupy.empty((n, out_channels, node.outh, node.outw), 'f')
    if not _cudnn.convolve('BackwardData', y, W, x, node):
        y = _summed_windows(x, W, node)
    if b:
        y += b[0][:, None, None]
    return y,


def _summed_windows(x, W, node):
    n, in_channels, h, w = x.shape
    out_channels, kh, kw = W.shape[1] * node.groups, *W.shape[2:]
    col = cuda.cupy.empty((n, out_channels * kh * kw, h * w), 'f')
    x = x.reshape(n, in_channels, h * w)
    for g in range(node.groups):
        multiply(_part(W, g, node.groups).reshape(in_channels // node.groups, -1)[None],
                 _part(x, g, node.groups, 1), _part(col, g, node.groups, 1), transpose_a=True)
    if _is_pointwise((kh, kw), node):
        return col.reshape(n, out_channels, h, w)
    return col2im_gpu(col.reshape(n, out_channels, kh, kw, h, w), node.sy, node.sx, node.ph, node.pw,
                      node.outh, node.outw, node.dy, node.dx)


def _apply(node, *arrays):
    return (_arrays.apply(*arrays)
            and not chainer.should_use_cudnn('>=auto') and all(layout is None for layout in node.input_layouts))


def _is_pointwise(ksize, node):
    return (*ksize, node.sy, node.sx, node.ph, node.pw) == (1, 1, 1, 1, 0, 0)


def _columns(x, ksize, out_size, node):
    """Returns the windows as ``(N, in_channels kh kw, out_h out_w)``."""
    n, c, h, w = x.shape
    n_window = out_size[0] * out_size[1]
    if _is_pointwise(ksize, node):
        return x.reshape(n, c, n_window)
    col = cuda.cupy.empty((n, c * ksize[0] * ksize[1], n_window), 'f')
    _im2col()((-(-n * n_window // _THREADS), c), (_THREADS,), (
        x, col, numpy.int64(n * n_window), *map(numpy.int32, (
            c, h, w, *ksize, *out_size, node.sy, node.sx, node.ph, node.pw, node.dy, node.dx))))
    return col


def _part(array, g, groups, axis=0):
    n = array.shape[axis] // groups
    return array[(slice(None),) * axis + (slice(g * n, (g + 1) * n),)]


def _sum_of_products(a, b):
    """Returns the sum over n of ``a[n] @ b[n].T``, for ``(N, K, P)`` and ``(N, M, P)``, as one ``(K, M)``."""
    n, k, p = a.shape
    if k > p:       # so many products would be larger than b: one product of all columns side by side
        a, b = (cuda.cupy.ascontiguousarray(array.transpose(1, 0, 2)).reshape(1, -1, n * p) for array in (a, b))
    products = cuda.cupy.empty((len(a), k, b.shape[1]), 'f')
    multiply(a, b, products, transpose_b=True)
    return products[0] if len(a) == 1 else products.sum(axis=0)


@cuda.memoize(for_each_device=True)
def _im2col():
    # A thread unrolls one window of one channel, and so divides only to find it; Chainer's divides five
    # times for each number that it copies, which takes longer than the copying.
    return cuda.cupy.RawKernel(r'''
extern "C" __global__ void im2col(const float* x, float* col, long long n_thread, int c, int h, int w,
                                  int kh, int kw, int out_h, int out_w, int sy, int sx, int ph, int pw,
                                  int dy, int dx) {
    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (i >= n_thread) return;
    int n_window = out_h * out_w;
    long long image = i / n_window;
    int window = i % n_window;
    int y0 = window / out_w * sy - ph;
    int x0 = window % out_w * sx - pw;
    long long map = image * c + blockIdx.y;
    x += map * h * w;
    col += map * kh * kw * n_window + window;
    for (int ky = 0; ky < kh; ++ky) {
        int y = y0 + ky * dy;
        for (int kx = 0; kx < kw; ++kx) {
            int xx = x0 + kx * dx;
            *col = y >= 0 && y < h && xx >= 0 && xx < w ? x[y * w + xx] : 0;
            col += n_window;
        }
    }
}''', 'im2col')
