"""What runs on a GPU instead of Chainer's own paths computes the same."""

import types
import warnings

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import gpu, links
from nico2ai_cnn.gpu import _cudnn
from tests.gpu.where import on_gpu, to_cpu


def test_a_switch_that_is_neither():
    with chainer.using_config('use_fast_gpu', 'always'), pytest.raises(ValueError, match="'auto' or 'never'; got 'alw"):
        gpu.is_used()


def _library():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')     # that it is not here
        return _cudnn._library()


@on_gpu
@pytest.mark.parametrize('in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias', [
    (3, 5, 9, 3, 1, 1, 1, 1, True), (1, 20, 28, 5, 1, 0, 1, 1, True), (20, 50, 12, 5, 1, 0, 1, 1, True),
    (4, 6, 10, 3, 2, 0, 2, 1, True), (4, 6, 7, 1, 1, 0, 1, 1, False), (4, 6, 7, 1, 2, 0, 2, 1, True),
    (2, 8, 11, (3, 2), (2, 1), (1, 2), 1, 2, True), (4, 50, 5, 5, 1, 0, 1, 1, False),
    (64, 64, 4, 3, 1, 1, 1, 1, False)])
def test_convolution(in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias, monkeypatch):
    monkeypatch.setattr(_cudnn, '_FEW_CHANNELS', 0)
    by_cudnn, convolve = [], _cudnn.convolve
    monkeypatch.setattr(_cudnn, 'convolve', lambda *args: by_cudnn.append(convolve(*args)) or by_cudnn[-1])
    rng = np.random.RandomState(0)
    x = rng.randn(6, in_channels, size, size + 1).astype('f')
    kh, kw = ksize if isinstance(ksize, tuple) else (ksize, ksize)
    W = rng.randn(out_channels, in_channels // groups, kh, kw).astype('f')
    b = rng.randn(out_channels).astype('f')
    results = []
    for device, use_fast_gpu, autotune in (('@numpy', 'auto', False), ('@cupy:0', 'never', False),
                                           ('@cupy:0', 'auto', False), ('@cupy:0', 'auto', True)):    # cuDNN
        inputs = [chainer.Variable(chainer.get_device(device).send(array)) for array in (x, W, b)[:3 if bias else 2]]
        with chainer.using_config('use_fast_gpu', use_fast_gpu), chainer.using_config('autotune', autotune):
            y = F.convolution_2d(*inputs, stride=stride, pad=pad, groups=groups, dilate=dilate)
            F.sum(y * y).backward()
        results.append([to_cpu(array) for array in (y.array, *(variable.grad for variable in inputs))])
    for on_cpu, *others in zip(*results):
        for found in others:
            np.testing.assert_allclose(found, on_cpu, atol=1e-4 * abs(on_cpu).max())
    assert y.array.flags.c_contiguous
    if in_channels >= 20 and _library() is not None:
        assert any(by_cudnn)


@on_gpu
@pytest.mark.parametrize('tensor_cores, measured', [('auto', True), ('always', False)])
def test_cudnn_convolves_where_it_is(tensor_cores, measured):
    if _library() is None:
        pytest.skip('cuDNN is not here')
    rng = np.random.RandomState(0)
    node = types.SimpleNamespace(ph=1, pw=1, sy=1, sx=1, dy=1, dx=1, groups=1)
    arrays = [rng.randn(*shape).astype('f') for shape in ((64, 256, 14, 14), (256, 256, 3, 3), (64, 256, 14, 14))]
    with chainer.using_config('use_compiled_cpu', 'never'):
        exact = F.convolution_2d(arrays[0].astype('d'), arrays[1].astype('d'), pad=1).array
    x, W, y = chainer.get_device('@cupy:0').send(arrays)
    with chainer.using_config('use_cudnn_tensor_core', tensor_cores), chainer.using_config('autotune', measured):
        assert _cudnn.convolve('Forward', x, W, y, node)
        error = np.linalg.norm(to_cpu(y) - exact) / np.linalg.norm(exact)
        assert all(_cudnn.convolve(kind, x, W, y, node) for kind in ('BackwardData', 'BackwardFilter'))
    has_tf32 = int(chainer.backends.cuda.cupy.cuda.Device().compute_capability) >= 80
    least, most = (1e-5, 1e-2) if tensor_cores == 'always' and has_tf32 else (0, 1e-5)
    assert least < error < most


@on_gpu
def test_convolution_of_a_view_and_second_derivatives():
    rng = np.random.RandomState(0)
    arrays = rng.randn(4, 6, 6, 3).astype('f'), rng.randn(4, 3, 3, 3).astype('f')
    results = []
    for device in '@numpy', '@cupy:0':
        x, W = (chainer.Variable(array) for array in chainer.get_device(device).send(arrays))
        y = F.convolution_2d(F.transpose(x, (0, 3, 1, 2)), W, pad=1)
        gx, = chainer.grad([F.sum(y ** 3)], [x], enable_double_backprop=True)
        F.sum(gx ** 2).backward()
        results.append([to_cpu(variable.grad) for variable in (x, W)])
    for on_cpu, ours in zip(*results):
        np.testing.assert_allclose(ours, on_cpu, atol=1e-3 * abs(on_cpu).max())


@on_gpu
@pytest.mark.parametrize('shape, W_shape, stride', [
    ((3, 2, 5, 6), (4, 3, 4, 2, 3, 3), 1), ((40, 1, 28, 28), (6, 24, 24, 1, 5, 5), 1),
    ((5, 3, 9, 8), (2, 3, 2, 3, 3, 2), (3, 4))])
def test_local_convolution(shape, W_shape, stride):
    rng = np.random.RandomState(0)
    arrays = [rng.randn(*each).astype('f') for each in (shape, W_shape, W_shape[:3])]
    results = []
    for device, switch in ('@numpy', 'auto'), ('@cupy:0', 'never'), ('@cupy:0', 'auto'):
        inputs = [chainer.Variable(chainer.get_device(device).send(array)) for array in arrays]
        with chainer.using_config('use_fast_gpu', switch):
            y = F.local_convolution_2d(*inputs, stride=stride)
            F.sum(y * y).backward()
        results.append([to_cpu(array) for array in (y.array, *(variable.grad for variable in inputs))])
    for on_cpu, stock, ours in zip(*results):
        np.testing.assert_allclose(stock, on_cpu, atol=1e-4 * abs(on_cpu).max())
        np.testing.assert_allclose(ours, on_cpu, atol=1e-4 * abs(on_cpu).max())


@on_gpu
@pytest.mark.parametrize('shape', [(3, 2, 5, 7), (128, 16, 14, 14), (1024, 64, 4, 4), (9, 1, 28, 28),
                                   (400, 16, 14, 14)])
def test_sums_per_channel(shape):
    rng = np.random.RandomState(0)
    arrays = (rng.randn(*shape) + 3).astype('f'), rng.randn(*shape).astype('f')
    results = []
    for device, switch in ('@numpy', 'auto'), ('@cupy:0', 'never'), ('@cupy:0', 'auto'):
        x, gy = chainer.get_device(device).send(arrays)
        normalize, x = L.BatchNormalization(shape[1]), chainer.Variable(x)
        normalize.to_device(device)
        normalize.cleargrads()
        with chainer.using_config('use_fast_gpu', switch):
            y = normalize(x)
            y.grad = gy
            y.backward()
            total = F.sum(x, axis=(0, 2, 3))
        results.append([to_cpu(array) for array in (
            y.array, x.grad, normalize.gamma.grad, normalize.beta.grad, normalize.avg_mean, normalize.avg_var,
            total.array)])
    for on_cpu, stock, ours in zip(*results):
        np.testing.assert_allclose(stock, on_cpu, rtol=1e-3, atol=5e-3)
        np.testing.assert_allclose(ours, on_cpu, rtol=1e-3, atol=5e-3)


@on_gpu
@pytest.mark.parametrize('change', ['nothing', 'frozen', 'decay', 'clipping', 'one of its own'])
def test_adam(change, digits):
    found = []
    x, t = digits[0]
    for switch in 'never', 'auto':
        model = links.LeNet(rng=np.random.default_rng(0))
        model.to_device('@cupy:0')
        optimizer = chainer.optimizers.Adam(weight_decay_rate=1e-3).setup(model)
        if change == 'frozen':
            model.conv1.disable_update()
        elif change == 'decay':
            optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(1e-2))
        elif change == 'clipping':
            optimizer.add_hook(chainer.optimizer_hooks.GradientClipping(0.1))
        elif change == 'one of its own':
            model.fc5.W.update_rule.hyperparam.alpha = 1e-4
        with chainer.using_config('use_fast_gpu', switch):
            for i in range(5):
                batch = model.device.send((x[40 * i:40 * i + 40], t[40 * i:40 * i + 40].astype('i')))
                optimizer.update(lambda x, t: F.softmax_cross_entropy(model(x), t), *batch)
        assert optimizer.t == 5
        found.append({name: to_cpu(param.array) for name, param in model.namedparams()})
    for name in found[0]:
        np.testing.assert_allclose(found[1][name], found[0][name], atol=2e-4, err_msg=name)
