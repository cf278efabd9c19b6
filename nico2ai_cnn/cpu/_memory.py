"""Memory inside kernels: copying as fast as the C library, and waiting for a change."""

from numba.core import cgutils, types
from numba.extending import intrinsic

from nico2ai_cnn.cpu._compile import kernel


@intrinsic
def copy(typingctx, to, to_index, of, of_index, n):
    """Copies ``n`` items of one contiguous array into another, from flat index to flat index.

    A loop would do the same; for the short rows of small images it is slower.
    """
    signature = types.void(to, to_index, of, of_index, n)

    def codegen(context, builder, signature, args):
        def pointer(position):
            array = context.make_array(signature.args[position])(context, builder, args[position])
            return builder.gep(array.data, [args[position + 1]])

        cgutils.raw_memcpy(builder, pointer(0), pointer(2), args[4],
                           context.get_abi_sizeof(context.get_data_type(to.dtype)))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _load_now(typingctx, numbers):
    """Reads ``numbers[0]`` from memory, each time anew: another thread may have written it."""
    signature = types.int64(numbers)

    def codegen(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.load_atomic(array.data, 'acquire', align=8)

    return signature, codegen


@kernel('void(int64[::1], int64, int64)')
def wait_for_change(numbers, old, patience):
    """Returns when ``numbers[0]`` is no longer ``old``, or ``patience`` looks later."""
    for _ in range(patience):
        if _load_now(numbers) != old:
            return
