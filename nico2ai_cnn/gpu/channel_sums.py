"""The sum of each channel over all images and places: the gradient of a convolution's bias."""

from chainer.backends import cuda

from nico2ai_cnn.gpu import _arrays
from nico2ai_cnn.gpu._channels import WALK, is_per_channel, launch_shape


def sum_(node, inputs):
    x, = inputs
    if not _arrays.apply(x) or not is_per_channel(x, node.axis) or node.keepdims:
        return NotImplemented
    x = cuda.cupy.ascontiguousarray(x)
    grid, block, sizes = launch_shape(x)
    partial = cuda.cupy.empty((grid[1], grid[0]), 'f')
    _kernel()(grid, block, (x, partial, *sizes))
    return partial.sum(axis=1),


@cuda.memoize(for_each_device=True)
def _kernel():
    return cuda.cupy.RawKernel(WALK + r'''
extern "C" __global__ void channel_sums(const float* x, float* partial, int n_each, int n_place) {
    __shared__ float of_warp[32];
    float sum = 0;
    for (Walk walk(n_each, n_place); walk.left > 0; walk.next())
        sum += x[walk.i];
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
            partial[blockIdx.y * gridDim.x + blockIdx.x] = sum;
    }
}''', 'channel_sums')
