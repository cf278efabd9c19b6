import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from nico2ai_cnn.links import vgg
from tests import docstring_tables


@pytest.fixture(scope='module')
def vgg16():
    return links.VGG16(rng=np.random.default_rng(0))


def small(seed=0, **kwargs):
    return links.VGG16(10, 1, small=True, rng=np.random.default_rng(seed), **kwargs)


def test_table_of_the_docstring(vgg16):
    docstring_tables.check(links.VGG16.__doc__, vgg16, (3, 224, 224))
    assert vgg16.count_params() == 138357544


def test_small(rng):
    net = small()
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.VGG16.__doc__.split())
    shapes = {row.name: row.out_shape for row in inspection.summary(net, (1, 28, 28))}
    assert [shapes[name] for name in ('/conv1_2', '/conv2_2', '/conv3_3', '/fc7', '/fc8')] \
        == [(8, 28, 28), (16, 14, 14), (32, 7, 7), (128,), (10,)]
    pooled = [shape for name, shape in shapes.items() if 'pool' in name]
    assert pooled == [(8, 14, 14), (16, 7, 7), (32, 3, 3)]
    with chainer.using_config('train', False):
        x = rng.random((2, 3, 28, 28), dtype=np.float32)
        assert links.VGG16(n_class=7, in_channels=3, small=True)(x).shape == (2, 7)


def test_three_3x3_filters_see_7x7():
    fields = [row.receptive_field for row in inspection.summary(small(), (1, 28, 28)) if 'conv3' in row.name]
    jump = 4
    assert [(field - 16) // jump + 1 for field in fields] == [3, 5, 7]


def test_initial_weights_are_glorots(vgg16):
    for layer in vgg16.children():
        n_out, n_in = layer.W.shape[:2]
        wanted = (2 / (np.prod(layer.W.shape[2:]) * (n_in + n_out))) ** 0.5
        sample = layer.W.array.ravel()[:1000000]
        assert sample.std() == pytest.approx(wanted, rel=0.05) and abs(sample.mean()) < 0.06 * wanted
        assert layer.W.dtype == np.float32 and not layer.b.array.any()


def test_rng_decides_the_weights():
    first, second, third = (small(seed).conv2_1.W.array for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_dropout_in_training_only(rng):
    net, x = small(), rng.random((2, 1, 28, 28), dtype=np.float32)
    assert not np.array_equal(net(x).array, net(x).array)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(net(x).array, net(x).array)


def test_dropout_follows_fc6_and_fc7(monkeypatch, rng):
    seen = []
    monkeypatch.setattr(F, 'dropout', lambda x, ratio=.5: seen.append((x.creator.label, x.shape, ratio)) or x)
    small()(rng.random((2, 1, 28, 28), dtype=np.float32))
    assert seen == [('ReLU', (2, 128), .5)] * 2


def test_gradients_agree_with_finite_differences():
    with chainer.using_config('dtype', np.float64), chainer.using_config('train', False):
        net, rng = small(), np.random.default_rng(1)
        x, t = rng.random((2, 1, 28, 28)), np.array([3, 8])
        net.cleargrads()
        F.softmax_cross_entropy(net(x), t).backward()
        for name, param in net.namedparams():
            direction, start = rng.standard_normal(param.shape), param.array.copy()
            values = []
            for step in 1e-6, -1e-6:
                param.array[...] = start + step * direction
                values.append(float(F.softmax_cross_entropy(net(x), t).array))
            param.array[...] = start
            assert float((param.grad * direction).sum()) == pytest.approx(
                (values[0] - values[1]) / 2e-6, rel=1e-4, abs=1e-7), name


def test_save_and_load(tmp_path, rng):
    first, second = small(1), small(2)
    chainer.serializers.save_npz(tmp_path / 'net.npz', first)
    chainer.serializers.load_npz(tmp_path / 'net.npz', second)
    x = rng.random((2, 1, 28, 28), dtype=np.float32)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(first(x).array, second(x).array)


def test_names_are_those_of_chainers_own_vgg16(vgg16):
    """So that what `chainer.links.VGG16Layers` has saved can be loaded."""
    names = {name for name, _ in vgg16.namedparams()}
    assert {'/conv1_1/W', '/conv5_3/b', '/fc6/W', '/fc8/b'} <= names and len(names) == 32


@pytest.mark.parametrize('net, size', [('vgg16', 224), ('small', 28)])
@pytest.mark.parametrize('change, error, message', [
    (lambda x: x[:, :, 1:], ValueError, 'x must have shape .*; got '),
    (lambda x: x[:, :0], ValueError, 'x must have shape .*; got '),
    (lambda x: x[0], ValueError, 'x must have shape .*; got '),
    (lambda x: x.astype('d'), TypeError, r'x must be float32 in \[0, 1\]; got float64'),
    (lambda x: x[:0], ValueError, 'x holds no images')])
def test_bad_input(net, size, change, error, message, vgg16):
    model = vgg16 if net == 'vgg16' else small()
    with pytest.raises(error, match=f'VGG16: {message}'):
        model(change(np.zeros((1, model.in_channels, size, size), 'f')))


@pytest.mark.parametrize('argument', ['n_class', 'in_channels'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '10', True])
def test_bad_sizes(argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1; got'):
        links.VGG16(**{argument: value})


def test_glorots_scale():
    array = np.empty((300, 500, 3, 2))
    vgg.Glorot(1, np.random.default_rng(0))(array)
    assert array.std() == pytest.approx((2 / (800 * 6)) ** 0.5, rel=0.01)
