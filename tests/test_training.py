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

from nico2ai_cnn import _device, links, training


X, T = np.zeros((4, 1, 28, 28), np.float32), np.array([0, 1, 2, 3])


class Dropping(chainer.Chain):
    """A perceptron with dropout, so that resuming must restore its masks too."""

    def __init__(self, seed=0):
        super().__init__()
        with self.init_scope():
            self.mlp = links.MLP(rng=np.random.default_rng(seed))

    def forward(self, x):
        return self.mlp(F.dropout(x, 0.3))


class Cluttered(links.MLP):
    """Has a layer that nothing calls, so that it never learns its size."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.unused = L.Linear(None, 3)


def weights(model):
    return np.concatenate([param.array.ravel() for param in model.params()])


@pytest.fixture(autouse=True)
def python_handles_ctrl_c():
    """A job in the background starts with Ctrl-C ignored; these tests need it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_where_ctrl_c_is_ignored_it_stays_ignored(digits):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log = training.fit(interrupt_after(Dropping(), 3), digits[0], epochs=1, progress=False)
    assert log[-1]['iteration'] == 5 and signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def interrupt_after(model, n_step):
    """Returns the model with a forward that sends Ctrl-C during step n_step."""
    forward, calls = model.forward, []

    def counting(x):
        calls.append(1)
        if chainer.config.train and sum(calls) == n_step:
            signal.raise_signal(signal.SIGINT)
        return forward(x)

    model.forward = counting
    return model


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


@pytest.mark.parametrize('n_step', [3, 5, 8])
def test_stopped_and_resumed_equals_uninterrupted_to_the_bit(digits, tmp_path, capsys, n_step):
    train, test = digits
    whole = Dropping()
    whole_log = training.fit(whole, train, test, epochs=3, batch_size=128)
    path = tmp_path / 'runs' / 'snapshot.npz'
    stopped = interrupt_after(Dropping(), n_step + 2)  # two calls are the probes
    log = training.fit(stopped, train, test, epochs=3, batch_size=128, snapshot=path)
    assert 'the model keeps what it has learnt' in capsys.readouterr().out
    assert len(log) < 3 and not np.array_equal(weights(stopped), weights(Dropping()))

    resumed = Dropping(seed=9)
    log = training.fit(resumed, train, test, epochs=3, batch_size=128, snapshot=path, resume=True)
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    for entry, other in zip(log, whole_log, strict=True):
        assert {**entry, 'elapsed_time': 0} == {**other, 'elapsed_time': 0}
    assert [path.name for path in path.parent.iterdir()] == ['snapshot.npz']


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


def test_resuming_a_finished_run_trains_no_further(digits, tmp_path):
    path = tmp_path / 'snapshot.npz'
    first, second = Dropping(), Dropping()
    training.fit(first, digits[0], epochs=2, snapshot=path, resume=True, progress=False)
    log = training.fit(second, digits[0], epochs=2, snapshot=path, resume=True, progress=False)
    assert len(log) == 2
    np.testing.assert_array_equal(weights(first), weights(second))


class TestSnapshotErrors:

    @pytest.fixture
    def path(self, digits, tmp_path):
        path = tmp_path / 'snapshot.npz'
        training.fit(links.MLP(), digits[0], epochs=1, snapshot=path, progress=False)
        return path

    def test_existing_file_is_not_overwritten(self, digits, path):
        content = path.read_bytes()
        with pytest.raises(FileExistsError, match='pass resume=True'):
            training.fit(links.MLP(), digits[0], snapshot=path)
        assert path.read_bytes() == content

    def test_resume_without_path(self, digits):
        with pytest.raises(ValueError, match='resume=True needs snapshot'):
            training.fit(links.MLP(), digits[0], resume=True)

    @pytest.mark.parametrize('content', [b'', b'not a zip file', None])
    def test_damaged(self, digits, path, content):
        path.write_bytes(path.read_bytes()[:5000] if content is None else content)
        model = links.MLP()
        before = weights(model)
        with pytest.raises(ValueError, match='is damaged'):
            training.fit(model, digits[0], snapshot=path, resume=True, progress=False)
        np.testing.assert_array_equal(weights(model), before)

    def test_of_another_network(self, digits, path):
        model = links.LeNet()
        before = weights(model)
        with pytest.raises(ValueError, match='is of another network: .*no entry there'):
            training.fit(model, digits[0], snapshot=path, resume=True, progress=False)
        np.testing.assert_array_equal(weights(model), before)

    @pytest.mark.parametrize('arguments, what', [
        ({'decay': False}, 'decay=False'), ({'batch_size': 7}, 'in batches of 7'),
        ({'optimizer': chainer.optimizers.SGD(0.1)}, 'SGD'), ({'test': (X, T)}, 'with a test set')])
    def test_with_other_arguments(self, digits, path, arguments, what):
        model = links.MLP()
        before = weights(model)
        with pytest.raises(ValueError, match='is of a run with 600 examples in batches of 128, Adam, '
                                             f'decay=True, without a test set; .*{what}'):
            training.fit(model, digits[0], snapshot=path, resume=True, progress=False, **arguments)
        np.testing.assert_array_equal(weights(model), before)

    def test_with_more_epochs_or_without_progress_is_fine(self, digits, path, capsys):
        log = training.fit(links.MLP(), digits[0], epochs=2, snapshot=path, resume=True)
        assert [entry['epoch'] for entry in log] == [1, 2]
        assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize('train, error, message', [
    ((X[:0], T[:0]), ValueError, 'train is empty'),
    ([], ValueError, 'train is empty'),
    ((X, T[:3]), ValueError, 'train has 4 images, but 3 labels'),
    (X, TypeError, r'train must hold \(image, label\) tuples; its first example is ndarray'),
    (None, TypeError, 'train must be a data set'),
    ((X.astype(np.float64), T), TypeError, 'images must be float32 in .*; the first one is float64'),
    (((X * 255).astype(np.uint8), T), TypeError, 'images must be float32 in .*; the first one is uint8'),
    ((X, T.astype(float)), TypeError, 'a label must be one integer; .*float64'),
    ((X, np.eye(4, dtype=int)), TypeError, r'a label must be one integer; the first one has shape \(4,\)'),
    ((X[:, :, :20], T), ValueError, r'x must have shape .*got \(1, 1, 20, 28\)'),
    ((X, T + 7), ValueError, 'label 10 is out of range; the model has 10 classes, so labels must be 0 to 9'),
    ((X, T - 1), ValueError, 'label -1 is out of range')])
