"""The kernels of the GPU, as far as they can be tried without one."""

import types

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer.functions.connection import convolution_2d, deconvolution_2d
from chainer.functions.normalization.batch_normalization import GeneralBatchNormalizationImpl

from nico2ai_cnn import links
from nico2ai_cnn.gpu import _cublas, _cudnn, adam, batch_normalization, convolution, local_convolution
from nico2ai_cnn.gpu import linear as linear_products
from tests.gpu import emulation

pytestmark = pytest.mark.usefixtures('emulated')


def on_cpu_too(monkeypatch):
    """Lets Chainer's CPU paths do what those of a GPU do."""
    for node, function in ((convolution_2d.Convolution2DFunction, convolution.convolution_2d),
                           (convolution_2d.Convolution2DGradW, convolution.convolution_2d_grad_w),
                           (deconvolution_2d.Deconvolution2DFunction, convolution.deconvolution_2d)):
        monkeypatch.setattr(node, 'forward_cpu', counted(function))


def counted(function):
    def method(*args):
        result = function(*args)
        assert result is not NotImplemented
        counted.calls += 1
        return result
    return method


CONVOLUTIONS = pytest.mark.parametrize('in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias', [
    (3, 5, 9, 3, 1, 1, 1, 1, True), (4, 6, 10, 3, 2, 0, 2, 1, True), (4, 6, 7, 1, 1, 0, 1, 1, False),
    (4, 6, 7, 1, 2, 0, 2, 1, True), (2, 8, 11, (3, 2), (2, 1), (1, 2), 1, 2, True), (4, 50, 5, 5, 1, 0, 1, 1, False)])


def check_convolution(monkeypatch, in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias):
    rng = np.random.RandomState(0)
    x = rng.randn(3, in_channels, size, size + 1).astype('f')
    kh, kw = ksize if isinstance(ksize, tuple) else (ksize, ksize)
    W = rng.randn(out_channels, in_channels // groups, kh, kw).astype('f')
    b = rng.randn(out_channels).astype('f')
    results, counted.calls = [], 0
    for kind in np.array, emulation.array:
        if kind is emulation.array:
            on_cpu_too(monkeypatch)
        inputs = [chainer.Variable(kind(values)) for values in (x, W, b)[:3 if bias else 2]]
        y = F.convolution_2d(*inputs, stride=stride, pad=pad, groups=groups, dilate=dilate)
        F.sum(y * y).backward()
        results.append([y.array, *(variable.grad for variable in inputs)])
    assert counted.calls == 3
    for expected, found in zip(*results):
        np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())


@CONVOLUTIONS
def test_convolution(in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias, monkeypatch):
    check_convolution(monkeypatch, in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias)


@CONVOLUTIONS
def test_convolution_by_cudnn(in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias, monkeypatch,
                              cudnn):
    check_convolution(monkeypatch, in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias)
    assert cudnn.used == [('Forward', 1, FUSED), ('BackwardData', 1, FUSED), ('BackwardFilter', 1, FUSED)]


FUSED, TF32 = 3, 0      # cudnnMathType_t
MUCH = 65 * 2 ** 20     # bytes, more than unrolling takes here


@pytest.mark.parametrize('algorithms, kind, chosen', [
    ([(2, 0, 0, 1), (1, 0, 0, 1)], 'Forward', 2), ([(2, 9, 0, 1), (1, 0, 0, 1)], 'Forward', 1),
    ([(2, 0, 0, 0), (1, 0, 0, 1)], 'Forward', 1), ([(2, 0, MUCH, 1), (1, 0, 0, 1)], 'Forward', 1),
    ([(5, 0, 0, 1), (1, 0, 0, 1)], 'Forward', 5), ([(7, 0, 0, 1), (1, 0, 0, 1)], 'Forward', 1),
    ([(5, 0, 0, 1), (1, 0, 0, 1)], 'BackwardData', 1), ([(5, 0, 0, 1), (1, 0, 0, 1)], 'BackwardFilter', 1),
    ([(2, 0, 0, 0)], 'Forward', None), ([], 'Forward', None)])
