"""Batch normalisation in two kernels each way.

See Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift", 2015, https://arxiv.org/abs/1502.03167. Chainer starts some twenty kernels for a layer, and CuPy gives
each channel's sum to one block of threads, so that 16 channels keep 16 of a GPU's hundred processors busy. Here up
to 64 blocks share a channel; the second kernel brings together what they found, and uses it.
"""

import numpy
from chainer.backends import cuda
from chainer.functions.normalization.batch_normalization import GeneralBatchNormalizationImpl

from nico2ai_cnn.gpu import _arrays
from nico2ai_cnn.gpu._channels import WALK, is_per_channel, launch_shape


def forward(implementation, axis, gamma, x, x_layout, xp, expander, beta, eps, decay, running_mean, running_var):
    running = () if running_mean is None else (running_mean, running_var)
    # ChainerMN's, derived from this class, ask the other processes for their sums.
    if (type(implementation) is not GeneralBatchNormalizationImpl or not _arrays.apply(x, gamma, beta, *running)
            or not is_per_channel(x, axis) or x_layout is not None
            or not all(array.flags.c_contiguous and array.shape == gamma.shape for array in running)):
        return NotImplemented
    x, gamma, beta = map(cuda.cupy.ascontiguousarray, (x, gamma, beta))
    grid, block, sizes = launch_shape(x)
    y, mean, var, inv_std = cuda.cupy.empty_like(x), *(cuda.cupy.empty_like(gamma) for _ in range(3))
    moments = cuda.cupy.empty((grid[1], grid[0], 2), 'f')
    _kernel('moments')(grid, block, (x, moments, *sizes))
    _kernel('normalize')(grid, block, (
        x, moments, gamma, beta, y, mean, var, inv_std, *(running or (mean, var)), numpy.int32(bool(running)),
        numpy.float32(eps), numpy.float32(decay), *sizes))
    return y, x_layout, running_mean, running_var, mean, var, inv_std, None


def backward(implementation, axis, gamma, gy, x, x_layout, xp, expander, mean, inv_std, eps, var, forward_data):
    if (type(implementation) is not GeneralBatchNormalizationImpl or not _arrays.apply(gamma, gy, x, mean, inv_std)
            or not is_per_channel(x, axis) or x_layout is not None):
        return NotImplemented
    gamma, gy, x, mean, inv_std = map(cuda.cupy.ascontiguousarray, (gamma, gy, x, mean, inv_std))
    grid, block, sizes = launch_shape(x)
    gx, ggamma, gbeta = cuda.cupy.empty_like(x), cuda.cupy.empty_like(gamma), cuda.cupy.empty_like(gamma)
    sums = cuda.cupy.empty((grid[1], grid[0], 2), 'f')
    _kernel('gradient_sums')(grid, block, (x, gy, mean, inv_std, sums, *sizes))
    _kernel('gradient')(grid, block, (x, gy, sums, gamma, mean, inv_std, gx, ggamma, gbeta, *sizes))
    return gx, None, ggamma, gbeta


@cuda.memoize(for_each_device=True)
def _kernel(name):
    return cuda.cupy.RawKernel(WALK + _CODE[name], name)


_MOMENTS = r'''
// How many numbers, their mean, and the sum of their squared distances from it; of two such sets, by Chan, Golub
// and LeVeque, "Algorithms for computing the sample variance", 1983, which lose nothing where the mean is large.
struct Moments { float n, mean, m2; };

__device__ Moments together(Moments a, Moments b) {
    if (b.n == 0) return a;
    if (a.n == 0) return b;
    float n = a.n + b.n, d = b.mean - a.mean;
    return {n, a.mean + d * (b.n / n), a.m2 + b.m2 + d * d * (a.n * b.n / n)};
}

__device__ Moments of_warp(Moments mine) {
    for (int distance = 16; distance; distance >>= 1)
        mine = together(mine, {__shfl_down_sync(0xffffffff, mine.n, distance),
                               __shfl_down_sync(0xffffffff, mine.mean, distance),
                               __shfl_down_sync(0xffffffff, mine.m2, distance)});
    return mine;
}

// For thread 0.
__device__ Moments of_block(Moments mine) {
    __shared__ float n[32], mean[32], m2[32];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    mine = of_warp(mine);
    if (lane == 0) { n[warp] = mine.n; mean[warp] = mine.mean; m2[warp] = mine.m2; }
    __syncthreads();
    if (warp == 0) {
        if (lane < blockDim.x / 32) mine = {n[lane], mean[lane], m2[lane]};
        else mine = {0, 0, 0};
        mine = of_warp(mine);
    }
    return mine;
}
'''