def test_bad_training_data(train, error, message):
    model = links.MLP()
    before = weights(model)
    with pytest.raises(error, match=message):
        training.fit(model, train, progress=False)
    np.testing.assert_array_equal(weights(model), before)


def test_bad_test_data():
    with pytest.raises(ValueError, match='test is empty'):
        training.fit(links.MLP(), (X, T), (X[:0], T[:0]))
    with pytest.raises(ValueError, match='test: label 10 is out of range'):
        training.fit(links.MLP(), (X, T), (X, T + 7))
    with pytest.raises(ValueError, match='data: label 10 is out of range'):
        training.evaluate(links.MLP(), (X, T + 9))
    with pytest.raises(ValueError, match='x is empty'):
        training.predict(links.MLP(), X[:0])


def test_models_that_do_not_fit():
    with pytest.raises(ValueError, match='train: the model rejects an image of shape'):
        training.fit(chainer.Sequential(L.Convolution2D(3, 4, 3)), (X, T))
    with pytest.raises(ValueError, match=r'must return logits of shape \(N, n_class\)'):
        training.fit(chainer.Sequential(L.Convolution2D(1, 4, 3)), (X, T))


@pytest.mark.parametrize('model, arguments, error, message', [
    (lambda x: x, {}, TypeError, 'model must be a chainer.Chain; got function'),
    (chainer.Sequential(lambda x: (x, x)), {}, TypeError, 'must return logits.*it returned tuple'),
    (links.MLP(), {'optimizer': 'adam'}, TypeError, "optimizer must be a chainer.Optimizer.*got 'adam'"),
    (links.MLP(), {'optimizer': chainer.optimizers.AdaDelta()}, ValueError, 'pass decay=False'),
    (Cluttered(), {}, ValueError, 'the model never uses /unused/W in forward')])
def test_unusable_models_and_optimizers(model, arguments, error, message):
    with pytest.raises(error, match=message):
        training.fit(model, (X, T), **arguments)


def test_classifier_without_accuracy():
    classifier = L.Classifier(links.MLP())
    classifier.compute_accuracy = False
    with pytest.raises(ValueError, match='compute_accuracy=True'):
        training.fit(classifier, (X, T))


@pytest.mark.parametrize('name', ['epochs', 'batch_size'])
@pytest.mark.parametrize('value', [0, -3, 1.5])
def test_bad_counts(name, value):
    with pytest.raises(ValueError, match=f'{name} must be an integer of at least 1; got {value}'):
        training.fit(links.MLP(), (X, T), **{name: value})


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_loss_that_is_not_a_number_names_the_step_and_keeps_the_weights(bad, digits):
    x, t = digits[0]
    x = x.copy()
    x[np.random.RandomState(0).permutation(600)[350]] = bad  # in the fourth batch of the first epoch
    model, reference = links.MLP(rng=np.random.default_rng(0)), links.MLP(rng=np.random.default_rng(0))
    with np.errstate(all='ignore'), pytest.raises(
            FloatingPointError, match=r'the loss became \S+ at step 4 \(epoch 1\)'):
        training.fit(model, (x, t), epochs=2, batch_size=100, decay=False, progress=False)
    order = np.random.RandomState(0).permutation(600)[:300]
    optimizer = chainer.optimizers.Adam(0.003).setup(reference)
    for batch in np.split(order, 3):
        optimizer.update(lambda: F.softmax_cross_entropy(reference(x[batch]), t[batch]))
    np.testing.assert_array_equal(weights(model), weights(reference))


@pytest.mark.skipif(_device.why_no_gpu() is None, reason='there is a GPU here')
@pytest.mark.parametrize('device', ['gpu', '@cupy:0', 0])
def test_gpu_where_there_is_none(device):
    with pytest.raises(RuntimeError, match="needs a GPU, and there is none.*use device='auto' or 'cpu'"):
        training.fit(links.MLP(), (X, T), device=device)


def test_choose_device():
    assert str(training.choose_device('cpu')) == '@numpy'
    assert str(training.choose_device('@numpy')) == '@numpy'
    expected = '@numpy' if _device.why_no_gpu() else '@cupy:0'
    assert str(training.choose_device()) == expected


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
