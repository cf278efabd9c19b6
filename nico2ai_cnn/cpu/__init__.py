"""Chainer on the CPU, fast: the only folder that replaces Chainer's own CPU paths.

:func:`install` puts a compiled kernel before each method of Chainer that is listed in
``_patches.py``. A kernel answers for float32 arrays in ordinary memory; for
everything else, and while ``chainer.config.use_compiled_cpu`` is ``'never'``,
Chainer's own method runs. Kernels are compiled at their first use, and kept on disk.
"""

import functools
import os
import threading
import warnings

import chainer

from nico2ai_cnn.cpu._patches import PATCHES

_VARIABLE = 'CHAINER_USE_COMPILED_CPU'
_loading = threading.Lock()


def install():
    """Puts the kernels before Chainer's methods; harmless when repeated.

    ``chainer.config.use_compiled_cpu`` begins as what the environment variable
    ``CHAINER_USE_COMPILED_CPU`` says: ``'auto'`` (the default) or ``'never'``.
    """
    if hasattr(chainer.global_config, 'use_compiled_cpu'):
        return
    chainer.global_config.use_compiled_cpu = os.environ.get(_VARIABLE, 'auto')
    for node, method, adapter in PATCHES:
        setattr(node, method, _kernel_first(getattr(node, method), adapter))


def is_used():
    """Returns whether the kernels are switched on, and Numba is there to compile them.

    While Chainer's ``static_graph`` writes down what is computed they are not, for it would miss them.

    Raises:
        ValueError: If ``chainer.config.use_compiled_cpu`` is something else than
            ``'auto'`` or ``'never'``.
    """
    setting = chainer.config.use_compiled_cpu
    if setting == 'auto':
        return has_numba() and chainer.config.schedule_func is None
    if setting != 'never':
        raise ValueError("chainer.config.use_compiled_cpu (environment variable "
                         f"{_VARIABLE}) must be 'auto' or 'never'; got {setting!r}")
    return False


def compile_kernels():
    """Compiles all kernels, or loads them from where they were kept.

    Returns:
        dict: The functions that ``_patches.py`` names.
    """
    with _loading:
        from nico2ai_cnn.cpu import _function_adapters, _layer_adapters, pool
        pool.keep_freed_memory()
        return {**vars(_function_adapters), **vars(_layer_adapters)}


@functools.lru_cache(maxsize=None)
def has_numba():
    """Returns whether Numba can compile, and warns once if it cannot: it is missing, or refuses a newer NumPy."""
    try:
        import numba
        import threadpoolctl  # NOQA: F401
        if not numba.config.DISABLE_JIT:
            return True
        why_not = 'NUMBA_DISABLE_JIT is set'
    except ImportError as error:
        why_not = error
    warnings.warn(f"Chainer's own CPU paths run, without compiled kernels: {why_not}")
    return False


def _kernel_first(original, name):
    adapter = None

    @functools.wraps(original)
    def method(self, *args, **kwargs):
        nonlocal adapter
        if is_used():
            adapter = adapter or compile_kernels()[name]
            result = adapter(self, *args, **kwargs)
            if result is not NotImplemented:
                return result
        return original(self, *args, **kwargs)
    return method
