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
    the shapes of convolution the first way is a seventh to a third faster.
    """
    in_place = ('SkylakeX', 'Cooperlake', 'SapphireRapids')
    controller = threadpoolctl.ThreadpoolController().select(internal_api='openblas')
    if any(library.architecture in in_place for library in controller.lib_controllers):
        return 64, 64, 240
    return 1 << 40, 1 << 40, 1 << 40


#: Where SciPy's sgemm is, and how it is used best. They are handed to the kernels as
#: numbers, for a compiled kernel is kept on disk, and an address holds for one process only.
BLAS = (get_cython_function_address('scipy.linalg.cython_blas', 'sgemm'), *_blocks())
BLAS_TYPE = 'UniTuple(int64, 4)'


@intrinsic
def _call_sgemm(typingctx, address, transa, transb, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """Calls Fortran's sgemm (column-major, all arguments by reference), alpha = 1."""
    signature = types.void(address, transa, transb, m, n, k, a, lda, b, ldb, beta, c, ldc)

    def codegen(context, builder, signature, args):
        def by_reference(value, llvm_type):
            if isinstance(llvm_type, ir.IntType):
                value = builder.trunc(value, llvm_type)
            pointer = cgutils.alloca_once(builder, llvm_type)
            builder.store(value, pointer)
            return pointer

        def data(position):
            array = context.make_array(signature.args[position])(
                context, builder, args[position])
            return builder.bitcast(array.data, ir.FloatType().as_pointer())

        char, integer, real = ir.IntType(8), ir.IntType(32), ir.FloatType()
        alpha = cgutils.alloca_once_value(builder, ir.Constant(real, 1.))
        pointers = [
            by_reference(args[1], char), by_reference(args[2], char),
            *(by_reference(args[i], integer) for i in (3, 4, 5)),
            alpha, data(6), by_reference(args[7], integer),
            data(8), by_reference(args[9], integer),
            by_reference(args[10], real), data(11), by_reference(args[12], integer)]
        function_type = ir.FunctionType(ir.VoidType(), [p.type for p in pointers])
        function = builder.inttoptr(args[0], function_type.as_pointer())
        builder.call(function, pointers)
        return context.get_dummy_value()

    return signature, codegen


@helper
def _order(matrix):
    """Returns BLAS's letter for "rows are contiguous or not", and the leading dimension."""
    if matrix.strides[1] == 4:
        return ord('N'), max(matrix.strides[0] // 4, matrix.shape[1])
    return ord('T'), max(matrix.strides[1] // 4, matrix.shape[0])


@helper
def _even(n, most, multiple):
    """Returns the size, a multiple of ``multiple``, of the fewest even parts of n."""
    size = -(-n // -(-n // most))
    return -(-size // multiple) * multiple


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
    sgemm, most_m, most_n, most_k = blas
    m, k = a.shape
    n = b.shape[1]
    if b.strides[1] != 4 and a.strides[1] == 4:  # the one kind that OpenBLAS always packs
        most_m, most_n, most_k = m, n, k
    m_block, n_block, k_block = _even(m, most_m, 4), _even(n, most_n, 16), _even(k, most_k, 1)
    for column in range(0, n, n_block):
        columns = slice(column, min(n, column + n_block))
        for term in range(0, k, k_block):
            terms = slice(term, min(k, term + k_block))
            for row in range(0, m, m_block):
                rows = slice(row, min(m, row + m_block))
                a_, b_, c_ = a[rows, terms], b[terms, columns], c[rows, columns]
                trans_a, lda = _order(a_)
                trans_b, ldb = _order(b_)
                # Fortran sees each matrix transposed, and (a b)^T = b^T a^T.
                _call_sgemm(sgemm, trans_b, trans_a, c_.shape[1], c_.shape[0], a_.shape[1],
                            b_, ldb, a_, lda, numba.float32(beta if term == 0 else 1), c_,
                            max(c_.strides[0] // 4, c_.shape[1]))
