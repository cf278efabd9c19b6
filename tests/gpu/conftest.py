"""What the tests of both halves of the emulation begin with."""

import types

import chainer
import pytest
from chainer.utils.conv import col2im_cpu

from nico2ai_cnn.gpu import _arrays, _cublas, _recording, adam, channel_sums, convolution, local_convolution, recorded_step
from nico2ai_cnn.gpu import linear as linear_products
from tests.gpu import emulation


@pytest.fixture
def emulated(monkeypatch):
    """Lets the package's GPU functions work with what stands for CuPy."""
    if chainer.backends.cuda.available:
        pytest.skip('CuPy is here: see test_gpu.py')
    if emulation.why_not():
        pytest.skip(emulation.why_not())
    cuda = emulation.cuda()
    for module in (_arrays, _cublas, _recording, adam, channel_sums, convolution, linear_products, local_convolution,
                   recorded_step):
        monkeypatch.setattr(module, 'cuda', cuda)
    monkeypatch.setattr(_cublas, '_library', emulation.CuBLAS)
    monkeypatch.setattr(_cublas, '_workspace', lambda: types.SimpleNamespace(ptr=0))
    monkeypatch.setattr(_recording, '_retired', [])
    for module in convolution, local_convolution:
        monkeypatch.setattr(module, 'col2im_gpu', lambda *args: col2im_cpu(*args).view(emulation.Array))
    with chainer.using_config('use_compiled_cpu', 'never'):
        yield
