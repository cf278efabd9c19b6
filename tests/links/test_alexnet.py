import chainer
import chainer.functions as F
import numpy as np
import pytest
from scipy import signal

from nico2ai_cnn import inspection, links
from tests import docstring_tables


@pytest.fixture(scope='module')
def alexnet():
    return links.AlexNet(rng=np.random.default_rng(0))


@pytest.fixture(scope='module')
def photo():
    return np.random.default_rng(1).random((1, 3, 227, 227), dtype=np.float32)


def small(seed=0):
    return links.AlexNet(10, 1, small=True, rng=np.random.default_rng(seed))


def one_tower(n_class=1000, seed=0):
    return links.AlexNet(n_class, one_tower=True, rng=np.random.default_rng(seed))


def test_table_of_the_docstring(alexnet):
    docstring_tables.check(links.AlexNet.__doc__, alexnet, (3, 227, 227))
    assert alexnet.count_params() == 60965224


def test_one_tower():
    """Torchvision's AlexNet: https://docs.pytorch.org/vision/stable/models/alexnet.html."""
    net = one_tower()
    assert f'{net.count_params():,} parameters' in links.AlexNet.__doc__ and net.count_params() == 61100840
    rows = [row for row in inspection.summary(net, (3, 224, 224)) if row.ksize or row.parameters]
    assert [row.out_shape for row in rows] == [
        (64, 55, 55), (64, 27, 27), (192, 27, 27), (192, 13, 13),
        (384, 13, 13), (256, 13, 13), (256, 13, 13), (256, 6, 6), (4096,), (4096,), (1000,)]
    assert all(row.groups == 1 for row in rows if row.name.startswith('/conv'))
    assert 'local_response_normalization' not in {row.kind for row in inspection.summary(net, (3, 224, 224))}


def test_small():
    net = small()
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.AlexNet.__doc__.split())
    rows = [row for row in inspection.summary(net, (1, 28, 28)) if row.ksize or row.parameters]
    assert [row.out_shape for row in rows] == [
        (8, 28, 28), (8, 14, 14), (16, 14, 14), (16, 7, 7), (32, 7, 7), (32, 7, 7), (32, 7, 7), (32, 3, 3),
        (128,), (128,), (10,)]
    assert [row.groups for row in rows if row.name.startswith('/conv')] == [1, 2, 1, 2, 2]


def test_the_papers_connections():
    """The paper's two halves: conv2, conv4 and conv5 see only half of the maps before them."""
    net = links.AlexNet()
    seen = {name: getattr(net, name).W.shape[1] for name in ('conv1', 'conv2', 'conv3', 'conv4', 'conv5')}
    assert seen == {'conv1': 3, 'conv2': 48, 'conv3': 256, 'conv4': 192, 'conv5': 192}


def test_sizes_hold_with_cover_all_and_without():
    for size, pooled in (55, 27), (27, 13), (13, 6):
        x = np.zeros((1, 1, size, size), 'f')
        for cover_all in True, False:
            assert F.max_pooling_2d(x, 3, 2, cover_all=cover_all).shape[2:] == (pooled, pooled)


def test_channels_and_classes(rng):
    net = links.AlexNet(n_class=5, in_channels=1, rng=rng)
    with chainer.using_config('train', False):
        assert net(np.zeros((2, 1, 227, 227), 'f')).shape == (2, 5)
    assert net.conv1.W.shape == (96, 1, 11, 11) and net.fc8.W.shape == (5, 4096)