def test_which_algorithm_of_cudnn(algorithms, kind, chosen, cudnn):
    cudnn.algorithms = algorithms
    arrays = [emulation.array(np.ones(shape, 'f')) for shape in ((2, 8, 6, 6), (4, 8, 3, 3), (2, 4, 4, 4))]
    assert _cudnn.convolve(kind, *arrays, GEOMETRY) == (chosen is not None)
    assert cudnn.used == ([] if chosen is None else [(kind, chosen, FUSED)])


GEOMETRY = types.SimpleNamespace(ph=0, pw=0, sy=1, sx=1, dy=1, dx=1, groups=1)


def test_chainer_s_settings_of_cudnn(cudnn, monkeypatch):
    x, W, y = (emulation.array(np.ones(shape, 'f')) for shape in ((2, 8, 6, 6), (4, 8, 3, 3), (2, 4, 4, 4)))
    for tensor_cores, measured, math, how in ('always', False, TF32, 'rule'), ('always', True, TF32, 'find'), (
            'auto', True, FUSED, 'find'):
        with chainer.using_config('use_cudnn_tensor_core', tensor_cores), chainer.using_config('autotune', measured):
            assert _cudnn.convolve('Forward', x, W, y, GEOMETRY)
            with chainer.using_config('use_cudnn', 'never'):
                assert not _cudnn.convolve('Forward', x, W, y, GEOMETRY)
        assert cudnn.used.pop() == ('Forward', 1, math) and cudnn.chosen_by == how
    with chainer.using_config('autotune', False):
        assert not _cudnn.convolve('Forward', x, W, y, GEOMETRY)
    assert not cudnn.used
    cudnn.math = TF32       # is not taken where exact arithmetic was asked for
    assert _cudnn.convolve('Forward', x, W, y, GEOMETRY) and cudnn.used.pop() == ('Forward', 1, FUSED)
    cudnn.is_short = True
    assert _cudnn.convolve('Forward', x, W, y, GEOMETRY) and cudnn.chosen_by == 'rule'
    somewhere = emulation.array(np.ones(x.size + 8, 'f'))
    for start in range(4):      # in the memory of other numbers, one of four of which begins at 16 bytes
        inside = somewhere[start:start + x.size].reshape(x.shape)
        assert _cudnn.convolve('Forward', inside, W, y, GEOMETRY) == (inside.ctypes.data % 16 == 0)
    monkeypatch.setattr(_cudnn, '_FEW_CHANNELS', 9)
    assert not _cudnn.convolve('Forward', x, W, y, GEOMETRY)


@pytest.mark.parametrize('versions, advice', [((), "'pip install nvidia-cudnn-cu13' brings it"),
                                              ((12,), 'is for CUDA 12')])
def test_who_asks_for_cudnn_hears_where_it_is_missing(versions, advice, emulated, monkeypatch):
    found = [types.SimpleNamespace(cudnnGetCudartVersion=lambda version=version: 1000 * version + 90)
             for version in versions]
    monkeypatch.setattr(_cudnn, '_loaded', lambda: found)
    with pytest.warns(UserWarning, match='there is none of version 9 for CUDA 13') as caught:
        assert _cudnn._library.__wrapped__() is None
    assert advice in str(caught[0].message)


def test_cudnn_s_errors_are_told(cudnn):
    arrays = [emulation.array(np.ones(shape, 'f')) for shape in ((2, 8, 6, 6), (4, 8, 3, 3), (2, 4, 4, 4))]
    cudnn.cudnnConvolutionForward = lambda *args: 3002      # not supported
    assert not _cudnn.convolve('Forward', *arrays, GEOMETRY)
    cudnn.cudnnConvolutionForward = lambda *args: 5000
    with pytest.raises(RuntimeError, match='cuDNN failed: CUDNN_STATUS_STAND_IN'):
        _cudnn.convolve('Forward', *arrays, GEOMETRY)


@pytest.mark.parametrize('shape, W_shape, stride, bias', [
    ((3, 2, 5, 6), (4, 3, 4, 2, 3, 3), 1, True), ((1, 1, 4, 4), (1, 2, 2, 1, 2, 2), 2, True),
    ((5, 3, 9, 8), (2, 3, 2, 3, 3, 2), (3, 4), False), ((2, 3, 9, 9), (3, 2, 3, 3, 1, 1), (2, 1), True)])
