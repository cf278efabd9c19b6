"""Matrix products inside kernels: BLAS's ``sgemm``, called without Python."""

import numba
import threadpoolctl
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import get_cython_function_address, intrinsic

from nico2ai_cnn.cpu._compile import helper


def _blocks():
    """Returns the most rows, columns and terms of a product handed to BLAS at once.

    On processors with AVX-512 OpenBLAS multiplies small matrices (up to a million
    multiplications) where they lie, and packs large ones into new memory first. For
    the shapes of convolution the first way is a tenth to nearly a half faster.
    """
    in_place = ('SkylakeX', 'Cooperlake', 'SapphireRapids')
    controller = threadpoolctl.ThreadpoolController().select(internal_api='openblas')
    if any(library.architecture in in_place for library in controller.lib_controllers):
        return 64, 64, 240
    return (1 << 40,) * 3


#: Where SciPy's sgemm is, and how it is used best. They are handed to the kernels as
#: numbers, for a compiled kernel is kept on disk, and an address holds for one process only.
BLAS = (get_cython_function_address('scipy.linalg.cython_blas', 'sgemm'), *_blocks())
BLAS_TYPE = 'UniTuple(int64, 4)'
_N, _T = ord('N'), ord('T')  # BLAS's letters for a matrix as it is, and transposed


@intrinsic
def _call_sgemm(typingctx, sgemm, transa, transb, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """Calls Fortran's sgemm, alpha = 1; addresses and all else come as numbers."""
    signature = types.void(sgemm, transa, transb, m, n, k, a, lda, b, ldb, beta, c, ldc)
    char, integer, real = ir.IntType(8), ir.IntType(32), ir.FloatType()

    def codegen(context, builder, signature, args):
        def by_reference(value, llvm_type):
            if llvm_type is not real:
                value = builder.trunc(value, llvm_type)
            return cgutils.alloca_once_value(builder, value)

        sgemm, transa, transb, m, n, k, a, lda, b, ldb, beta, c, ldc = args
        a, b, c = (builder.inttoptr(address, real.as_pointer()) for address in (a, b, c))
        pointers = [by_reference(transa, char), by_reference(transb, char),
                    by_reference(m, integer), by_reference(n, integer), by_reference(k, integer),
                    by_reference(ir.Constant(real, 1.), real), a, by_reference(lda, integer),
                    b, by_reference(ldb, integer),
                    by_reference(beta, real), c, by_reference(ldc, integer)]
        function_type = ir.FunctionType(ir.VoidType(), [p.type for p in pointers])
        builder.call(builder.inttoptr(sgemm, function_type.as_pointer()), pointers)
        return context.get_dummy_value()

    return signature, codegen


@helper
def _even(n, most, multiple):
    """Returns the size, a multiple of ``multiple``, of the fewest even parts of n."""
    size = -(-n // -(-n // most))
    return -(-size // multiple) * multiple


@helper
def _multiply(blas, m, n, k, a, lda, trans_a, b, ldb, trans_b, beta, c, ldc):
    """The product block by block, from the matrices' addresses and row lengths."""
    sgemm, most_m, most_n, most_k = blas
    if trans_b and not trans_a:  # the one kind that OpenBLAS always packs
        most_m, most_n, most_k = m, n, k
    m_block, n_block, k_block = _even(m, most_m, 4), _even(n, most_n, 16), _even(k, most_k, 1)
    for column in range(0, n, n_block):
        for term in range(0, k, k_block):
            b_at = b + 4 * (column * ldb + term if trans_b else term * ldb + column)
            for row in range(0, m, m_block):
                a_at = a + 4 * (term * lda + row if trans_a else row * lda + term)
                # Fortran sees each matrix transposed, and (a b)^T = b^T a^T.
                _call_sgemm(sgemm, _T if trans_b else _N, _T if trans_a else _N,
                            min(n_block, n - column), min(m_block, m - row),
                            min(k_block, k - term), b_at, ldb, a_at, lda,
                            numba.float32(beta if term == 0 else 1),
                            c + 4 * (row * ldc + column), ldc)


@helper
def matmul(blas, a, b, beta, c):
    """``c[:] = a @ b + beta * c`` for float32 matrices.

    Args:
        blas: :data:`BLAS`.
        a, b: ``(m, k)`` and ``(k, n)``; one axis of each must be contiguous, so that
            slices and transposes of arrays need no copy.
        beta (float): 0 to write ``c``, 1 to add to it.
        c: ``(m, n)`` with contiguous rows.
    """
    m, k = a.shape
    n = b.shape[1]
    trans_a, trans_b = a.strides[1] != 4, b.strides[1] != 4
    lda = max(a.strides[0] // 4, k) if not trans_a else max(a.strides[1] // 4, m)
    ldb = max(b.strides[0] // 4, n) if not trans_b else max(b.strides[1] // 4, k)
    _multiply(blas, m, n, k, numba.int64(a.ctypes.data), lda, trans_a,
              numba.int64(b.ctypes.data), ldb, trans_b, beta,
              numba.int64(c.ctypes.data), max(c.strides[0] // 4, n))
