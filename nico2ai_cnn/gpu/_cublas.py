"""Matrix products by cuBLAS itself, for CuPy's way to it refuses to be recorded."""

import ctypes
import functools
import os

import numpy
from chainer.backends import cuda

_WORKSPACE = 32 * 2 ** 20   # bytes; what NVIDIA recommends for its newest, and a recording may not allocate
_ONE, _ZERO = (ctypes.byref(ctypes.c_float(value)) for value in (1, 0))


def multiply(a, b, out, transpose_a=False, transpose_b=False):
    """Writes ``a[n] @ b[n]`` into ``out[n]``, for each n; one ``a`` or ``b`` may serve them all.

    Args:
        a, b, out: float32 arrays ``(N, rows, columns)`` on a GPU, of which each row is contiguous; N of a and
            b may be 1.
        transpose_a, transpose_b (bool): Whether a matrix counts as its transpose.

    Raises:
        ValueError: If the shapes do not fit; cuBLAS would read memory that is not the arrays'.
    """
    n, rows, columns = out.shape
    a_rows, inner = a.shape[:0:-1] if transpose_a else a.shape[1:]
    b_rows, b_columns = b.shape[:0:-1] if transpose_b else b.shape[1:]
    if (a_rows, inner, b_columns) != (rows, b_rows, columns) or len(a) not in (1, n) or len(b) not in (1, n):
        raise ValueError(f'matrices {a.shape}{" transposed" * transpose_a} and {b.shape}{" transposed" * transpose_b} '
                         f'do not make {out.shape}')
    # cuBLAS counts columns first: to it each matrix is its transpose, and the product is out.T = b.T @ a.T.
    sizes = int(transpose_b), int(transpose_a), columns, rows, inner
    matrices = [(array.data.ptr, max(array.strides[1] // 4, array.shape[2]),
                 0 if len(array) < n else array.strides[0] // 4) for array in (b, a, out)]
    handle = cuda.cupy.cuda.get_cublas_handle()
    library = _library()
    if library is None:
        one, zero = numpy.ones((), 'f'), numpy.zeros((), 'f')
        cuda.cupy.cuda.cublas.sgemmStridedBatched(handle, *sizes, one.ctypes.data, *matrices[0], *matrices[1],
                                                  zero.ctypes.data, *matrices[2], n)
        return
    _check(library.cublasSetStream_v2(handle, cuda.cupy.cuda.get_current_stream().ptr))
    _check(library.cublasSetWorkspace_v2(handle, _workspace().ptr, _WORKSPACE))
    _check(library.cublasSgemmStridedBatched(handle, *sizes, _ONE, *matrices[0], *matrices[1], _ZERO, *matrices[2], n))


def _check(status):
    if status:
        raise RuntimeError(f'cuBLAS failed with status {status}')


@functools.lru_cache(maxsize=None)
def _library():
    """Returns the library that CuPy has loaded, or None where it is not found."""
    version = cuda.cupy.cuda.runtime.runtimeGetVersion() // 1000    # beside another one, PyTorch's for instance
    try:
        library = ctypes.CDLL(f'libcublas.so.{version}', os.RTLD_NOLOAD | os.RTLD_NOW)
    except (OSError, AttributeError):   # not loaded, or a system without RTLD_NOLOAD
        return None
    pointer, number, matrix = ctypes.c_void_p, ctypes.c_int, (ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong)
    library.cublasSetStream_v2.argtypes = pointer, pointer
    library.cublasSetWorkspace_v2.argtypes = pointer, pointer, ctypes.c_size_t
    library.cublasSgemmStridedBatched.argtypes = (
        pointer, *[number] * 5, pointer, *matrix, *matrix, pointer, *matrix, number)
    return library


def _workspace():
    return _workspace_of(cuda.cupy.cuda.Device().id)


@functools.lru_cache(maxsize=None)      # and not CuPy's memory of results, which clear_memo() frees under recordings
def _workspace_of(device_id):
    return cuda.cupy.cuda.Memory(_WORKSPACE)
