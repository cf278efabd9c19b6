"""Sums per channel over all images and places: batch normalisation's, and the gradient of a bias.

CuPy gives each sum to one block of threads, so that 16 channels keep 16 of a GPU's hundred processors busy.
Here up to 64 blocks share a channel, and their partial sums are summed in a second pass.
"""

import numpy
from chainer.backends import cuda

from nico2ai_cnn.gpu import _arrays

_THREADS = 256
_BLOCKS = 64        # per channel, at most
_PER_THREAD = 8     # numbers, at least, before a channel gets another block


def mean_and_variance(implementation, axis, gamma, x, xp, dtype):
    if not _apply(x, axis) or dtype != numpy.float32:
        return NotImplemented
    x = cuda.cupy.ascontiguousarray(x)
    n = numpy.float32(x.size // x.shape[1])     # CuPy 13 divides in float64 by a large Python number
    mean = _sums('x[i]', x) / n
    return mean, _sums('(x[i] - y[channel]) * (x[i] - y[channel])', x, mean) / n


def beta_and_gamma_gradients(implementation, axis, gamma, gy, x_hat, xp):
    if not _apply(gy, axis) or not _apply(x_hat, axis) or gamma.dtype != numpy.float32:
        return NotImplemented
    gy, x_hat = map(cuda.cupy.ascontiguousarray, (gy, x_hat))
    return _sums('x[i]', gy), _sums('x[i] * y[i]', gy, x_hat)


def sum_(node, inputs):
    x, = inputs
    if not _apply(x, node.axis) or node.keepdims:
        return NotImplemented
    return _sums('x[i]', cuda.cupy.ascontiguousarray(x)),


def _apply(x, axis):
    return (_arrays.apply(x) and x.ndim > 2 and x.size < 2 ** 30 and x.shape[1] < 2 ** 16
            and axis is not None and tuple(axis) == (0, *range(2, x.ndim)))


def _sums(term, x, y=None):
    """Returns the sum of a term for each channel, ``(C,)``, for contiguous ``x`` of shape ``(N, C, ...)``."""
    n_image, n_channel = x.shape[:2]
    n_place = x.size // (n_image * n_channel)
    blocks = max(1, min(_BLOCKS, n_image * n_place // (_THREADS * _PER_THREAD)))
    partial = cuda.cupy.empty((n_channel, blocks), 'f')
    _kernel(term)((blocks, n_channel), (_THREADS,), (
        x, x if y is None else y, partial, numpy.int32(n_image * n_place), numpy.int32(n_place)))
    return partial.sum(axis=1)


@cuda.memoize(for_each_device=True)
def _kernel(term):
    return cuda.cupy.RawKernel(r'''
extern "C" __global__ void channel_sums(const float* x, const float* y, float* partial, int n_each, int n_place) {
    __shared__ float of_warp[32];
    int channel = blockIdx.y;
    float sum = 0;
    for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < n_each; j += gridDim.x * blockDim.x) {
        int i = (j / n_place * gridDim.y + channel) * n_place + j % n_place;
        sum += TERM;
    }
    for (int distance = 16; distance; distance >>= 1)
        sum += __shfl_down_sync(0xffffffff, sum, distance);
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? of_warp[threadIdx.x] : 0;
        for (int distance = 16; distance; distance >>= 1)
            sum += __shfl_down_sync(0xffffffff, sum, distance);
        if (threadIdx.x == 0)
            partial[channel * gridDim.x + blockIdx.x] = sum;
    }
}'''.replace('TERM', term), 'channel_sums')
