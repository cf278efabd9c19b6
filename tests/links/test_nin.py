import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check

from nico2ai_cnn import inspection, links
from nico2ai_cnn.links import nin as nin_module
from tests import docstring_tables

FIRST_TABLE, SECOND_TABLE = links.NIN.__doc__.split('The form for CIFAR-10')


@pytest.fixture(scope='module')
def nin():
    return links.NIN(rng=np.random.default_rng(0))


@pytest.fixture(scope='module')
def cifar():
    return links.NIN(10, cifar=True, rng=np.random.default_rng(0))


def small(seed=0):
    return links.NIN(10, 1, small=True, rng=np.random.default_rng(seed))


def test_tables_of_the_docstring(nin, cifar):
    docstring_tables.check(FIRST_TABLE, nin, (3, 224, 224))
    docstring_tables.check(SECOND_TABLE, cifar, (3, 32, 32))
    assert nin.count_params() == 7595176
    assert cifar.count_params() == 966986


def test_small():
    net = small()
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.NIN.__doc__.split())
    rows = [row for row in inspection.summary(net, (1, 28, 28)) if row.ksize or row.kind == 'average']
    assert [row.out_shape for row in rows] == [
        (32, 14, 14), (24, 14, 14), (16, 14, 14), (16, 7, 7), (48, 7, 7), (32, 7, 7), (32, 7, 7), (32, 3, 3),
        (48, 3, 3), (48, 3, 3), (10, 3, 3), (10,)]


def test_windows_of_pooling_reach_over_the_edge():
    """Else 224x224 pixels would not give the public model's 6x6: 54, 26, 12, 5."""
    assert [nin_module.max_pooling(np.zeros((1, 1, n, n), 'f')).shape[2] for n in (54, 27, 13)] == [27, 13, 6]


@pytest.mark.parametrize('shape', [(16, 16), (5, 8), (7, 7), (4, 3)])
def test_means_of_what_is_inside(rng, shape):
    x = rng.random((2, 3, *shape), dtype=np.float32)
    y = nin_module.AveragePooling2D()(x)
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            wanted = x[:, :, 2 * i:2 * i + 3, 2 * j:2 * j + 3].mean(axis=(2, 3))
            np.testing.assert_allclose(y.array[:, :, i, j], wanted, rtol=1e-5)
    assert y.shape[2:] == tuple(-(-(n - 3) // 2) + 1 for n in shape)


def test_gradients_of_the_average_pooling():
    rng = np.random.default_rng(0)
    x, layer = rng.standard_normal((2, 3, 6, 5)), nin_module.AveragePooling2D()
    gradient_check.check_backward(layer, x, rng.standard_normal((2, 3, 3, 2)), dtype=np.float64, rtol=1e-5)


def test_a_1x1_convolution_is_an_mlp_at_each_pixel(rng):
    """The paper's idea, by hand: matrix products along the channels of one pixel."""
    net, x = small(), rng.random((1, 1, 28, 28), dtype=np.float32)
    with inspection.record(net) as activations, chainer.using_config('train', False):
        net(x)
    pixel = activations['/conv1'][0, :, 5, 9]
    for name in 'cccp1', 'cccp2':
        pixel = net[name].W.array[:, :, 0, 0] @ np.maximum(pixel, 0) + net[name].b.array
        np.testing.assert_allclose(activations[f'/{name}'][0, :, 5, 9], pixel, rtol=1e-4, atol=1e-5)


def test_a_logit_is_the_mean_of_its_map(rng, cifar):
    for net, x, relu in (small(), (2, 1, 28, 28), False), (cifar, (1, 3, 32, 32), True):
        with inspection.record(net) as activations, chainer.using_config('train', False):
            y = net(rng.random(x, dtype=np.float32)).array
        maps = activations['/cccp6']
        wanted = (np.maximum(maps, 0) if relu else maps).mean(axis=(2, 3))
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize('form, scale', [('nin', 0.05), ('cifar', 0.05)])
def test_initial_weights(form, scale, request):
    net = request.getfixturevalue(form)
    for layer in net.children():
        if layer.count_params():
            wanted = 0.01 if layer.name in ('conv1', 'conv3', net.blocks[-1][-1]) else scale
            assert layer.W.array.std() == pytest.approx(wanted, rel=0.05), layer.name
            assert not layer.b.array.any()


def test_initial_weights_where_small():
    net = small()
    assert net.conv2.W.array.std() == pytest.approx((2 / (16 * 25)) ** 0.5, rel=0.02)


def test_rng_decides_the_weights():
    first, second, third = (small(seed).cccp4.W.array for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_dropout_in_training_only(rng):
    net, x = small(), rng.random((2, 1, 28, 28), dtype=np.float32)
    assert not np.array_equal(net(x).array, net(x).array)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(net(x).array, net(x).array)


def test_where_dropout_is(monkeypatch, rng, nin, cifar):
    seen = []
    monkeypatch.setattr(F, 'dropout', lambda x, ratio=.5: seen.append((x.shape[1:], ratio)) or x)
    with chainer.no_backprop_mode():
        for net, size in (nin, 224), (cifar, 32), (small(), 28):
            net(rng.random((1, net.in_channels, size, size), dtype=np.float32))
    assert seen == [((384, 6, 6), .5),
                    ((96, 16, 16), .5), ((192, 8, 8), .5), ((16, 7, 7), .2), ((32, 3, 3), .2)]


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


def test_save_and_load(tmp_path, rng, cifar):
    other = links.NIN(10, cifar=True, rng=np.random.default_rng(1))
    chainer.serializers.save_npz(tmp_path / 'net.npz', cifar)
    chainer.serializers.load_npz(tmp_path / 'net.npz', other)
    x = rng.random((2, 3, 32, 32), dtype=np.float32)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(cifar(x).array, other(x).array)


@pytest.mark.parametrize('form, size', [('nin', 224), ('cifar', 32), ('small', 28)])
@pytest.mark.parametrize('change, error, message', [
    (lambda x: x[:, :, 1:], ValueError, 'x must have shape .*; got '),
    (lambda x: x[:, :0], ValueError, 'x must have shape .*; got '),
    (lambda x: x.astype('d'), TypeError, r'x must be float32 in \[0, 1\]; got float64'),
    (lambda x: x[:0], ValueError, 'x holds no images')])
def test_bad_input(form, size, change, error, message, request):
    net = small() if form == 'small' else request.getfixturevalue(form)
    with pytest.raises(error, match=f'NIN: {message}'):
        net(change(np.zeros((1, net.in_channels, size, size), 'f')))


def test_one_form_at_a_time():
    with pytest.raises(ValueError, match='small=True and cifar=True are two forms of NIN; give one of them'):
        links.NIN(small=True, cifar=True)


@pytest.mark.parametrize('argument', ['n_class', 'in_channels'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '10', True])
def test_bad_sizes(argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1; got'):
        links.NIN(**{argument: value})
