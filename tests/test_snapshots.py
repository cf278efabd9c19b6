"""Snapshots: what resumes goes on to the bit, and what cannot says why."""

import chainer
import numpy as np
import pytest

from nico2ai_cnn import links, training
from tests.nets import Dropping, interrupt_after, weights

pytestmark = pytest.mark.usefixtures('python_handles_ctrl_c')
X, T = np.zeros((4, 1, 28, 28), np.float32), np.array([0, 1, 2, 3])


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
        ({'optimizer': chainer.optimizers.SGD(0.1)}, 'SGD'), ({'test': (X, T)}, 'with a test set'), ({'seed': 5}, 'seed=5')])
    def test_with_other_arguments(self, digits, path, arguments, what):
        model = links.MLP()
        before = weights(model)
        with pytest.raises(ValueError, match='is of a run with 600 examples in batches of 128, Adam, '
                                             f'decay=True, seed=0, without a test set; .*{what}'):
            training.fit(model, digits[0], snapshot=path, resume=True, progress=False, **arguments)
        np.testing.assert_array_equal(weights(model), before)

    def test_with_more_epochs_or_without_progress_is_fine(self, digits, path, capsys):
        log = training.fit(links.MLP(), digits[0], epochs=2, snapshot=path, resume=True)
        assert [entry['epoch'] for entry in log] == [1, 2]
        assert len(capsys.readouterr().out.splitlines()) == 2

    def test_of_another_kind_of_optimizer(self, digits, path):
        model = links.MLP()
        before = weights(model)
        with pytest.raises(ValueError, match="another kind of optimizer or other frozen layers: .*vhat"):
            training.fit(model, digits[0], snapshot=path, resume=True, progress=False,
                         optimizer=chainer.optimizers.Adam(alpha=0.003, amsgrad=True))
        np.testing.assert_array_equal(weights(model), before)

    def test_of_a_run_with_a_frozen_layer(self, digits, tmp_path):
        path = tmp_path / 'frozen.npz'
        model, optimizer = links.MLP(), chainer.optimizers.Adam()
        optimizer.setup(model)
        model.fc1.disable_update()
        training.fit(model, digits[0], epochs=1, optimizer=optimizer, snapshot=path, progress=False)
        with pytest.raises(ValueError, match='other frozen layers: .*fc1'):
            training.fit(links.MLP(), digits[0], snapshot=path, resume=True, progress=False)

    @pytest.mark.parametrize('start', range(0, 40, 4))
    def test_damaged_in_the_middle(self, digits, path, start):
        content = bytearray(path.read_bytes())
        at = len(content) * start // 40
        content[at:at + 50] = bytes(50)
        path.write_bytes(content)
        with pytest.raises(ValueError, match='damaged'):
            training.fit(links.MLP(), digits[0], snapshot=path, resume=True, progress=False)

    def test_a_folder(self, digits, tmp_path):
        with pytest.raises(IsADirectoryError, match='snapshot must be the path of a file'):
            training.fit(links.MLP(), digits[0], snapshot=tmp_path)


def test_a_folder_that_cannot_be_is_told_before_training(digits, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='snapshot .*file.* cannot be written to: '):
        training.fit(links.MLP(), digits[0], snapshot=tmp_path / 'file' / 'run.npz')
    with pytest.raises(TypeError, match='transform must be a function'):
        training.fit(links.MLP(), digits[0], snapshot=tmp_path / 'new' / 'run.npz', transform=1)
    assert not (tmp_path / 'new').exists()


def test_a_longer_run_goes_on_at_its_own_step_size(digits, tmp_path):
    """A run that has ended has brought its step size to 0; another that goes on from there begins where it should."""
    sizes = []

    class Noting(chainer.optimizers.Adam):
        def update(self, *args, **kwargs):
            sizes.append(self.alpha)
            super().update(*args, **kwargs)
    for epochs in 1, 2:
        training.fit(links.MLP(), digits[0], epochs=epochs, batch_size=200, optimizer=Noting(alpha=0.6),
                     snapshot=tmp_path / 'run.npz', resume=True, progress=False)
    np.testing.assert_allclose(sizes, [.6, .4, .2, .3, .2, .1])


def test_a_stop_before_the_first_step_leaves_no_snapshot(digits, tmp_path):
    path = tmp_path / 'run.npz'
    training.fit(interrupt_after(Dropping(), 0), digits[0], epochs=1, snapshot=path, progress=False)
    model = interrupt_after(Dropping(), 1)
    training.fit(model, digits[0], epochs=1, snapshot=path, resume=path.exists(), progress=False)


def test_snapshots_from_before_they_knew_a_seed(digits, tmp_path, monkeypatch):
    path = tmp_path / 'run.npz'
    training.fit(links.MLP(), digits[0], epochs=1, snapshot=path, progress=False)
    with np.load(path) as file:
        content = dict(file)
    name = 'extensions/RunState/arguments'
    content[name] = np.array(str(content[name]).replace('seed=0, ', ''))
    np.savez(path, **content)
    assert len(training.fit(links.MLP(), digits[0], epochs=2, snapshot=path, resume=True, progress=False)) == 2
