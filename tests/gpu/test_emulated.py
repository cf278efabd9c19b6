"""What runs on a GPU, as far as that can be tried without one."""

import random
import types

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer.functions.connection import convolution_2d, deconvolution_2d
from chainer.utils.conv import col2im_cpu

from nico2ai_cnn import gpu, links
from nico2ai_cnn.gpu import _arrays, _cublas, _recording, adam, channel_sums, convolution, recorded_step
from nico2ai_cnn.gpu import linear as linear_products, local_convolution
from tests.gpu import emulation

pytestmark = [
    pytest.mark.skipif(chainer.backends.cuda.available, reason='CuPy is here: see test_gpu.py'),
    pytest.mark.skipif(bool(emulation.why_not()), reason=str(emulation.why_not()))]


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    cuda = emulation.cuda()
    for module in (_arrays, _cublas, _recording, adam, channel_sums, convolution, linear_products, local_convolution,
                   recorded_step):
        monkeypatch.setattr(module, 'cuda', cuda)
    monkeypatch.setattr(_cublas, '_library', emulation.CuBLAS)
    monkeypatch.setattr(_cublas, '_workspace', lambda: types.SimpleNamespace(ptr=0))
    for module in convolution, local_convolution:
        monkeypatch.setattr(module, 'col2im_gpu', lambda *args: col2im_cpu(*args).view(emulation.Array))
    with chainer.using_config('use_compiled_cpu', 'never'):
        yield


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


@pytest.mark.parametrize('in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias', [
    (3, 5, 9, 3, 1, 1, 1, 1, True), (4, 6, 10, 3, 2, 0, 2, 1, True), (4, 6, 7, 1, 1, 0, 1, 1, False),
    (4, 6, 7, 1, 2, 0, 2, 1, True), (2, 8, 11, (3, 2), (2, 1), (1, 2), 1, 2, True), (4, 50, 5, 5, 1, 0, 1, 1, False)])
def test_convolution(in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias, monkeypatch):
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
    assert np.asarray(channel_sums._sums('x[i]', x)) == pytest.approx(np.asarray(x).sum(axis=(0, 2, 3)), abs=1e-3)


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


def steps(loss_func, link, n=6, before=lambda i: None):
    """Takes steps; returns the RecordedStep, and why each was taken as usual."""
    rng = np.random.RandomState(0)
    x, t = emulation.array(rng.rand(6, 1, 28, 28).astype('f')), emulation.array(rng.randint(0, 10, 6).astype('i'))
    step, why = gpu.RecordedStep(loss_func, link), []
    for i in range(n):
        before(i)
        loss = step(x, t)
        link.cleargrads()
        loss.backward()
        assert all(param.grad is not None for param in link.params())
        why.append(step.why_as_usual)
    return step, why


def softmax_of(link, change=lambda y: y):
    return lambda x, t: F.softmax_cross_entropy(change(link(x)), t)


AT_FIRST = ['it is recorded after 3 that are alike'] * 3


def test_recording_leaves_reports_and_running_means_as_they_were():
    classifier = L.Classifier(links.ResNet(8, 10, 1, small=True, rng=np.random.default_rng(0)))
    for link in classifier.links():
        if isinstance(link, L.BatchNormalization):
            link.avg_mean, link.avg_var = emulation.array(link.avg_mean), emulation.array(link.avg_var)
    reporter, observed, means = chainer.Reporter(), [], []
    reporter.add_observer('main', classifier)

    def note(i):
        means.append(classifier.predictor.bn1.avg_mean.copy())
        observed.append({})
        reporter.observation = observed[-1]

    with reporter:
        _, why = steps(classifier, classifier, before=note)
    assert why == AT_FIRST + [None] * 3
    assert all(each.keys() == {'main/loss', 'main/accuracy'} for each in observed)
    assert isinstance(observed[3]['main/loss'], np.floating)
    assert abs(means[3] - means[2]).max() > 1e-4 and (means[4] == means[3]).all()   # this graph repeats nothing


