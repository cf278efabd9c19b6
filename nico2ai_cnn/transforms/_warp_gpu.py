"""The GPU's kernel of :mod:`nico2ai_cnn.cpu.warp`: one thread for each pixel of the result."""

import functools

import numpy
from chainer.backends import cuda

SOURCE = '''
extern "C" __global__
void warp(const float* x, const float* sources, const float* offsets, float* y, int n_image, int n_channel,
          int height, int width, int out_height, int out_width, int has_offsets, float fill, int edge) {
    long pixel = (long)blockIdx.x * blockDim.x + threadIdx.x;
    long area = (long)out_height * out_width;
    if (pixel >= n_image * area) return;
    long n = pixel / area, place = pixel % area;
    int i = place / out_width, j = place % out_width;
    const float* s = sources + 6 * n;
    float row = s[0] * i + s[1] * j + s[2], column = s[3] * i + s[4] * j + s[5];
    if (has_offsets) {
        row += offsets[2 * n * area + place];
        column += offsets[(2 * n + 1) * area + place];
    }
    float margin = edge ? 0 : 1;
    row = fminf(fmaxf(row, -margin), height - 1 + margin);
    column = fminf(fmaxf(column, -margin), width - 1 + margin);
    int top = (int)floorf(row), left = (int)floorf(column);
    float down = row - top, right = column - left;
    for (int c = 0; c < n_channel; ++c) {
        const float* image = x + (n * n_channel + c) * height * width;
        float corners[4];
        for (int k = 0; k < 4; ++k) {
            int u = top + k / 2, v = left + k % 2;
            bool inside = u >= 0 && u < height && v >= 0 && v < width;
            corners[k] = inside ? image[(long)u * width + v] : fill;
        }
        float upper = corners[0] + right * (corners[1] - corners[0]);
        float lower = corners[2] + right * (corners[3] - corners[2]);
        y[(n * n_channel + c) * area + place] = upper + down * (lower - upper);
    }
}
'''
_THREADS = 256


@functools.lru_cache(maxsize=None)
def _kernel():
    return cuda.cupy.RawKernel(SOURCE, 'warp')


def warp(x, sources, offsets, fill, edge, size=None):
    """See :func:`nico2ai_cnn.cpu.warp.warp`; all arrays are CuPy's, float32 and contiguous."""
    n, c, height, width = x.shape
    out_height, out_width = size or (height, width)
    y = cuda.cupy.empty((n, c, out_height, out_width), 'f')
    blocks = -(-n * out_height * out_width // _THREADS)
    _kernel()((blocks,), (_THREADS,), (
        x, sources, x if offsets is None else offsets, y,
        *map(numpy.int32, (n, c, height, width, out_height, out_width, offsets is not None)),
        numpy.float32(fill), numpy.int32(edge)))
    return y
