"""A recorded step is the step; what it would not be true to is not recorded."""

import gc
import random

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import gpu, links
from nico2ai_cnn.gpu._recording import free_retired
from tests.gpu.where import on_gpu, to_cpu


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
    random.seed(0)
    np.random.seed(0)
    steps = Twelve(lambda: Wrapped(between), digits, 'auto')
    assert steps.kinds == ['as usual'] * 12 and steps.step.why_as_usual
    assert np.isfinite(steps.losses).all() and len(set(steps.losses)) == 12     # each step is another
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
def test_what_is_asked_of_cudnn_is_recorded_anew(digits):
    model = links.ResNet(8, 10, 1, small=True, rng=np.random.default_rng(0))
    model.to_device('@cupy:0')
    step = gpu.RecordedStep(lambda x, t: F.softmax_cross_entropy(model(x), t), model)
    x, t = model.device.send((digits[0][0][:40], digits[0][1][:40].astype('i')))
    usual = []
    for setting in 'auto', 'always', 'auto':
        with chainer.using_config('use_cudnn_tensor_core', setting):
            kinds = [isinstance(step(x, t), chainer.Variable) for _ in range(5)]
        usual.append(sum(kinds))
    assert usual == [3, 3, 0]


@on_gpu
def test_memory_comes_back(digits, monkeypatch):
    cupy = chainer.backends.cuda.cupy
    pools, make = [], cupy.cuda.MemoryPool

    def remembered(allocator):
        pools.append(make(allocator))
        return pools[-1]
    monkeypatch.setattr(cupy.cuda, 'MemoryPool', remembered)
    steps = Twelve(lambda: links.ResNet(8, 10, 1, small=True, rng=np.random.default_rng(0)), digits, 'auto')
    assert steps.kinds[-1] == 'recorded' and len(pools) == 1 and pools[0].total_bytes() > 2 ** 20
    steps.step.forget()
    steps.model.cleargrads()
    del steps
    gc.collect()
    free_retired()
    assert pools[0].total_bytes() == 0