_SUMS = r'''
struct Sums { float of_gy, of_gy_x_hat; };

__device__ Sums of_warp(Sums mine) {
    for (int distance = 16; distance; distance >>= 1) {
        mine.of_gy += __shfl_down_sync(0xffffffff, mine.of_gy, distance);
        mine.of_gy_x_hat += __shfl_down_sync(0xffffffff, mine.of_gy_x_hat, distance);
    }
    return mine;
}

// For thread 0.
__device__ Sums of_block(Sums mine) {
    __shared__ float of_gy[32], of_gy_x_hat[32];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    mine = of_warp(mine);
    if (lane == 0) { of_gy[warp] = mine.of_gy; of_gy_x_hat[warp] = mine.of_gy_x_hat; }
    __syncthreads();
    if (warp == 0) {
        if (lane < blockDim.x / 32) mine = {of_gy[lane], of_gy_x_hat[lane]};
        else mine = {0, 0};
        mine = of_warp(mine);
    }
    return mine;
}
'''

_CODE = {'moments': _MOMENTS + r'''
extern "C" __global__ void moments(const float* x, float* found, int n_each, int n_place) {
    Moments mine = {0, 0, 0};
    for (Walk walk(n_each, n_place); walk.left > 0; walk.next()) {
        float d = x[walk.i] - mine.mean;
        mine.n += 1;
        mine.mean += d * __fdividef(1, mine.n);
        mine.m2 += d * (x[walk.i] - mine.mean);
    }
    mine = of_block(mine);
    if (threadIdx.x == 0) {
        found += 2 * (blockIdx.y * gridDim.x + blockIdx.x);
        found[0] = mine.mean;
        found[1] = mine.m2;
    }
}''', 'normalize': _MOMENTS + r'''
extern "C" __global__ void normalize(const float* x, const float* found, const float* gamma, const float* beta,
                                     float* y, float* mean, float* var, float* inv_std, float* running_mean,
                                     float* running_var, int is_running, float eps, float decay, int n_each,
                                     int n_place) {
    __shared__ float factor, shift;
    int channel = blockIdx.y;
    Moments all = {0, 0, 0};
    if (threadIdx.x < gridDim.x) {
        found += 2 * (channel * gridDim.x + threadIdx.x);
        all = {(float)n_in_block(threadIdx.x, n_each), found[0], found[1]};
    }
    all = of_block(all);
    if (threadIdx.x == 0) {
        float v = all.m2 / n_each, inverse = rsqrtf(v + eps);
        factor = gamma[channel] * inverse;
        shift = all.mean;
        if (blockIdx.x == 0) {
            mean[channel] = all.mean;
            var[channel] = v;
            inv_std[channel] = inverse;
            if (is_running) {
                float unbiased = n_each > 1 ? all.m2 / (n_each - 1) : v;
                running_mean[channel] = running_mean[channel] * decay + all.mean * (1 - decay);
                running_var[channel] = running_var[channel] * decay + unbiased * (1 - decay);
            }
        }
    }
    __syncthreads();
    for (Walk walk(n_each, n_place); walk.left > 0; walk.next())
        y[walk.i] = factor * (x[walk.i] - shift) + beta[channel];
}''', 'gradient_sums': _SUMS + r'''
extern "C" __global__ void gradient_sums(const float* x, const float* gy, const float* mean, const float* inv_std,
                                         float* sums, int n_each, int n_place) {
    float shift = mean[blockIdx.y], factor = inv_std[blockIdx.y];
    Sums mine = {0, 0};
    for (Walk walk(n_each, n_place); walk.left > 0; walk.next()) {
        mine.of_gy += gy[walk.i];
        mine.of_gy_x_hat += gy[walk.i] * ((x[walk.i] - shift) * factor);
    }
    mine = of_block(mine);
    if (threadIdx.x == 0) {
        sums += 2 * (blockIdx.y * gridDim.x + blockIdx.x);
        sums[0] = mine.of_gy;
        sums[1] = mine.of_gy_x_hat;
    }
}''', 'gradient': _SUMS + r'''
extern "C" __global__ void gradient(const float* x, const float* gy, const float* sums, const float* gamma,
                                    const float* mean, const float* inv_std, float* gx, float* ggamma, float* gbeta,
                                    int n_each, int n_place) {
    __shared__ float of_gy, of_gy_x_hat;
    int channel = blockIdx.y;
    Sums all = {0, 0};
    if (threadIdx.x < gridDim.x) {
        sums += 2 * (channel * gridDim.x + threadIdx.x);
        all = {sums[0], sums[1]};
    }
    all = of_block(all);
    if (threadIdx.x == 0) {
        of_gy = all.of_gy / n_each;
        of_gy_x_hat = all.of_gy_x_hat / n_each;
        if (blockIdx.x == 0) {
            gbeta[channel] = all.of_gy;
            ggamma[channel] = all.of_gy_x_hat;
        }
    }
    __syncthreads();
    float shift = mean[channel], inverse = inv_std[channel], factor = gamma[channel] * inverse;
    for (Walk walk(n_each, n_place); walk.left > 0; walk.next())
        gx[walk.i] = factor * (gy[walk.i] - ((x[walk.i] - shift) * inverse * of_gy_x_hat + of_gy));
}'''}
