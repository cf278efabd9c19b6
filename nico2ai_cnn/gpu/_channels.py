"""How the threads of a GPU share the channels of an array ``(N, C, ...)``."""

import numpy

_THREADS = 256
_BLOCKS = 64        # per channel, at most
_PER_THREAD = 8     # numbers, at least, before a channel gets another block


def is_per_channel(x, axis):
    """Returns whether what runs over these axes runs over all images and places, and ``WALK`` can count them."""
    return (x.ndim > 2 and x.size < 2 ** 30 and x.shape[1] < 2 ** 16
            and axis is not None and tuple(axis) == (0, *range(2, x.ndim)))


def launch_shape(x):
    """Returns grid and block of a kernel, and its last two arguments: a channel's numbers, in all and of one image."""
    n_image, n_channel = x.shape[:2]
    n_place = x.size // (n_image * n_channel)
    n_each = n_image * n_place
    blocks = max(1, min(_BLOCKS, n_each // (_THREADS * _PER_THREAD)))
    return (blocks, n_channel), (_THREADS,), (numpy.int32(n_each), numpy.int32(n_place))


# A thread's numbers of channel blockIdx.y, which are i in the array: it divides to find the first of them alone.
WALK = r'''
struct Walk {
    int left, step, i, place, n_place, i_step, place_step, to_next_image;
    __device__ Walk(int n_each, int n_place) : n_place(n_place) {
        int first = blockIdx.x * blockDim.x + threadIdx.x, n_channel = gridDim.y;
        step = gridDim.x * blockDim.x;
        left = n_each - first;
        place = first % n_place;
        i = (first / n_place * n_channel + blockIdx.y) * n_place + place;
        place_step = step % n_place;
        i_step = step / n_place * n_channel * n_place + place_step;
        to_next_image = (n_channel - 1) * n_place;
    }
    __device__ void next() {
        left -= step;
        i += i_step;
        place += place_step;
        if (place >= n_place) {
            place -= n_place;
            i += to_next_image;
        }
    }
};

// How many numbers of a channel the threads of one of its blocks walk over.
__device__ int n_in_block(int block, int n_each) {
    int step = gridDim.x * blockDim.x, rest = n_each % step - block * (int)blockDim.x;
    return n_each / step * blockDim.x + (rest < 0 ? 0 : rest < blockDim.x ? rest : blockDim.x);
}
'''
