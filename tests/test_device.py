"""Why there is no GPU; with a stand-in for CuPy, for what really goes wrong differs from computer to computer."""

import types

import chainer
import pytest

from nico2ai_cnn import _device, training
from tests.test_revive import run

WHY = 'from nico2ai_cnn import training as t; print(t.choose_device()); t.choose_device("gpu")'


def test_without_cupy(tmp_path):
    (tmp_path / 'cupy.py').write_text("raise ModuleNotFoundError('No module named cupy', name='cupy')")
    _, chosen, said = run(WHY, path=[tmp_path])
    assert chosen == '@numpy'
    assert said.splitlines()[-1] == ("RuntimeError: device 'gpu' needs a GPU, and there is none for CuPy (CuPy is not "
                                     "installed); use device='auto' or 'cpu'")


def test_with_a_cupy_that_lacks_cuda_s_libraries(tmp_path):
    (tmp_path / 'cupy.py').write_text('''
import warnings
warnings.warn('\\nnccl library could not be loaded.\\nYou can install the library by ...')
raise ImportError('Failure finding "libcublas.so":\\n  no such file')
''')
    _, chosen, said = run(WHY, '-W', 'always', path=[tmp_path])
    assert chosen == '@numpy'
    assert 'CuPy does not import: Failure finding "libcublas.so": no such file' in said.splitlines()[-1]
    assert 'nccl' not in said       # nobody without several GPUs needs it


@pytest.mark.parametrize('driver, said', [
    (11040, 'driver is too old; CuPy is for CUDA 12.9, and the driver for 11.4'),
    (0, 'driver is too old; CuPy is for CUDA 12.9, and there is no driver of NVIDIA')])
def test_with_a_cupy_for_another_cuda(driver, said, monkeypatch):
    def fails():
        raise RuntimeError('driver is too old')
    runtime = types.SimpleNamespace(getDeviceCount=fails, runtimeGetVersion=lambda: 12090,
                                    driverGetVersion=lambda: driver)
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))
    monkeypatch.setattr(chainer.backends.cuda, 'available', True)
    monkeypatch.setattr(chainer.backends.cuda, 'cupy', cupy)
    assert _device.why_no_gpu() == said
    assert str(training.choose_device()) == '@numpy'


def test_with_a_driver_and_no_gpu(monkeypatch):
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=lambda: 0)))
    monkeypatch.setattr(chainer.backends.cuda, 'available', True)
    monkeypatch.setattr(chainer.backends.cuda, 'cupy', cupy)
    assert _device.why_no_gpu() == 'CUDA counts 0 devices'
