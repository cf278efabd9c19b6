import chainer
import numpy as np
import pytest

from nico2ai_cnn import links
from tests import docstring_tables


def small(seed=0):
    return links.DeepFace(10, 1, small=True, rng=np.random.default_rng(seed))


def test_table_of_the_docstring():
    net = links.DeepFace()
    docstring_tables.check(links.DeepFace.__doc__, net, (3, 152, 152))
    assert net.count_params() == 118923774
    convolutional = net.c1.count_params() + net.c3.count_params()
    assert 1 - convolutional / net.count_params() > 0.95
    assert net.l4.W.array.std() == pytest.approx(0.01, rel=0.01) and (net.l4.b.array == 0.5).all()


def test_small(rng):
    net = small()
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.DeepFace.__doc__.split())
    x = rng.random((2, 1, 28, 28), dtype='f')
    assert net(x).shape == (2, 10)
    assert not np.array_equal(net(x).array, net(x).array), 'dropout'
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(net(x).array, net(x).array)


def test_rng_save_and_load(tmp_path, rng):
    first, second, x = small(1), small(2), rng.random((2, 1, 28, 28), dtype='f')
    np.testing.assert_array_equal(first.l5.W.array, small(1).l5.W.array)
    chainer.serializers.save_npz(tmp_path / 'net.npz', first)
    chainer.serializers.load_npz(tmp_path / 'net.npz', second)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(first(x).array, second(x).array)


def test_bad_input():
    with pytest.raises(ValueError, match=r'x must have shape \(N, 3, 152, 152\); got \(1, 3, 151, 152\)'):
        links.DeepFace()(np.zeros((1, 3, 151, 152), 'f'))
    with pytest.raises(ValueError, match='in_channels must be an integer of at least 1; got 0'):
        links.DeepFace(in_channels=0, small=True)