def test_local_convolution(shape, W_shape, stride, bias):
    rng = np.random.RandomState(0)
    x, W, b = (emulation.array(rng.randn(*each).astype('f')) for each in (shape, W_shape, W_shape[:3]))
    results = []
    for switch in 'never', 'auto':
        inputs = [chainer.Variable(values) for values in (x, W, b)[:3 if bias else 2]]
        with chainer.using_config('use_fast_gpu', switch):
            y = F.local_convolution_2d(*inputs, stride=stride)
            F.sum(y * y).backward()
        results.append([y.array, *(variable.grad for variable in inputs)])
    assert all(isinstance(array, emulation.Array) for array in results[1][:3]) and y.array.flags.c_contiguous
    for expected, found in zip(*results):
        np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())
    node = types.SimpleNamespace(retain_inputs=lambda which: None, sy=1, sx=1)
    assert local_convolution.local_convolution_2d(node, (x, W)) is not NotImplemented
    assert local_convolution.local_convolution_2d(node, (x[..., :1], W)) is NotImplemented


@pytest.mark.parametrize('bias', [True, False])
def test_linear(bias):
    rng = np.random.RandomState(0)
    x, W, b = (emulation.array(rng.randn(*shape).astype('f')) for shape in ((7, 12), (5, 12), (5,)))
    results = []
    for switch in 'never', 'auto':
        inputs = [chainer.Variable(values) for values in (x, W, b)[:3 if bias else 2]]
        with chainer.using_config('use_fast_gpu', switch):
            y = F.linear(*inputs)
            F.sum(y * y).backward()
        results.append([y.array, *(variable.grad for variable in inputs)])
    for expected, found in zip(*results):
        np.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())
    node = types.SimpleNamespace(retain_inputs=lambda which: None)
    assert linear_products.linear(node, (x, W)) is not NotImplemented


@pytest.mark.parametrize('shape', [(3, 2, 5, 7), (40, 3, 14, 14), (9, 1, 28, 28), (128, 2, 4, 4)])
def test_sums_per_channel(shape):
    rng = np.random.RandomState(0)
    x, gy = (emulation.array(rng.randn(*shape).astype('f')) for _ in range(2))
    results = []
    for switch in 'never', 'auto':
        normalize = L.BatchNormalization(shape[1])
        normalize.cleargrads()
        x_ = chainer.Variable(x)
        with chainer.using_config('use_fast_gpu', switch):
            y = normalize(x_)
            y.grad = gy
            y.backward()
            total = F.sum(chainer.Variable(x), axis=(0, 2, 3))
        results.append([y.array, x_.grad, normalize.gamma.grad, normalize.beta.grad, normalize.avg_mean,
                        normalize.avg_var, total.array])
    for expected, found in zip(*results):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('shape', [(3, 2, 5, 7), (40, 3, 14, 14), (9, 1, 28, 28), (1, 2, 1, 1), (700, 2, 4, 4),
                                   (701, 1, 14, 14), (30, 3, 7), (2, 2, 3, 4, 5)])
