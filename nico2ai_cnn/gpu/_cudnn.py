"""Convolution by NVIDIA's cuDNN, for who asks for it: CuPy 14 speaks to it no more, but PyTorch brings it, as on Colab.

Chainer's own settings ask. ``chainer.config.autotune`` takes, for each shape, the algorithm that cuDNN measures as
the fastest; ``chainer.config.use_cudnn_tensor_core = 'always'`` lets tensor cores multiply numbers rounded to 10 bits
(TF32, as PyTorch does unasked). Without either, unrolling serves small networks as well, and the same algorithm serves
every run; measuring may choose another one the next time, which rounds otherwise. An algorithm that gives other results
from call to call is never taken, nor one that asks for much more memory than the unrolled windows.
"""

import ctypes
import functools
import importlib.util
import threading
import warnings

import chainer
from chainer.backends import cuda

_FUSED, _TF32 = 3, 0        # cudnnMathType_t: float32 throughout, or products of numbers rounded to 10 bits
# Winograd's: with large tiles off by up to 1e-3 where the others are 1e-6; with small ones not measured, for newer GPUs
# have none.
_INEXACT = {('Forward', 6), ('Forward', 7), ('BackwardData', 4), ('BackwardData', 5), ('BackwardFilter', 4),
            ('BackwardFilter', 5)}
_N_ALGORITHM = 20           # more than there are of a kind, each with two ways to multiply
_FEW_CHANNELS = 8           # with fewer, as in a first layer, unrolling is as fast
_LARGE = 2 ** 31            # numbers, which cuDNN does not count up to
_SMALL = 64 * 2 ** 20       # bytes, which an algorithm may take in any case
_ALIGNMENT = 16             # bytes
_NOT_SUPPORTED = 3000       # to 3999, cudnnStatus_t
_ONE, _ZERO = (ctypes.byref(ctypes.c_float(value)) for value in (1, 0))


def settings():
    """Returns what Chainer's settings ask of cuDNN: how to multiply, and whether to measure; None for nothing."""
    math = _TF32 if chainer.config.use_cudnn_tensor_core == 'always' else _FUSED
    measure = bool(chainer.config.autotune)
    return None if chainer.config.use_cudnn == 'never' or (math == _FUSED and not measure) else (math, measure)


def convolve(kind, x, W, y, node):
    """Computes one of three arrays from the others, and returns whether it did.

    Args:
        kind (str): ``'Forward'`` writes y, ``'BackwardData'`` x, and ``'BackwardFilter'`` W.
        x, W, y: Contiguous float32 arrays on a GPU: ``(N, in_channels, H, W)``, ``(out_channels,
            in_channels / groups, kh, kw)`` and ``(N, out_channels, out_h, out_w)``.
        node: Has stride, pad, dilation and groups as Chainer's function has them: ``sy``, ``ph``, ``dy``, ``groups``.
    """
    wanted = settings()
    if (wanted is None or x.shape[1] < _FEW_CHANNELS or _library() is None
            or any(array.data.ptr % _ALIGNMENT or array.size >= _LARGE for array in (x, W, y))):
        return False
    geometry = tuple(map(int, (node.ph, node.pw, node.sy, node.sx, node.dy, node.dx)))
    plan = _plan(kind, x.shape, W.shape, y.shape, geometry, int(node.groups), *wanted, cuda.cupy.cuda.Device().id,
                 threading.get_ident())
    if plan is None:
        return False
    handle, (a, b, out), convolution, best = plan
    inputs = {'Forward': (x, W, y), 'BackwardData': (W, y, x), 'BackwardFilter': (x, y, W)}[kind]
    pointer_a, pointer_b, pointer_out = (array.data.ptr for array in inputs)
    workspace = cuda.cupy.empty(max(1, best.memory), 'b')
    _check(_library().cudnnSetStream(handle, cuda.cupy.cuda.get_current_stream().ptr))
    status = getattr(_library(), f'cudnnConvolution{kind}')(
        handle, _ONE, a, pointer_a, b, pointer_b, convolution, best.algorithm, workspace.data.ptr, best.memory,
        _ZERO, out, pointer_out)
    if status // 1000 * 1000 == _NOT_SUPPORTED:
        return False
    _check(status)
    return True


class _Performance(ctypes.Structure):
    """cudnnConvolutionFwdAlgoPerf_t, and the two like it."""
    _fields_ = [('algorithm', ctypes.c_int), ('status', ctypes.c_int), ('time', ctypes.c_float),
                ('memory', ctypes.c_size_t), ('is_deterministic', ctypes.c_int), ('math', ctypes.c_int),
                ('reserved', ctypes.c_int * 3)]


