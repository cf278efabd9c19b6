import os
import signal
import subprocess
import sys
import threading

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import links, training
from tests.nets import Dropping, interrupt_after, weights

pytestmark = pytest.mark.usefixtures('python_handles_ctrl_c')


def test_where_ctrl_c_is_ignored_it_stays_ignored(digits):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log = training.fit(interrupt_after(Dropping(), 3), digits[0], epochs=1, progress=False)
    assert log[-1]['iteration'] == 5 and signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_it_learns_and_tells(digits, capsys):
    train, test = digits
    log = training.fit(links.MLP(rng=np.random.default_rng(0)), train, test, epochs=4, batch_size=32)
    assert [entry['epoch'] for entry in log] == [1, 2, 3, 4]
    assert log[-1]['iteration'] == 4 * 600 // 32
    assert log[-1]['main/loss'] < log[0]['main/loss']
    assert log[-1]['validation/main/accuracy'] > 0.8
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == 'epoch train loss train acc test loss test acc seconds'.split()
    assert len(lines) == 5
    last = lines[-1].split()
    assert last[0] == '4' and last[1] == f'{log[-1]["main/loss"]:.4f}'
    assert last[4] == f'{log[-1]["validation/main/accuracy"]:.2%}'


def test_lenet5_of_1998_learns(digits):
    train, test = digits
    net = links.LeNet5(rng=np.random.default_rng(0))
    training.fit(net, train, epochs=12, batch_size=20, progress=False)
    assert training.evaluate(net, test)['accuracy'] > 0.8