@pytest.mark.parametrize('mean', [0, 1000])
def test_batch_normalization(shape, mean):
    rng = np.random.RandomState(0)
    x, gy = (rng.randn(*shape).astype('f') for _ in range(2))
    x += mean
    gamma, beta, running_mean, running_var = (emulation.array(rng.rand(shape[1]).astype('f')) for _ in range(4))
    axis, m = (0, *range(2, len(shape))), x.size // shape[1]
    before = np.array(running_mean), np.array(running_var)

    def of_channel(values):
        return np.asarray(values).reshape(-1, *[1] * (len(shape) - 2))
    y, _, *_, found_mean, var, inv_std, _ = batch_normalization.forward(
        IMPLEMENTATION, axis, gamma, emulation.array(x), None, None, None, beta, 1e-3, .9, running_mean, running_var)
    exact = x.astype('d')
    mu, v = exact.mean(axis=axis), exact.var(axis=axis)
    x_hat = (exact - of_channel(mu)) / np.sqrt(of_channel(v) + 1e-3)
    for found, expected in ((found_mean, mu), (var, v), (inv_std, 1 / np.sqrt(v + 1e-3)),
                            (y, of_channel(gamma) * x_hat + of_channel(beta)),
                            (running_mean, .9 * before[0] + .1 * mu),
                            (running_var, .9 * before[1] + .1 * v * m / max(m - 1, 1))):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-4 if mean else 1e-5)
    gx, _, ggamma, gbeta = batch_normalization.backward(
        IMPLEMENTATION, axis, gamma, *map(emulation.array, (gy, x)), None, None, None, found_mean, inv_std, 1e-3, None, None)
    sums = gy.astype('d').sum(axis=axis), (gy * x_hat).sum(axis=axis)
    expected = of_channel(gamma) / np.sqrt(of_channel(v) + 1e-3) * (
        gy - (of_channel(sums[0]) + x_hat * of_channel(sums[1])) / m)
    for found, wanted in (gx, expected), (gbeta, sums[0]), (ggamma, sums[1]):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=(1e-3 if mean else 1e-5) * (1 + abs(sums[1]).max()))
    same = batch_normalization.forward(
        IMPLEMENTATION, axis, gamma, emulation.array(x), None, None, None, beta, 1e-3, .9, None, None)
    for found, expected in zip(same[4:7], (found_mean, var, inv_std)):      # without running statistics
        np.testing.assert_array_equal(found, expected)
    longer = emulation.array(np.ones(shape[1] + 1, 'f'))
    for implementation, others, *running in ((IMPLEMENTATION, x.astype('d'), None, None),
                                             (IMPLEMENTATION, x.reshape(*shape[:2], -1)[:, :, 0], None, None),
                                             (IMPLEMENTATION, x, longer, longer), (OfManyNodes(), x, None, None)):
        assert batch_normalization.forward(implementation, axis, gamma, emulation.array(others), None, None, None, beta,
                                           1e-3, .9, *running) is NotImplemented
    assert batch_normalization.backward(OfManyNodes(), axis, gamma, *map(emulation.array, (gy, x)), None, None, None,
                                        found_mean, inv_std, 1e-3, None, None) is NotImplemented


IMPLEMENTATION = GeneralBatchNormalizationImpl()


class OfManyNodes(GeneralBatchNormalizationImpl):
    """As ChainerMN derives it, to ask the other processes."""


@pytest.mark.parametrize('frozen', [False, True])
def test_adam(frozen, monkeypatch):
    stand_in = types.SimpleNamespace(GpuDevice=chainer.backend.CpuDevice)
    monkeypatch.setattr(adam, 'chainer', types.SimpleNamespace(
        backends=types.SimpleNamespace(cuda=stand_in), optimizers=chainer.optimizers,
        using_device=chainer.using_device))
    rng = np.random.RandomState(0)
    x, t = rng.rand(20, 1, 28, 28).astype('f'), rng.randint(0, 10, 20).astype('i')
    found, used = [], 0
    for switch in 'never', 'auto':
        model = links.LeNet(rng=np.random.default_rng(0))
        for param in model.params():
            param.array = param.array.view(emulation.Array)
        optimizer = chainer.optimizers.Adam(weight_decay_rate=1e-2).setup(model)
        if frozen:
            model.conv1.disable_update()
        with chainer.using_config('use_fast_gpu', switch):
            for _ in range(4):
                used += switch == 'auto' and adam._is_plain(optimizer)
                optimizer.update(lambda x, t: F.softmax_cross_entropy(model(x), t), x, t)
        assert optimizer.t == model.fc5.W.update_rule.t == 4
        found.append([np.array(param.array) for param in model.params()])
    assert used == 3        # the first step makes the moments
    for expected, ours in zip(*found):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize('a, b, out, transposed', [
    ((1, 2, 8), (1, 4, 3), (1, 2, 3), {}), ((1, 2, 8), (1, 3, 8), (1, 2, 4), {'transpose_b': True}),
    ((2, 8, 2), (3, 8, 3), (3, 2, 3), {'transpose_a': True})])
def test_matrices_that_do_not_fit_never_reach_cublas(a, b, out, transposed):
    with pytest.raises(ValueError, match='do not make'):
        _cublas.multiply(*(emulation.array(np.ones(shape, 'f')) for shape in (a, b, out)), **transposed)