def test_first_layers_against_scipy(alexnet, photo):
    """One map of conv1, and one of each half of conv2, by an independent convolution."""
    with inspection.record(alexnet) as activations, chainer.using_config('train', False):
        alexnet(photo)
    W, b = alexnet.conv1.W.array, alexnet.conv1.b.array
    expected = sum(signal.correlate2d(photo[0, c], W[7, c], 'valid') for c in range(3))[::4, ::4] + b[7]
    np.testing.assert_allclose(activations['/conv1'][0, 7], expected, rtol=1e-4, atol=1e-4)

    a = np.maximum(activations['/conv1'][0].astype(float), 0)
    squares = np.stack([(a[max(0, i - 2):i + 3] ** 2).sum(axis=0) for i in range(96)])
    normalised = a / (2 + 1e-4 * squares) ** 0.75       # slide 39, with the paper's numbers
    np.testing.assert_allclose(activations['local_response_normalization'][0], normalised, rtol=1e-4, atol=1e-5)

    pooled = np.pad(activations['max_pooling_2d'][0], ((0, 0), (2, 2), (2, 2)))
    W, b = alexnet.conv2.W.array, alexnet.conv2.b.array
    for out, half in (3, slice(0, 48)), (200, slice(48, 96)):
        expected = b[out] + sum(signal.correlate2d(x, w, 'valid') for x, w in zip(pooled[half], W[out]))
        np.testing.assert_allclose(activations['/conv2'][0, out], expected, rtol=1e-3, atol=1e-4)


def test_dropout_in_training_only(alexnet, photo):
    first, second = alexnet(photo).array, alexnet(photo).array
    assert not np.array_equal(first, second)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(alexnet(photo).array, alexnet(photo).array)


def test_initial_weights_are_the_papers(alexnet):
    for layer in alexnet.children():
        assert layer.W.array.std() == pytest.approx(0.01, rel=0.02) and abs(layer.W.array.mean()) < 2e-4
        assert set(layer.b.array) == {float(layer.name in ('conv2', 'conv4', 'conv5', 'fc6', 'fc7'))}


def test_initial_weights_of_the_other_forms():
    for net in small(), one_tower(1):
        n_in = net.fc6.W.shape[1]
        assert net.fc6.W.array.std() == pytest.approx((2 / n_in) ** 0.5, rel=0.02)
        assert not any(layer.b.array.any() for layer in net.children())


def test_where_dropout_is(monkeypatch, rng, alexnet):
    seen = []
    monkeypatch.setattr(F, 'dropout', lambda x, ratio=.5: seen.append((x.creator.label, x.shape[1:])) or x)
    for net, size in (alexnet, 227), (small(), 28), (one_tower(5), 224):
        net(rng.random((1, net.in_channels, size, size), dtype=np.float32))
    assert seen == [('ReLU', (4096,))] * 2 + [('ReLU', (128,))] * 2 + [
        ('MaxPoolingND', (256, 6, 6)), ('ReLU', (4096,))]


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


def test_rng_decides_the_weights(alexnet):
    def weights(seed):
        return links.AlexNet(n_class=1, rng=np.random.default_rng(seed)).conv1.W.array

    np.testing.assert_array_equal(weights(0), alexnet.conv1.W.array)
    assert not np.array_equal(weights(1), alexnet.conv1.W.array)


@pytest.mark.parametrize('x, error, message', [
    (np.zeros((1, 3, 224, 224), 'f'), ValueError,
     r'x must have shape \(N, 3, 227, 227\); got \(1, 3, 224, 224\)'),
    (np.zeros((1, 1, 227, 227), 'f'), ValueError, r'.*got \(1, 1, 227, 227\)'),
    (np.zeros((3, 227, 227), 'f'), ValueError, r'.*got \(3, 227, 227\)'),
    (np.zeros((1, 3, 227, 227)), TypeError, r'x must be float32 in \[0, 1\]; got float64'),
    (np.zeros((0, 3, 227, 227), 'f'), ValueError, r'x holds no images')])
def test_bad_input(alexnet, x, error, message):
    with pytest.raises(error, match=f'AlexNet: {message}'):
        alexnet(x)


@pytest.mark.parametrize('make, size', [(small, 28), (one_tower, 224)])
def test_bad_input_of_the_other_forms(make, size):
    net = make()
    with pytest.raises(ValueError, match=rf'AlexNet: .* \(N, {net.in_channels}, {size}, {size}\); got'):
        net(np.zeros((1, net.in_channels, 227, 227), 'f'))


def test_one_form_at_a_time():
    with pytest.raises(ValueError, match='small=True and one_tower=True are two forms of AlexNet'):
        links.AlexNet(small=True, one_tower=True)


@pytest.mark.parametrize('argument', ['n_class', 'in_channels'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '10', True])
def test_bad_sizes(argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1; got'):
        links.AlexNet(**{argument: value})
