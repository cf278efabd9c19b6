"""What the tests of both halves of the emulation begin with."""

import types

import chainer
import pytest
from chainer.utils.conv import col2im_cpu

from nico2ai_cnn.gpu import _arrays, _cublas, _cudnn, _recording, adam, batch_normalization, channel_sums, convolution
from nico2ai_cnn.gpu import linear as linear_products, local_convolution, recorded_step
from tests.gpu import emulated_cudnn, emulation


@pytest.fixture
def emulated(monkeypatch):
    """Lets the package's GPU functions work with what stands for CuPy."""
    if chainer.backends.cuda.available:
        pytest.skip('CuPy is here: see test_gpu.py')
    if emulation.why_not():
        pytest.skip(emulation.why_not())
    cuda = emulation.cuda()
    for module in (_arrays, _cublas, _cudnn, _recording, adam, batch_normalization, channel_sums, convolution,
                   linear_products, local_convolution, recorded_step):
        monkeypatch.setattr(module, 'cuda', cuda)
    monkeypatch.setattr(_cublas, '_library', emulation.CuBLAS)
    monkeypatch.setattr(_cublas, '_workspace', lambda: types.SimpleNamespace(ptr=0))
    monkeypatch.setattr(_recording, '_retired', [])
    for module in convolution, local_convolution:
        monkeypatch.setattr(module, 'col2im_gpu', lambda *args: col2im_cpu(*args).view(emulation.Array))
    with chainer.using_config('use_compiled_cpu', 'never'):
        yield


@pytest.fixture
def cudnn(emulated, monkeypatch):
    """What stands for cuDNN, asked for layers with few channels too."""
    library = emulated_cudnn.CuDNN()
    monkeypatch.setattr(_cudnn, '_library', lambda: library)
    monkeypatch.setattr(_cudnn, '_FEW_CHANNELS', 0)
    for name in '_plan', '_handle':     # which remember
        monkeypatch.setattr(_cudnn, name, getattr(_cudnn, name).__wrapped__)
    with chainer.using_config('autotune', True):
        yield library