@pytest.mark.parametrize('draw', [np.random.rand, random.random], ids=['numpy.random', 'random'])
def test_what_draws_is_not_recorded(draw):
    link = L.Linear(784, 10)
    why = steps(softmax_of(link, lambda y: y * float(draw())), link)[1]
    assert why == AT_FIRST[:1] + ['it draws random numbers'] * 5


def test_what_changes_is_not_recorded():
    link, seen = L.Linear(784, 10), []

    def change(y):
        seen.append(y)
        return y * (1 - 0.1 * len(seen))
    assert steps(softmax_of(link, change), link)[1] == AT_FIRST * 2


def test_what_cannot_be_captured_is_not_recorded(monkeypatch):
    def fails(self):
        raise RuntimeError('the current stream is capturing, so D2H transfers are disallowed')
    freed = []
    monkeypatch.setattr(emulation.Stream, 'begin_capture', fails)
    monkeypatch.setattr(emulation.MemoryPool, 'free_all_blocks', lambda pool: freed.append(pool))
    link = L.Linear(784, 10)
    assert steps(softmax_of(link), link)[1] == AT_FIRST + [
        'RuntimeError: the current stream is capturing, so D2H transfers are disallowed'] * 3
    assert len(freed) == 2      # of steps as usual before, and what the refused recording had asked for


def test_what_comes_out_differently_is_not_recorded():
    link, seen = L.Linear(784, 10), []

    def change(y):
        seen.append(y)
        if len(seen) == 5:      # the fourth step is tried out once, and then recorded
            y.array[...] *= 3
        return y
    assert steps(softmax_of(link, change), link)[1] == AT_FIRST + ['it comes out differently when it is repeated'] * 3


@pytest.mark.parametrize('which', ['parameter', 'persistent'])
def test_arrays_that_moved_and_recordings_that_are_forgotten(which):
    link = L.Linear(784, 10)
    link.add_persistent('shift', emulation.array(np.ones(10, 'f')))

    def move(i):
        if i == 5 and which == 'parameter':
            link.W.array = link.W.array.copy()
        elif i == 5:
            link.shift = link.shift.copy()
    step, why = steps(softmax_of(link, lambda y: y + link.shift), link, n=10, before=move)
    assert why == AT_FIRST + [None] * 2 + AT_FIRST + [None] * 2
    step.forget()
    x, t = emulation.array(np.zeros((6, 784), 'f')), emulation.array(np.zeros(6, 'i'))
    assert isinstance(step(x, t), chainer.Variable)


def test_shapes_and_modes_have_recordings_of_their_own():
    link = L.Linear(784, 10)
    step = gpu.RecordedStep(softmax_of(link), link)
    why = []
    for n in 6, 6, 4, 6, 6, 4, 6:
        step(emulation.array(np.ones((n, 784), 'f')), emulation.array(np.zeros(n, 'i')))
        why.append(step.why_as_usual is None)
    assert why == [False, False, False, False, True, False, True]
    with chainer.using_config('train', False):
        step(emulation.array(np.ones((6, 784), 'f')), emulation.array(np.zeros(6, 'i')))
    assert step.why_as_usual
    with chainer.using_config('use_fast_gpu', 'never'):
        step(emulation.array(np.ones((6, 784), 'f')), emulation.array(np.zeros(6, 'i')))
    assert 'never' in step.why_as_usual


def test_a_loss_scale_is_neither_multiplied_nor_divided_by():
    found = []
    for switch in 'never', 'auto':
        link = L.Linear(784, 10, initialW=chainer.initializers.Uniform(0.1, rng=np.random.RandomState(0)))
        optimizer = chainer.optimizers.SGD(0.1).setup(link)
        optimizer.set_loss_scale(8.)
        step = gpu.RecordedStep(softmax_of(link), link)
        with chainer.using_config('use_fast_gpu', switch):
            for _ in range(3):
                optimizer.update(step, emulation.array(np.ones((6, 784), 'f')), emulation.array(np.zeros(6, 'i')))
            before = np.array(link.b.array)
            optimizer.update(step, emulation.array(np.ones((6, 784), 'f')), emulation.array(np.zeros(6, 'i')))
        found.append(np.array(link.b.array) - before)
    assert step.why_as_usual is None
    np.testing.assert_allclose(found[1], found[0], rtol=0.5)    # what is repeated here is the step before
