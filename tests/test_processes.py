"""Several processes train as one: python -m nico2ai_cnn.train under mpiexec."""

import os
import re
import subprocess
import sys
import types
from unittest.mock import MagicMock

import numpy as np
import pytest

from nico2ai_cnn._processes import Processes
from tests.mpi import MPIEXEC, needs_mpi
from tests.notebook_files import ROOT


def train(n_process, line, timeout=120):
    before = [] if n_process == 1 else [MPIEXEC, '-n', str(n_process)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'NUMBA_NUM_THREADS': '1'}
    return subprocess.run([*before, sys.executable, '-m', 'nico2ai_cnn.train', *line.split()], env=environment,
                          capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    out = tmp_path_factory.mktemp('alone')
    result = train(1, f'--model lenet --epochs 2 --digits 512 --batch-size 128 --out {out}')
    assert result.returncode == 0, result.stderr
    return out, result.stdout


@needs_mpi
@pytest.mark.parametrize('n_process', [2, 4])
def test_as_one_process_with_the_joint_batch(n_process, alone, tmp_path):
    out, said = alone
    result = train(n_process, f'--model lenet --epochs 2 --digits 512 --batch-size 128 --out {tmp_path}')
    assert result.returncode == 0, result.stderr
    ours, theirs = np.load(tmp_path / 'model.npz'), np.load(out / 'model.npz')
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=2e-5)     # Adam doubles no small error
    tables = [[[float(figure.rstrip('%')) for figure in line.split()[:5]] for line in text.splitlines()[2:4]]
              for text in (result.stdout, said)]
    np.testing.assert_allclose(*tables, atol=0.02)
    assert result.stdout.count('epoch    train loss') == 1      # one of them speaks


@needs_mpi
def test_batch_normalization_of_many_nodes_is_that_of_the_joint_batch():
    subprocess.run([MPIEXEC, '-n', '2', sys.executable, '-m', 'tests.many_nodes'], cwd=ROOT, check=True, timeout=120)


@needs_mpi
def test_one_killed_ends_all_and_leaves_a_snapshot_that_resumes(tmp_path):
    line = f'--model tests.nets:Tiny --epochs 4 --digits 400 --batch-size 100 --out {tmp_path}'
    killed = train(2, f'{line} --option dies_at=7')
    assert killed.returncode != 0
    assert f'a snapshot goes to {tmp_path / "snapshot.npz"}' in killed.stdout
    assert 'TERMINATION' in killed.stderr + killed.stdout       # mpiexec's own words
    assert not (tmp_path / 'model.npz').exists()
    resumed = train(2, f'{line} --resume')
    assert resumed.returncode == 0, resumed.stderr
    assert [row.split()[0] for row in resumed.stdout.splitlines()[2:-1]] == ['2', '3', '4']


@needs_mpi
@pytest.mark.parametrize('line, said', [
    ('--model lenet --batch-size 129', 'multiple of their number, 2; got 129'),
    ('--model lenet --digits 1', 'train has 1 examples; wanted at least one for each of 2 processes'),
    ('--model lenet --option n_class=5 --epochs 1 --digits 100', 'label . is out of range')])
def test_a_complaint_ends_all(line, said, tmp_path):
    result = train(2, f'{line} --out {tmp_path}')
    assert result.returncode != 0
    assert len(re.findall(said, result.stderr)) == 1


@needs_mpi
def test_a_loss_that_is_not_finite_ends_all_with_one_message(tmp_path):
    result = train(2, f'--model lenet --alpha 1e30 --epochs 2 --digits 400 --out {tmp_path}')
    assert result.returncode != 0 and result.stderr.count('the loss became') == 1
    assert not (tmp_path / 'model.npz').exists()


def test_mpiexec_without_mpi4py(monkeypatch, capsys, tmp_path):
    from nico2ai_cnn import train as command
    monkeypatch.setenv('PMI_SIZE', '2')
    for name in 'mpi4py', 'mpi4py.MPI':
        monkeypatch.setitem(sys.modules, name, None)
    assert command.main(['--model', 'lenet', '--out', str(tmp_path)]) == 2
    assert "pip install 'nico2ai_cnn[distributed]'" in capsys.readouterr().err


@needs_mpi
@pytest.mark.parametrize('nccl, said', [
    (False, 'NCCL is not available. Several processes with GPUs need it: pip install nvidia-nccl-cu12'),
    (True, '3 processes on one computer want a GPU each, and it has 2; fewer processes')])
def test_gpus_that_do_not_suffice(nccl, said, monkeypatch):
    import chainermn
    import mpi4py
    from nico2ai_cnn import train as command

    def create_communicator(name):
        assert name == 'pure_nccl'
        if not nccl:
            raise RuntimeError('NCCL is not available.')
        return types.SimpleNamespace(intra_size=3)
    monkeypatch.setenv('PMI_SIZE', '3')
    monkeypatch.setitem(sys.modules, 'mpi4py.MPI', MagicMock(COMM_WORLD=types.SimpleNamespace(size=3, rank=0)))
    monkeypatch.setattr(mpi4py, 'MPI', sys.modules['mpi4py.MPI'], raising=False)
    monkeypatch.setattr(chainermn, 'create_communicator', create_communicator)
    monkeypatch.setattr(chainermn.global_except_hook, 'add_hook', lambda: None)
    monkeypatch.setattr(command, 'device_of', lambda device, comm: types.SimpleNamespace(xp='cupy'))
    cupy = MagicMock()
    cupy.cuda.runtime.getDeviceCount.return_value = 2
    monkeypatch.setattr('chainer.backends.cuda.cupy', cupy)
    with pytest.raises(command.Unusable, match=re.escape(said)):
        command.communicator('gpu')


class Second:
    """What Processes reads of a communicator."""

    rank, size = 1, 3


def test_shares_are_whole_and_disjoint():
    class Third(Second):
        rank = 2

    class First(Second):
        rank = 0

    shares = [Processes(comm).share(list(range(10))) for comm in (First, Second, Third)]
    assert sorted(sum(shares, [])) == list(range(10)) and shares[1] == [1, 4, 7]
    assert Processes(None).share([3, 4]) == [3, 4]


def test_seeds_differ_but_for_the_first_one():
    assert Processes(None).seed(5) == 5
    assert Processes(Second).seed(5) == Processes(Second).seed(5) != Processes(Second).seed(6) != 5


def test_batches_are_shared_equally():
    assert Processes(Second).batch_size(9, 100, None) == 9
    assert Processes(Second).batch_size(9, 8, [1] * 3) == 6
    with pytest.raises(ValueError, match='multiple of their number, 3; got 10'):
        Processes(Second).batch_size(10, 100, None)
    with pytest.raises(ValueError, match='test has 2 examples; wanted at least one for each of 3'):
        Processes(Second).batch_size(9, 100, [1, 2])
