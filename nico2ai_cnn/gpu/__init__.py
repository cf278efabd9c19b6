"""Chainer on a GPU, fast without cuDNN: what CuPy 14 and Chainer together have lost.

:func:`install` puts a function of this folder before each method of Chainer that is listed in
``_patches.py``; it answers for float32 arrays on a GPU, and Chainer's own method for everything else
and while ``chainer.config.use_fast_gpu`` is ``'never'``. ``_cudnn.py`` says how to have cuDNN again.
:class:`RecordedStep` lets the GPU repeat a training step without Python, which otherwise takes longer
to ask for it than the GPU to do it.
"""

import functools
import os

import chainer

from nico2ai_cnn.gpu._patches import PATCHES
from nico2ai_cnn.gpu.recorded_step import RecordedStep

__all__ = ['RecordedStep', 'install', 'is_used']

_VARIABLE = 'CHAINER_USE_FAST_GPU'


def install():
    """Puts the functions before Chainer's methods; harmless when repeated.

    ``chainer.config.use_fast_gpu`` begins as what the environment variable
    ``CHAINER_USE_FAST_GPU`` says: ``'auto'`` (the default) or ``'never'``.
    """
    if hasattr(chainer.global_config, 'use_fast_gpu'):
        return
    chainer.global_config.use_fast_gpu = os.environ.get(_VARIABLE, 'auto')
    for node, method, function in PATCHES:
        setattr(node, method, _ours_first(getattr(node, method), function))


def is_used():
    """Returns whether the functions are switched on; not while Chainer's ``static_graph`` writes down its own.

    Raises:
        ValueError: If ``chainer.config.use_fast_gpu`` is something else than ``'auto'`` or ``'never'``.
    """
    setting = chainer.config.use_fast_gpu
    if setting not in ('auto', 'never'):
        raise ValueError(f"chainer.config.use_fast_gpu (environment variable {_VARIABLE}) must be 'auto' or "
                         f"'never'; got {setting!r}")
    return setting == 'auto' and chainer.config.schedule_func is None


def _ours_first(original, function):
    @functools.wraps(original)
    def method(self, *args, **kwargs):
        if is_used():
            result = function(self, *args, **kwargs)
            if result is not NotImplemented:
                return result
        return original(self, *args, **kwargs)
    return method
