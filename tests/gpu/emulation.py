"""A stand-in for CuPy where there is no GPU: NumPy's arrays, and kernels built by the C++ compiler.

A block's threads are threads of the CPU; barriers and shuffles are as on a GPU, so that a kernel's arithmetic is
tried in CI too. Its speed is not, and neither is what CuPy and cuBLAS do.
"""

import contextlib
import ctypes
import functools
import hashlib
import pathlib
import re
import subprocess
import tempfile
import types

import numpy as np

_FOLDER = tempfile.TemporaryDirectory()
_HARNESS = r'''
#include <barrier>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>
struct Three { unsigned x, y, z; };
static Three gridDim, blockDim;
static thread_local Three blockIdx, threadIdx;
static std::unique_ptr<std::barrier<>> block;
static std::vector<std::unique_ptr<std::barrier<>>> warps;
static float lanes[32][32];
#define __global__
#define __device__
#define __shared__ static
static float rsqrtf(float value) { return 1 / sqrtf(value); }
static float __fdividef(float a, float b) { return a / b; }
static void __syncthreads() { block->arrive_and_wait(); }
static float __shfl_down_sync(unsigned, float value, int distance) {
    unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    lanes[warp][lane] = value;
    warps[warp]->arrive_and_wait();
    float other = lane + distance < 32 ? lanes[warp][lane + distance] : value;
    warps[warp]->arrive_and_wait();
    return other;
}
KERNEL
extern "C" void launch(unsigned grid_x, unsigned grid_y, unsigned block_x, PARAMETERS) {
    gridDim = {grid_x, grid_y, 1};
    blockDim = {block_x, 1, 1};
    block.reset(new std::barrier<>(block_x));
    warps.clear();
    for (unsigned i = 0; i < block_x; i += 32) warps.emplace_back(new std::barrier<>(32));
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < block_x; ++number)
        threads.emplace_back([=] {
            threadIdx = {number, 0, 0};
            for (unsigned row = 0; row < grid_y; ++row)
                for (unsigned column = 0; column < grid_x; ++column) {
                    blockIdx = {column, row, 0};
                    NAME(ARGUMENTS);
                    if (SHARES) block->arrive_and_wait();
                }
        });
    for (auto& thread : threads) thread.join();
}
'''


class Array(np.ndarray):
    """What stands for ``cupy.ndarray``."""

    @property
    def data(self):
        return types.SimpleNamespace(ptr=self.ctypes.data)

    def get(self):
        return np.array(self)


def array(values):
    return np.array(values).view(Array)


class Kernel:
    """What stands for ``cupy.RawKernel``."""

    def __init__(self, code, name):
        self._launch = _built(code, name)
        self._parameters = re.search(rf'{name}\(([^)]*)\)', code).group(1).split(',')

    def __call__(self, grid, block, args):
        for parameter, arg in zip(self._parameters, args, strict=True):     # a GPU would read other bits without a word
            kind = np.int64 if 'long long' in parameter else np.float32 if 'float' in parameter else np.int32
            assert (arg.dtype, isinstance(arg, np.ndarray)) == (kind, '*' in parameter), parameter
        in_c = {np.int32: ctypes.c_int, np.int64: ctypes.c_longlong, np.float32: ctypes.c_float}
        self._launch(*grid, *block, *(
            ctypes.c_void_p(arg.ctypes.data) if isinstance(arg, np.ndarray) else in_c[type(arg)](arg) for arg in args))


@functools.lru_cache(maxsize=None)
def why_not():
    """Returns why no kernel can be built here, or None."""
    try:
        subprocess.run(['g++', '-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], input=b'#include <barrier>\n',
                       capture_output=True, check=True)
    except FileNotFoundError:
        return 'there is no g++ to build the kernels'
    except subprocess.CalledProcessError:
        return 'g++ is too old to build the kernels: it lacks the barriers of C++20'
    return None


@functools.lru_cache(maxsize=None)
def _built(code, name):
    parameters = re.search(rf'{name}\(([^)]*)\)', code).group(1)
    shares = str(int('__shared__' in code))
    arguments = ', '.join(re.split(r'[ *]', parameter)[-1] for parameter in parameters.split(','))
    source = _HARNESS.replace('KERNEL', code).replace('PARAMETERS', parameters).replace('NAME', name).replace(
        'SHARES', shares).replace('ARGUMENTS', arguments)
    file = pathlib.Path(_FOLDER.name) / f'{name}-{hashlib.sha1(source.encode()).hexdigest()}.cpp'
    file.write_text(source)
    subprocess.run(['g++', '-std=c++20', '-O1', '-shared', '-fPIC', '-pthread', '-o', file.with_suffix('.so'), file],
                   check=True)
    return ctypes.CDLL(str(file.with_suffix('.so'))).launch


class CuBLAS:
    """What stands for the library: matrices are pointers, and each column follows the one before it."""

    def cublasSetStream_v2(self, handle, stream):
        return 0

    def cublasSetWorkspace_v2(self, handle, pointer, size):
        return 0

    def cublasSgemmStridedBatched(self, handle, transpose_a, transpose_b, m, n, k, one, *rest):
        a, b, out = rest[:3], rest[3:6], rest[7:10]
        count = rest[10]
        product = np.matmul(_matrices(*a, m, k, transpose_a, count), _matrices(*b, k, n, transpose_b, count))
        _matrices(*out, m, n, False, count)[...] = product
        return 0


def _matrices(pointer, leading, stride, rows, columns, transpose, count):
    if transpose:
        return _matrices(pointer, leading, stride, columns, rows, False, count).swapaxes(1, 2)
    assert leading >= rows
    size = (count - 1) * stride + (columns - 1) * leading + rows
    numbers = np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (size,))
    return np.lib.stride_tricks.as_strided(numbers, (count, rows, columns), (4 * stride, 4, 4 * leading))


class Stream:
    """Records nothing; what it is asked to repeat has been computed already."""

    def __init__(self, **options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    ptr = 0

    def synchronize(self):
        pass

    def begin_capture(self):
        pass

    def end_capture(self):
        return types.SimpleNamespace(launch=lambda: None)


class Device:
    def __init__(self, number=0):
        self.id = number

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


class MemoryPool:
    def __init__(self, allocator=None):
        pass

    def malloc(self, size):
        raise AssertionError('NumPy asks for no memory here')

    def used_bytes(self):
        return 0

    total_bytes = used_bytes

    def free_all_blocks(self):
        pass


def _arrays_from(function):
    return lambda *args, **kwargs: function(*args, **kwargs).view(Array)


def _as_strided(x, shape, strides):
    return np.lib.stride_tricks.as_strided(x, shape, strides).view(Array)


def cuda():
    """Returns what stands for ``chainer.backends.cuda``."""
    runtime = types.SimpleNamespace(
        Device=Device, MemoryPool=MemoryPool, Stream=Stream, get_current_stream=Stream, get_cublas_handle=lambda: None,
        runtime=types.SimpleNamespace(memGetInfo=lambda: (1, 2), runtimeGetVersion=lambda: 13000),
        using_allocator=lambda malloc: contextlib.nullcontext())
    cupy = types.SimpleNamespace(
        lib=types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=_as_strided)),
        RawKernel=Kernel, cuda=runtime, get_default_memory_pool=MemoryPool, **{
            name: _arrays_from(getattr(np, name))
            for name in ('asarray', 'ascontiguousarray', 'concatenate', 'empty', 'empty_like')})
    return types.SimpleNamespace(cupy=cupy, ndarray=Array, to_cpu=np.array)
