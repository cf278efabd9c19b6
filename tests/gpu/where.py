"""Which tests need a GPU, and how arrays come back from one."""

import chainer
import pytest

from nico2ai_cnn import _device

_needs_gpu = pytest.mark.skipif(bool(_device.why_no_gpu()), reason=f'no GPU: {_device.why_no_gpu()}')


def on_gpu(test):
    return pytest.mark.gpu(_needs_gpu(test))


def to_cpu(array):
    return chainer.backends.cuda.to_cpu(array)
