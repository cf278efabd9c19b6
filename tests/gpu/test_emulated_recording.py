"""Recorded steps, as far as they can be tried without a GPU: here a recording repeats nothing."""

import random

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import gpu, links
from tests.gpu import emulation

pytestmark = pytest.mark.usefixtures('emulated')
AT_FIRST = ['it is recorded after 3 that are alike'] * 3


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


def recorded(link, change=lambda y: y):
    """Returns a step that has been recorded, and what it takes."""
    step = steps(softmax_of(link, change), link, n=4)[0]
    assert step.why_as_usual is None
    return step, emulation.array(np.ones((6, 1, 28, 28), 'f')), emulation.array(np.zeros(6, 'i'))


def test_without_gradients_nothing_is_recorded():
    link = L.Linear(784, 10)
    with chainer.no_backprop_mode():
        step, why = gpu.RecordedStep(softmax_of(link), link), []
        for _ in range(6):
            step(emulation.array(np.ones((6, 784), 'f')), emulation.array(np.zeros(6, 'i')))
            why.append(step.why_as_usual)
    assert why == ['chainer.config.enable_backprop is False'] * 6
    assert steps(softmax_of(link), link)[1] == AT_FIRST + [None] * 3


def test_gradients_that_would_be_added_up():
    link = L.Linear(784, 10)
    step, x, t = recorded(link)
    with pytest.raises(RuntimeError, match='call cleargrads'):
        step(x, t).backward()
    link.cleargrads()
    earlier, later = step(x, t), step(x, t)
    with pytest.raises(RuntimeError, match='the gradients of this loss are gone'):
        earlier.backward()
    later.backward()
    assert link.W.grad is not None
    for asked in ({'retain_grad': True}, {'enable_double_backprop': True}):
        with pytest.raises(RuntimeError, match='parameters alone'):
            later.backward(**asked)


class Scaled(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.factor, self.mask = 1., emulation.array(np.ones(10, 'f'))
        with self.init_scope():
            self.fc = L.Linear(784, 10)

    def forward(self, x):
        return self.factor * self.fc(x) * self.mask


@pytest.mark.parametrize('name, value', [('factor', 0.5), ('mask', emulation.array(np.ones(10, 'f')))])
def test_attributes_that_change_are_noticed(name, value):
    link = Scaled()

    def change(i):
        if i == 5:
            setattr(link, name, value)
    assert steps(softmax_of(link), link, n=10, before=change)[1] == AT_FIRST + [None] * 2 + AT_FIRST + [None] * 2


def test_a_number_of_pythons_is_not_reported_for_ever():
    link = L.Linear(784, 10)

    def loss_func(x, t):
        chainer.report({'size': float(len(x))})
        return F.softmax_cross_entropy(link(x), t)
    with chainer.Reporter():
        assert steps(loss_func, link)[1] == AT_FIRST + ['it reports size, which is not computed on the GPU'] * 3
    assert steps(loss_func, link)[1] == AT_FIRST + [None] * 3      # nobody listens


def test_hooks_are_called():
    link, called = L.Linear(784, 10), []

    class Hook(chainer.LinkHook):
        name = 'hook'

        def forward_postprocess(self, args):
            called.append(args)
    with Hook():
        assert steps(softmax_of(link), link)[1] == ['Chainer is in debug mode, or a hook looks on'] * 6
    link.add_hook(Hook())
    assert steps(softmax_of(link), link)[1] == ['Chainer is in debug mode, or a hook looks on'] * 6
    assert len(called) == 12


def test_the_loss_is_a_number_that_cannot_be_calculated_with():
    link = L.Linear(784, 10)
    step, x, t = recorded(link)
    loss = step(x, t)
    assert float(loss) == loss.array == loss.data
    for calculate in lambda: 2 * loss, lambda: loss + F.sum(link.W ** 2), lambda: F.sum(link.W ** 2) + loss:
        with pytest.raises(TypeError):
            calculate()


def test_a_link_that_changes_all_the_time_is_recorded_no_more():
    link, n = Scaled(), [0]

    def change(i):
        n[0] += i % 5 == 0
        link.factor = 1. + n[0]
    why = steps(softmax_of(link), link, n=60, before=change)[1]
    assert why.count(None) == 10 and why[-20:] == ['what it uses of the link changes again and again'] * 20


def test_what_stands_on_an_instance_in_place_of_its_class():
    class Doubled(Scaled):
        late = 1.
    link = Doubled()

    def change(i):
        if i == 5:
            link.late = 2.
        elif i == 9:
            link.factor = np.ones(3, 'f')[:1]
    assert [why is None for why in steps(softmax_of(link), link, n=12, before=change)[1]] == [
        False] * 3 + [True] * 2 + [False] * 3 + [True] + [False] * 3


def test_variables_of_its_own_are_left_to_a_link():
    link = L.Linear(784, 10)
    link.shift = chainer.Variable(emulation.array(np.ones(10, 'f')))
    link.heads = None

    def change(y):
        link.heads = y, 2 * y
        return y + link.shift
    step, _, _ = recorded(link, change)
    step.forget()
    assert link.shift is not None and link.heads is None


def test_ctrl_c_while_it_records(monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt
    classifier = L.Classifier(links.MLP(rng=np.random.default_rng(0)))
    step = steps(classifier, classifier, n=3)[0]
    monkeypatch.setattr(emulation.Stream, 'begin_capture', interrupted)
    with pytest.raises(KeyboardInterrupt):
        step(emulation.array(np.ones((6, 1, 28, 28), 'f')), emulation.array(np.zeros(6, 'i')))
    assert classifier.loss is None


def test_what_a_classifier_keeps_goes_with_the_recording():
    classifier = L.Classifier(links.MLP(rng=np.random.default_rng(0)))
    step = steps(classifier, classifier, n=5)[0]
    assert step.why_as_usual is None and classifier.loss is not None
    step.forget()
    assert classifier.loss is classifier.y is classifier.accuracy is None


def test_where_memory_is_short_nothing_is_recorded(monkeypatch):
    monkeypatch.setattr(emulation.MemoryPool, 'total_bytes', lambda pool: 2)    # and one is free
    link = L.Linear(784, 10)
    assert steps(softmax_of(link), link)[1] == AT_FIRST + [
        'memory is short: a recording would leave less than a step as usual takes'] * 3