def test_without_test_set_and_in_silence(digits, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = training.fit(links.MLP(), digits[0], epochs=1, progress=False)
    assert 'validation/main/loss' not in log[0]
    assert capsys.readouterr() == ('', '') and not list(tmp_path.iterdir())


def test_the_log_is_what_evaluate_says(digits):
    train, test = digits
    model = links.MLP()
    log = training.fit(model, train, test, epochs=1, progress=False)
    result = training.evaluate(model, test, batch_size=17)
    assert log[0]['validation/main/accuracy'] == pytest.approx(result['accuracy'])
    assert log[0]['validation/main/loss'] == pytest.approx(result['loss'], rel=1e-5)


def test_evaluate_and_predict_against_numpy(digits):
    x, t = digits[1]
    model = Dropping()
    logits = training.predict(model, x, batch_size=33)
    assert isinstance(logits, np.ndarray) and logits.shape == (200, 10)
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    result = training.evaluate(L.Classifier(model), (x, t))
    assert result['loss'] == pytest.approx(-log_p[np.arange(200), t].mean(), rel=1e-5)
    assert result['accuracy'] == np.mean(logits.argmax(axis=1) == t)


def test_fit_equals_a_plain_chainer_loop(digits):
    x, t = digits[0]
    ours, plain = links.MLP(rng=np.random.default_rng(1)), links.MLP(rng=np.random.default_rng(1))
    training.fit(ours, (x, t), epochs=1, batch_size=100, decay=False, seed=5, progress=False,
                 optimizer=chainer.optimizers.SGD(0.1))
    optimizer = chainer.optimizers.SGD(0.1).setup(plain)
    for batch in np.split(np.random.RandomState(5).permutation(600), 6):
        optimizer.update(lambda: F.softmax_cross_entropy(plain(x[batch]), t[batch]))
    np.testing.assert_array_equal(weights(ours), weights(plain))


@pytest.mark.parametrize('optimizer, attribute', [
    (chainer.optimizers.Adam(0.01), 'alpha'), (chainer.optimizers.MomentumSGD(0.01), 'lr'),
    (chainer.optimizers.RMSprop(0.01), 'lr')])
def test_the_step_size_falls_to_zero_and_is_restored(digits, optimizer, attribute):
    seen = []

    class Watched(links.MLP):
        def forward(self, x):
            if chainer.config.train:
                seen.append(getattr(optimizer, attribute))
            return super().forward(x)

    training.fit(Watched(), digits[0], epochs=2, batch_size=100, optimizer=optimizer, progress=False)
    np.testing.assert_allclose(seen, 0.01 * (1 - np.arange(12) / 12))
    assert getattr(optimizer, attribute) == 0.01


def test_an_optimizer_that_is_set_up_keeps_its_hooks_and_frozen_layers(digits):
    model = links.MLP()
    optimizer = chainer.optimizers.SGD(0.1).setup(model)
    calls = []
    optimizer.add_hook(calls.append, name='counter')
    model.fc1.disable_update()
    first, second = model.fc1.W.array.copy(), model.fc2.W.array.copy()
    training.fit(model, digits[0], epochs=1, optimizer=optimizer, progress=False)
    training.fit(model, digits[0], epochs=1, optimizer=optimizer, progress=False)
    assert len(calls) == 2 * 5
    np.testing.assert_array_equal(model.fc1.W.array, first)
    assert not np.array_equal(model.fc2.W.array, second)


def test_an_optimizer_without_step_size(digits):
    log = training.fit(links.MLP(), digits[0], epochs=1, optimizer=chainer.optimizers.AdaDelta(),
                       decay=False, progress=False)
    assert len(log) == 1


def test_lazy_layers_are_reproducible_too(digits):
    models = [chainer.Sequential(L.Linear(None, 10)) for _ in range(2)]
    for model in models:
        training.fit(model, digits[0], epochs=1, progress=False)
    np.testing.assert_array_equal(weights(models[0]), weights(models[1]))


def test_unsigned_labels_and_plain_data_sets(digits):
    class Plain:
        def __len__(self):
            return 100

        def __getitem__(self, i):
            return digits[0][0][i], np.uint8(digits[0][1][i])

    log = training.fit(links.MLP(), Plain(), Plain(), epochs=1, progress=False)
    assert 0 <= log[0]['validation/main/accuracy'] <= 1


def test_same_arguments_same_weights_and_the_global_generator_is_left_alone(digits):
    np.random.seed(7)
    first, second, third = Dropping(), Dropping(), Dropping()
    training.fit(first, digits[0], epochs=2, progress=False)
    training.fit(second, digits[0], epochs=2, progress=False)
    training.fit(third, digits[0], epochs=2, progress=False, seed=1)
    np.testing.assert_array_equal(weights(first), weights(second))
    assert not np.array_equal(weights(first), weights(third))
    assert np.random.random() == np.random.RandomState(7).random_sample()


def test_ctrl_c_restores_the_handler(digits):
    before = signal.getsignal(signal.SIGINT)
    training.fit(interrupt_after(Dropping(), 3), digits[0], epochs=1, progress=False)
    assert signal.getsignal(signal.SIGINT) is before


def test_fit_in_another_thread(digits):
    logs = []
    thread = threading.Thread(target=lambda: logs.append(
        training.fit(links.MLP(), digits[0], epochs=1, progress=False)))
    thread.start()
    thread.join()
    assert len(logs[0]) == 1


@pytest.mark.skipif(not hasattr(os, 'openpty'), reason='needs a pseudo terminal')
def test_bar_in_a_terminal():
    code = ('import numpy as np; from nico2ai_cnn import links, training;'
            'x = np.random.rand(200, 1, 28, 28).astype("f");'
            'training.fit(links.MLP(), (x, np.zeros(200, int)), epochs=2, batch_size=2)')
    parent, child = os.openpty()
    process = subprocess.Popen([sys.executable, '-c', code], stderr=child, stdout=subprocess.PIPE,
                               text=True)
    out, _ = process.communicate(timeout=120)
    bar = os.read(parent, 10**6).decode()
    os.close(child)
    os.close(parent)
    assert process.returncode == 0
    assert 'epoch 1/2' in bar and 'epoch 2/2' in bar and '/200' in bar
    assert len(out.splitlines()) == 3
