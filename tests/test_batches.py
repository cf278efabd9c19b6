import types

import chainer
import numpy as np
import pytest

from nico2ai_cnn import _batches

X, T = np.arange(24, dtype='f').reshape(6, 4), np.arange(6)


class FarAway:
    """A device whose memory is not NumPy's."""

    xp = 'far away'

    def send(self, parts):
        return tuple(part.copy() for part in parts)


@pytest.mark.parametrize('positions', [[4, 0, 4], range(1, 5, 2)])
@pytest.mark.parametrize('data', [chainer.datasets.TupleDataset(X, T), list(zip(X, T))])
def test_take(data, positions):
    x, t = _batches.take(data, positions)
    np.testing.assert_array_equal(x, X[list(positions)])
    np.testing.assert_array_equal(t, T[list(positions)])


def test_everything_is_not_copied():
    x, t = _batches.everything(chainer.datasets.TupleDataset(X, T))
    assert x is X and t is T
    x, t = _batches.everything(list(zip(X, T)))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(t, T)


@pytest.mark.parametrize('free, moves', [(2 * (X.nbytes + T.nbytes), True), (2 * (X.nbytes + T.nbytes) - 2, False)])
def test_arrays_go_to_the_device_if_they_leave_half_of_it_free(free, moves, monkeypatch):
    runtime = types.SimpleNamespace(memGetInfo=lambda: (free, 10 * free))
    cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime), get_array_module=lambda *arrays: np)
    monkeypatch.setattr(_batches.cuda, 'cupy', cupy)
    data = chainer.datasets.TupleDataset(X, T)
    there = _batches.beside(FarAway(), data)
    assert (there is not data) == moves
    np.testing.assert_array_equal(_batches.take(there, [5])[0], X[5:])


def test_what_is_no_array_stays():
    data = list(zip(X, T))
    assert _batches.beside(FarAway(), data) is data
    arrays = chainer.datasets.TupleDataset(X, T)
    assert _batches.beside(chainer.get_device('@numpy'), arrays) is arrays
