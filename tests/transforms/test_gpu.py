"""The GPU's kernel, compiled for the CPU where there is a C compiler; and on a GPU where there is one."""

import ctypes
import shutil
import subprocess

import chainer
import numpy as np
import pytest

from nico2ai_cnn import _device, transforms as T
from nico2ai_cnn.cpu import warp as cpu_warp
from nico2ai_cnn.transforms import _warp_gpu

COMPILER = shutil.which('g++') or shutil.which('clang++')
AROUND = '''
#include <math.h>
#define __global__
struct { int x; } blockIdx, blockDim, threadIdx;
%s
extern "C" void run(int n_thread, const float* x, const float* sources, const float* offsets, float* y, int n, int c,
                    int h, int w, int oh, int ow, int has_offsets, float fill, int edge) {
    blockDim.x = 7;
    for (int i = 0; i < n_thread; ++i) {
        blockIdx.x = i / 7;
        threadIdx.x = i %% 7;
        warp(x, sources, offsets, y, n, c, h, w, oh, ow, has_offsets, fill, edge);
    }
}
'''


@pytest.mark.skipif(COMPILER is None, reason='needs a C++ compiler')
@pytest.mark.parametrize('edge', [False, True])
@pytest.mark.parametrize('with_offsets, size', [(False, (11, 13)), (True, (11, 13)), (False, (5, 20))])
def test_source_computes_what_the_cpu_does(edge, with_offsets, size, tmp_path):
    (tmp_path / 'warp.cpp').write_text(AROUND % _warp_gpu.SOURCE)
    subprocess.run([COMPILER, '-shared', '-fPIC', '-O1', '-o', tmp_path / 'warp.so', tmp_path / 'warp.cpp'], check=True)
    rng = np.random.default_rng(0)
    x = rng.random((3, 2, 11, 13), dtype='f')
    sources = rng.normal([[1, 0, 0], [0, 1, 0]], 0.4, (3, 2, 3)).astype('f')
    offsets = rng.normal(0, 3, (3, 2, *size)).astype('f') if with_offsets else None
    y = np.full((3, 2, *size), np.nan, 'f')
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, sources, x if offsets is None else offsets, y)]
    ctypes.CDLL(str(tmp_path / 'warp.so')).run(
        3 * size[0] * size[1] + 40, *pointers, 3, 2, 11, 13, *size, int(with_offsets), ctypes.c_float(0.25), int(edge))
    np.testing.assert_allclose(y, cpu_warp.warp(x, sources, offsets, 0.25, edge, size), atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(_device.why_no_gpu() is not None, reason='no GPU')
def test_on_a_gpu():
    cupy = chainer.backends.cuda.cupy
    x = np.random.default_rng(0).random((6, 3, 20, 24), dtype='f')
    for transform in (lambda x: T.random_affine(x, 20, 3, 0.1, 10, rng=np.random.default_rng(1)),
                      lambda x: T.random_elastic(x, 10, 2, {'angle': 10}, rng=np.random.default_rng(1)),
                      lambda x: T.random_flip(x, vertical=True, rng=np.random.default_rng(1)),
                      lambda x: T.random_crop(x, 18, 2, rng=np.random.default_rng(1)),
                      lambda x: T.random_resized_crop(x, 9, rng=np.random.default_rng(1)),
                      lambda x: T.random_cutout(x, 5, rng=np.random.default_rng(1)),
                      lambda x: T.random_brightness_contrast(x, rng=np.random.default_rng(1)),
                      lambda x: T.random_noise(x, rng=np.random.default_rng(1)),
                      lambda x: T.ten_crop(x, 9)):
        y = transform(cupy.asarray(x))
        assert isinstance(y, cupy.ndarray)
        np.testing.assert_allclose(y.get(), transform(x), atol=1e-4)
    own = cupy.random.default_rng(0)
    assert T.random_noise(cupy.asarray(x), rng=own).shape == x.shape
    with pytest.raises(TypeError, match='rng draws on the GPU'):
        T.random_noise(x, rng=own)
    with pytest.raises(TypeError, match='offsets must be an array beside x'):
        T.elastic(x, cupy.zeros((2, 20, 24), 'f'))
