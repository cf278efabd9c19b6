"""A batch too large for the memory: fit says which fits, predict takes less at a time."""

import subprocess
import sys
import weakref

import chainer
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import training
from tests.notebook_files import ROOT


class Full(chainer.FunctionNode):
    """Has memory for ``limit`` examples, on the way back."""

    def __init__(self, limit):
        super().__init__()
        self._limit = limit

    def forward(self, inputs):
        return inputs

    def backward(self, indexes, gradients):
        if len(gradients[0]) > self._limit:
            raise MemoryError('no more:\n 8 bytes')
        return gradients


class Hungry(chainer.Chain):
    def __init__(self, limit, on_the_way_back=False, only_in_training=True):
        super().__init__()
        self._limit, self._on_the_way_back, self._only_in_training = limit, on_the_way_back, only_in_training
        Hungry.kept = []    # of each step that was too much, what it has computed; for copies too
        with self.init_scope():
            self.bn = L.BatchNormalization(784)
            self.fc = L.Linear(784, 10, initialW=chainer.initializers.LeCunNormal(rng=np.random.default_rng(0)))

    def forward(self, x):
        assert all(kept() is None for kept in self.kept), 'what an earlier step has computed takes memory'
        h = self.fc(self.bn(x.reshape(len(x), 784)))
        if len(x) > self._limit and (chainer.config.train or not self._only_in_training):
            self.kept.append(weakref.ref(h))
            if not self._on_the_way_back:
                raise MemoryError('no more:\n 8 bytes')
        return Full(self._limit).apply((h,))[0] if self._on_the_way_back else h


@pytest.mark.parametrize('on_the_way_back', [False, True])
def test_fit_names_a_batch_size_that_fits(on_the_way_back, digits):
    train, _ = digits
    model = Hungry(20, on_the_way_back)
    before = model.fc.W.array.copy()
    with pytest.raises(MemoryError) as caught:
        training.fit(model, train, batch_size=100, progress=False)
    assert str(caught.value) == (
        'out of memory in step 1 with batch_size=100; batch_size=12 fits, a step with it was tried. '
        'The model keeps the parameters from before this step. (no more: 8 bytes)')
    np.testing.assert_array_equal(model.fc.W.array, before)
    assert len(model.kept) == 3                         # 100, 50 and 25
    training.fit(model, train, epochs=1, batch_size=12, progress=False)


def test_trying_leaves_the_means_of_batch_normalisation(digits):
    train, _ = digits
    model = Hungry(20, on_the_way_back=True)
    one_step = Hungry(1000)
    with chainer.using_config('train', True):
        one_step(train[0][np.random.RandomState(0).permutation(600)[:100]])     # the step that failed did forward
    with pytest.raises(MemoryError):
        training.fit(model, train, batch_size=100, progress=False)
    np.testing.assert_allclose(model.bn.avg_mean, one_step.bn.avg_mean, rtol=1e-5)


def test_fit_where_not_even_one_example_fits(digits):
    with pytest.raises(MemoryError, match='batch_size=4; not even one example fits'):
        training.fit(Hungry(0), digits[0], batch_size=4, progress=False)


def test_predict_takes_less_at_a_time(digits):
    x = digits[1][0][:100]
    y = training.predict(Hungry(1000), x)
    np.testing.assert_allclose(training.predict(Hungry(30, only_in_training=False), x), y, rtol=1e-5, atol=1e-6)
    with pytest.raises(MemoryError, match='no more'):
        training.predict(Hungry(0, only_in_training=False), x)


@pytest.mark.skipif(sys.platform != 'linux', reason='limits memory as Linux does')
def test_with_memory_that_is_really_short():
    code = '''
        import resource, numpy as np
        from nico2ai_cnn import links, training
        x, t = np.zeros((20000, 1, 28, 28), 'f'), np.zeros(20000, int)
        training.fit(links.LeNet(), (x[:64], t[:64]), epochs=1, progress=False)
        size = 4096 * int(open('/proc/self/statm').read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (size + 300 * 2 ** 20,) * 2)
        try:
            training.fit(links.LeNet(), (x, t), epochs=1, batch_size=20000, progress=False)
        except MemoryError as error:
            print(error)
        '''
    code = '\n'.join(line[8:] for line in code.splitlines())
    said = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert said.stdout.startswith('out of memory in step 1 with batch_size=20000; batch_size='), said.stderr
