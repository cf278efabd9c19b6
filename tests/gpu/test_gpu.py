"""What runs on a GPU instead of Chainer's own paths computes the same; and a recorded step is the step."""

import gc
import random

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import _device, gpu, links

needs_gpu = pytest.mark.skipif(bool(_device.why_no_gpu()), reason=f'no GPU: {_device.why_no_gpu()}')


def on_gpu(test):
    return pytest.mark.gpu(needs_gpu(test))


def to_cpu(array):
    return chainer.backends.cuda.to_cpu(array)


def test_a_switch_that_is_neither():
    with chainer.using_config('use_fast_gpu', 'always'), pytest.raises(ValueError, match="'auto' or 'never'; got 'alw"):
        gpu.is_used()


def test_on_a_cpu_a_step_runs_as_usual(digits):
    x, t = (part[:8] for part in digits[0])
    model = links.LeNet(rng=np.random.default_rng(0))
    step = gpu.RecordedStep(lambda x, t: F.softmax_cross_entropy(model(x), t.astype('i')), model)
    optimizer = chainer.optimizers.Adam().setup(model)
    losses = []
    for _ in range(6):
        loss = step(x, t)
        model.cleargrads()
        loss.backward()
        optimizer.update()
        losses.append(float(loss.array))
    assert isinstance(loss, chainer.Variable) and losses[5] < losses[0] and optimizer.t == 6


@on_gpu
@pytest.mark.parametrize('in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias', [
    (3, 5, 9, 3, 1, 1, 1, 1, True), (1, 20, 28, 5, 1, 0, 1, 1, True), (20, 50, 12, 5, 1, 0, 1, 1, True),
    (4, 6, 10, 3, 2, 0, 2, 1, True), (4, 6, 7, 1, 1, 0, 1, 1, False), (4, 6, 7, 1, 2, 0, 2, 1, True),
    (2, 8, 11, (3, 2), (2, 1), (1, 2), 1, 2, True), (4, 50, 5, 5, 1, 0, 1, 1, False),
    (64, 64, 4, 3, 1, 1, 1, 1, False)])
