import json
import os
import re
import signal

import chainer
import numpy as np
import pytest

from nico2ai_cnn import datasets, links, train, training
from tests import nets


@pytest.fixture(autouse=True)
def few_digits(monkeypatch, tmp_path, digits):
    monkeypatch.chdir(tmp_path)
    learn, test = (chainer.datasets.TupleDataset(*part) for part in digits)
    monkeypatch.setattr(datasets, 'get_mnist', lambda ndim: (learn, test))


def command(line):
    return train.main(line.split())


def test_trains_and_writes_what_it_has_learnt(digits, capsys, tmp_path):
    assert command('--model lenet --epochs 2 --batch-size 50 --seed 3') == 0
    out = tmp_path / 'runs' / 'lenet'
    assert sorted(path.name for path in out.iterdir()) == ['log.json', 'model.npz', 'snapshot.npz']
    log = json.loads((out / 'log.json').read_text())
    assert [entry['epoch'] for entry in log] == [1, 2]
    lenet = links.LeNet()
    chainer.serializers.load_npz(out / 'model.npz', lenet)
    assert training.evaluate(lenet, digits[1])['accuracy'] == log[-1]['validation/main/accuracy'] > 0.3
    assert f'{log[-1]["validation/main/accuracy"]:.2%}' in capsys.readouterr().out.splitlines()[-1]


def test_is_what_fit_does(digits, tmp_path):
    command('--model lenet --epochs 1 --batch-size 50 --seed 3 --alpha 0.002 --digits 300 --out here')
    lenet, again = links.LeNet(rng=np.random.default_rng(3)), links.LeNet()
    training.fit(lenet, tuple(part[:300] for part in digits[0]), epochs=1, batch_size=50, seed=3, progress=False,
                 optimizer=chainer.optimizers.Adam(alpha=0.002))
    chainer.serializers.load_npz(tmp_path / 'here' / 'model.npz', again)
    for a, b in zip(lenet.params(), again.params()):
        np.testing.assert_array_equal(a.array, b.array)


@pytest.mark.parametrize('name', train.NETWORKS)
def test_every_network_takes_digits(name):
    with chainer.using_config('train', False):
        assert train.network(name, [], 0)(np.zeros((1, 1, 28, 28), 'f')).shape == (1, 10)


def test_options_reach_the_network():
    assert train.network('lenet', ['n_class=7'], 0).fc5.b.shape == (7,)
    assert isinstance(train.network('tests.nets:Tiny', [], 0), nets.Tiny)


def test_augmentation_changes_what_is_learnt(tmp_path):
    for augment in train.AUGMENT:
        assert command(f'--model lenet --epochs 1 --digits 100 --augment {augment} --out {augment}') == 0
    weights = [np.load(tmp_path / augment / 'model.npz')['conv1/W'] for augment in train.AUGMENT]
    assert all(np.abs(a - b).max() > 1e-6 for i, a in enumerate(weights) for b in weights[:i])


@pytest.fixture
def ctrl_c():
    """Python's own answer to Ctrl-C: a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_leaves_a_snapshot_that_resumes(capsys, monkeypatch, tmp_path, ctrl_c):
    line = '--model tests.nets:Tiny --epochs 3 --batch-size 50'
    assert command(f'{line} --out whole') == 0
    forward, calls = nets.Tiny.forward, []

    def interrupted(self, x):
        calls.append(len(x))
        if calls.count(50) == 17:
            os.kill(os.getpid(), signal.SIGINT)
        return forward(self, x)

    monkeypatch.setattr(nets.Tiny, 'forward', interrupted)
    assert command(f'{line} --out broken') == 130
    assert '--resume' in capsys.readouterr().out
    assert not (tmp_path / 'broken' / 'model.npz').exists()
    monkeypatch.setattr(nets.Tiny, 'forward', forward)
    assert command(f'{line} --out broken --resume') == 0
    whole, broken = (np.load(tmp_path / out / 'model.npz') for out in ('whole', 'broken'))
    for name in whole:
        np.testing.assert_array_equal(whole[name], broken[name])


@pytest.mark.parametrize('line, said', [
    ('--model lexnet', "one of alexnet, deepface, .* got 'lexnet'"),
    ('--model nowhere:Net', "--model nowhere:Net: ModuleNotFoundError: No module named 'nowhere'"),
    ('--model lenet --seed -1', '--seed must be an integer from 0 to 4294967295; got -1'),
    ('--model lenet --device foo', "device must be 'auto', 'cpu', 'gpu', or a name of Chainer's such as '@cupy:0'; got 'foo'"),
    ('--model lenet --option rng=3', 'rng must be a numpy.random.Generator'),
    ('--model tests.nets:Nothing', "has no attribute 'Nothing'"),
    ('--model lenet --option width', "KEY=VALUE; got 'width'"),
    ('--model lenet --option width=3', "with width=3: .*unexpected keyword argument 'width'"),
    ('--model lenet --option n_class=0', 'n_class must be an integer of at least 1; got 0'),
    ('--model lenet --option n_class=5', 'label . is out of range; the model has 5 classes'),
    ('--model lenet --option in_channels=3', r'x must have shape \(N, 3, 28, 28\)'),
    ('--model lenet --epochs 0', '--epochs must be at least 1; got 0'),
    ('--model lenet --batch-size -5', '--batch-size must be at least 1; got -5'),
    ('--model lenet --digits 0', '--digits must be at least 1; got 0'),
    ('--model lenet --alpha 0', '--alpha must be a number larger than 0; got 0.0'),
    ('--model lenet --alpha nan', '--alpha must be a number larger than 0; got nan'),
    ('--model lenet --alpha inf', '--alpha must be a number larger than 0; got inf'),
    ('--model json:JSONDecoder', 'makes a JSONDecoder, which is no chainer.Link')])
def test_unusable_arguments(line, said, capsys):
    assert command(line) == 2
    errors = capsys.readouterr().err
    assert errors.startswith('nico2ai_cnn.train: ') and errors.count('\n') == 1
    assert re.search(said, errors)


def test_an_output_folder_that_cannot_be(tmp_path, capsys):
    (tmp_path / 'file').write_text('mine')
    assert command('--model lenet --out file/run') == 2
    assert '--out file/run cannot be written to' in capsys.readouterr().err
    assert (tmp_path / 'file').read_text() == 'mine'


def test_an_earlier_run_is_not_lost(capsys, tmp_path):
    assert command('--model tests.nets:Tiny --epochs 1') == 0
    before = (tmp_path / 'runs' / 'tests.nets.Tiny' / 'snapshot.npz').read_bytes()
    assert command('--model tests.nets:Tiny --epochs 1') == 2
    assert '--resume' in capsys.readouterr().err
    assert (tmp_path / 'runs' / 'tests.nets.Tiny' / 'snapshot.npz').read_bytes() == before


def test_a_loss_that_is_not_finite(capsys, tmp_path):
    assert command('--model lenet --alpha 1e30 --epochs 2 --batch-size 50') == 1
    assert 'the loss became' in capsys.readouterr().err
    assert not (tmp_path / 'runs' / 'lenet' / 'model.npz').exists()


def test_a_gpu_where_there_is_none(capsys):
    if training.choose_device().xp is np:
        assert command('--model lenet --device gpu') == 2
        assert 'needs a GPU' in capsys.readouterr().err


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as end:
        command('--help')
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ('examples:', 'exit codes:', 'mpiexec -n 2', 'load_npz', *train.NETWORKS))