@functools.lru_cache(maxsize=None)
def _plan(kind, x_shape, W_shape, y_shape, geometry, groups, math, measure, device_id, thread_id):
    """Returns a handle, descriptors and the algorithm; None if there is none for this shape."""
    library, handle = _library(), _handle(device_id, thread_id)
    x, y = (_descriptor('Tensor', 'SetTensor4dDescriptor', 0, 0, *shape) for shape in (x_shape, y_shape))
    W = _descriptor('Filter', 'SetFilter4dDescriptor', 0, 0, *W_shape)
    convolution = _descriptor('Convolution', 'SetConvolution2dDescriptor', *geometry, 1, 0)    # 1: nothing is flipped
    _check(library.cudnnSetConvolutionGroupCount(convolution, groups))
    _check(library.cudnnSetConvolutionMathType(convolution, math))
    a, b, out = {'Forward': (x, W, y), 'BackwardData': (W, y, x), 'BackwardFilter': (x, y, W)}[kind]
    _check(library.cudnnSetStream(handle, cuda.cupy.cuda.get_current_stream().ptr))
    results, n = (_Performance * _N_ALGORITHM)(), ctypes.c_int()
    arguments = handle, a, b, convolution, out, _N_ALGORITHM, ctypes.byref(n), results
    if measure:     # in memory that cuDNN takes for itself
        cuda.cupy.get_default_memory_pool().free_all_blocks()
    # Where memory does not suffice for measuring, cuDNN's rule of thumb must do.
    if not ((measure and getattr(library, f'cudnnFindConvolution{kind}Algorithm')(*arguments) == 0)
            or getattr(library, f'cudnnGetConvolution{kind}Algorithm_v7')(*arguments) == 0):
        return None
    n_column = W_shape[1] * groups * W_shape[2] * W_shape[3] * y_shape[0] * y_shape[2] * y_shape[3]
    best = next((result for result in results[:n.value] if result.status == 0 and result.is_deterministic
                 and (kind, result.algorithm) not in _INEXACT and result.memory <= max(4 * n_column, _SMALL)), None)
    if best is None:
        return None
    if math == _TF32:       # or exact, where that is faster; and exact stays exact, whatever was measured
        _check(library.cudnnSetConvolutionMathType(convolution, best.math))
    return handle, (a, b, out), convolution, best


def _descriptor(name, setter, *values):
    descriptor = ctypes.c_void_p()
    _check(getattr(_library(), f'cudnnCreate{name}Descriptor')(ctypes.byref(descriptor)))
    _check(getattr(_library(), f'cudnn{setter}')(descriptor, *values))
    return descriptor


@functools.lru_cache(maxsize=None)      # cuDNN's handles belong to a device, and one thread at a time may use them
def _handle(device_id, thread_id):
    handle = ctypes.c_void_p()
    _check(_library().cudnnCreate(ctypes.byref(handle)))
    return handle


def _check(status):
    if status:
        raise RuntimeError(f'cuDNN failed: {_library().cudnnGetErrorString(status).decode()}')


@functools.lru_cache(maxsize=None)
def _library():
    """Returns cuDNN 9 for CuPy's version of CUDA; None, after a warning, where it is not."""
    version = cuda.cupy.cuda.runtime.runtimeGetVersion() // 1000
    versions = {}
    for library in _loaded():
        versions.setdefault(library.cudnnGetCudartVersion() // 1000, library)
    if version not in versions:
        others = f"what is here is for CUDA {', '.join(map(str, versions))}" if versions else (
            f"'pip install nvidia-cudnn-cu{version}' brings it")
        warnings.warn(f'chainer.config asks for cuDNN, but there is none of version 9 for CUDA {version}: {others}. '
                      'Convolution goes on without')
        return None
    library = versions[version]
    library.cudnnGetErrorString.restype = ctypes.c_char_p
    pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    library.cudnnSetStream.argtypes = pointer, pointer
    for kind in 'Forward', 'BackwardData', 'BackwardFilter':
        for choose in f'cudnnGetConvolution{kind}Algorithm_v7', f'cudnnFindConvolution{kind}Algorithm':
            getattr(library, choose).argtypes = *[pointer] * 5, number, pointer, pointer
        getattr(library, f'cudnnConvolution{kind}').argtypes = (
            *[pointer] * 7, number, pointer, size, *[pointer] * 3)
    return library


def _loaded():
    """Yields what is found of cuDNN 9, NVIDIA's wheel first: PyTorch refuses another one that was loaded before its own."""
    try:
        wheel = importlib.util.find_spec('nvidia.cudnn')
    except ModuleNotFoundError:
        wheel = None
    folders = () if wheel is None else wheel.submodule_search_locations or ()
    for name in *(f'{folder}/lib/libcudnn.so.9' for folder in folders), 'libcudnn.so.9':
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.cudnnGetCudartVersion.restype = ctypes.c_size_t
        yield library