def test_convolution(in_channels, out_channels, size, ksize, stride, pad, groups, dilate, bias):
    rng = np.random.RandomState(0)
    x = rng.randn(6, in_channels, size, size + 1).astype('f')
    kh, kw = ksize if isinstance(ksize, tuple) else (ksize, ksize)
    W = rng.randn(out_channels, in_channels // groups, kh, kw).astype('f')
    b = rng.randn(out_channels).astype('f')
    results = []
    for device, switch in ('@numpy', 'auto'), ('@cupy:0', 'never'), ('@cupy:0', 'auto'):
        inputs = [chainer.Variable(chainer.get_device(device).send(array)) for array in (x, W, b)[:3 if bias else 2]]
        with chainer.using_config('use_fast_gpu', switch):
            y = F.convolution_2d(*inputs, stride=stride, pad=pad, groups=groups, dilate=dilate)
            F.sum(y * y).backward()
        results.append([to_cpu(array) for array in (y.array, *(variable.grad for variable in inputs))])
    for on_cpu, stock, ours in zip(*results):
        scale = abs(on_cpu).max()
        np.testing.assert_allclose(stock, on_cpu, atol=1e-4 * scale)
        np.testing.assert_allclose(ours, on_cpu, atol=1e-4 * scale)
    assert y.array.flags.c_contiguous


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
@pytest.mark.parametrize('shape', [(3, 2, 5, 7), (128, 16, 14, 14), (1024, 64, 4, 4), (9, 1, 28, 28), (400, 16, 14, 14)])
def test_sums_per_channel(shape):
    rng = np.random.RandomState(0)
    arrays = rng.randn(*shape).astype('f'), rng.randn(*shape).astype('f')
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
        np.testing.assert_allclose(stock, on_cpu, rtol=1e-3, atol=2e-3)
        np.testing.assert_allclose(ours, on_cpu, rtol=1e-3, atol=2e-3)


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


class Twelve:
    """Twelve steps of a model, recorded or not."""

    def __init__(self, make, digits, switch, sizes=(40,) * 12):
        x, t = digits[0]
        self.model = L.Classifier(make())
        self.model.to_device('@cupy:0')
        self.step = gpu.RecordedStep(self.model, self.model)
        optimizer = chainer.optimizers.MomentumSGD(0.01).setup(self.model)
        reporter = chainer.Reporter()
        reporter.add_observer('main', self.model)
        self.losses, self.reports, self.kinds = [], [], []
        with chainer.using_config('use_fast_gpu', switch):
            for i, size in enumerate(sizes):
                batch = self.model.device.send((x[20 * i:20 * i + size], t[20 * i:20 * i + size].astype('i')))
                observation = {}
                with reporter.scope(observation):
                    loss = self.step(*batch)
                self.model.cleargrads()
                loss.backward()
                optimizer.update()
                self.losses.append(float(loss.array))
                self.reports.append({name: float(getattr(value, 'array', value))
                                     for name, value in observation.items()})
                self.kinds.append('as usual' if isinstance(loss, chainer.Variable) else 'recorded')


@on_gpu
@pytest.mark.parametrize('make', [
    lambda: links.LeNet(rng=np.random.default_rng(0)),
    lambda: links.ResNet(8, 10, 1, small=True, rng=np.random.default_rng(0)),
    lambda: links.MLP(rng=np.random.default_rng(0))], ids=['LeNet', 'ResNet', 'MLP'])
def test_recorded_steps(make, digits):
    usual, recorded = Twelve(make, digits, 'never'), Twelve(make, digits, 'auto')
    assert usual.kinds == ['as usual'] * 12
    assert recorded.kinds == ['as usual'] * 3 + ['recorded'] * 9, recorded.step._known
    np.testing.assert_allclose(recorded.losses, usual.losses, rtol=2e-3)
    for ours, theirs in zip(recorded.reports, usual.reports):
        assert ours.keys() == theirs.keys() == {'main/loss', 'main/accuracy'}
        assert ours['main/loss'] == pytest.approx(theirs['main/loss'], rel=2e-3)
        assert ours['main/accuracy'] == pytest.approx(theirs['main/accuracy'], abs=.026)
    for (name, ours), (_, theirs) in zip(recorded.model.namedparams(), usual.model.namedparams()):
        np.testing.assert_allclose(to_cpu(ours.array), to_cpu(theirs.array), atol=2e-3, err_msg=name)
    if hasattr(recorded.model.predictor, 'bn1'):
        means = [to_cpu(steps.model.predictor.bn1.avg_mean) for steps in (recorded, usual)]
        np.testing.assert_allclose(*means, rtol=1e-2, atol=1e-4)


@on_gpu
def test_each_size_of_batch_has_its_recording(digits):
    sizes = (40, 40, 30, 40, 40, 30, 40, 30, 30, 40, 40, 30)
    recorded = Twelve(lambda: links.LeNet(rng=np.random.default_rng(0)), digits, 'auto', sizes=sizes)
    usual = Twelve(lambda: links.LeNet(rng=np.random.default_rng(0)), digits, 'never', sizes=sizes)
    assert recorded.kinds == ['as usual'] * 4 + ['recorded'] + ['as usual', 'recorded'] + ['as usual'] \
        + ['recorded'] * 4
    np.testing.assert_allclose(recorded.losses, usual.losses, rtol=2e-3)


class Wrapped(chainer.Chain):
    def __init__(self, between):
        super().__init__()
        self.between, self.n = between, 0
        with self.init_scope():
            self.first, self.last = L.Linear(784, 30), L.Linear(30, 10)

    def forward(self, x):
        self.n += 1
        return self.last(self.between(F.relu(self.first(x)), self))


@on_gpu
@pytest.mark.parametrize('between', [
    lambda h, _: F.dropout(h), lambda h, _: h * float(np.random.rand()), lambda h, _: h * random.random(),
    lambda h, net: h * (1 - 0.01 * net.n), lambda h, _: h * (1. if float(h.array.mean()) > 0 else 2.)],
    ids=['dropout', 'numpy.random', 'random', 'counts', 'looks'])
def test_what_a_recording_would_not_be_true_to_is_not_recorded(between, digits):
    steps = Twelve(lambda: Wrapped(between), digits, 'auto')
    assert steps.kinds == ['as usual'] * 12 and steps.step.why_as_usual
    assert steps.losses[-1] < steps.losses[0]
    assert chainer.backends.cuda.cupy.random.rand(3).sum() > 0     # a refused recording leaves the generator well


@on_gpu
def test_parameters_that_moved_are_recorded_anew(digits):
    steps = Twelve(lambda: links.MLP(rng=np.random.default_rng(0)), digits, 'auto')
    batch = steps.model.device.send((digits[0][0][:40], digits[0][1][:40].astype('i')))
    reporter = chainer.Reporter()
    reporter.add_observer('main', steps.model)
    with reporter:
        before = steps.step(*batch)
        for param in steps.model.params():
            param.array = 2 * param.array
        moved = steps.step(*batch)
        assert isinstance(moved, chainer.Variable) and not isinstance(before, chainer.Variable)
        assert float(moved.array) != pytest.approx(float(before), rel=1e-3)
        assert float(steps.step(*batch).array) == pytest.approx(float(moved.array), rel=1e-4)


@on_gpu
def test_memory_comes_back(digits):
    pool = chainer.backends.cuda.cupy.get_default_memory_pool()

    def free():
        gc.collect()
        pool.free_all_blocks()
        return chainer.backends.cuda.cupy.cuda.runtime.memGetInfo()[0]
    left = []
    for _ in range(3):
        steps = Twelve(lambda: links.ResNet(8, 10, 1, small=True, rng=np.random.default_rng(0)), digits, 'auto')
        assert steps.kinds[-1] == 'recorded'
        steps.step.forget()
        steps.model.cleargrads()
        del steps
        left.append(free())
    assert left[2] >= left[0] - 8 * 2 ** 20
