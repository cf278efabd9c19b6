import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check

from nico2ai_cnn import inspection, links, training
from nico2ai_cnn.links import spp
from tests import docstring_tables


@pytest.fixture(scope='module')
def sppnet():
    return links.SPPNet(rng=np.random.default_rng(0))


def small(seed=0):
    return links.SPPNet(10, 1, small=True, rng=np.random.default_rng(seed))


def test_table_of_the_docstring(sppnet):
    docstring_tables.check(links.SPPNet.__doc__, sppnet, (3, 224, 224))
    assert sppnet.count_params() == 77037672


@pytest.mark.parametrize('shape, wanted', [
    ((224, 224), [(110, 110), (55, 55), (26, 26), (13, 13)]),
    ((180, 180), [(88, 88), (44, 44), (20, 20), (10, 10)]),     # the paper's second size: conv5 gives 10x10
    ((180, 277), [(88, 137), (44, 68), (20, 32), (10, 16)]),
    ((31, 40), [(14, 18), (7, 9), (2, 3), (1, 1)])])
def test_sizes_of_the_paper_and_others(sppnet, shape, wanted):
    rows = {row.name: row.out_shape for row in inspection.summary(sppnet, (3, *shape))}
    assert [rows[name][1:] for name in ('/conv1', 'max_pooling_2d', '/conv2', 'max_pooling_2d_2')] == wanted
    assert rows['/conv5'] == (256, *wanted[-1])
    assert rows['/spp'] == (256 * 50,) and rows['/fc8'] == (1000,)


def test_small():
    net = small()
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.SPPNet.__doc__.split())
    rows = {row.name: row.out_shape for row in inspection.summary(net, (1, 28, 28))}
    assert [shape for name, shape in rows.items() if name.startswith('/')] == [
        (8, 28, 28), (16, 14, 14), (24, 7, 7), (24, 7, 7), (24, 7, 7), (1200,), (128,), (128,), (10,)]


def test_one_net_takes_all_sizes_in_turn(rng):
    """As the paper trains: one size, then another, with the same parameters."""
    net, t = links.SPPNet(3, 1, small=True, rng=rng), np.arange(2).astype('i')
    optimizer = chainer.optimizers.Adam().setup(net)
    for height, width in (28, 28), (20, 20), (33, 17), (4, 4), (28, 28):
        x = rng.random((2, 1, height, width), dtype=np.float32)
        before = {name: param.array.copy() for name, param in net.namedparams()}
        optimizer.update(lambda: F.softmax_cross_entropy(net(x), t))
        assert all((before[name] != param.array).any() for name, param in net.namedparams()), (height, width)
    assert training.predict(net, rng.random((3, 1, 50, 40), dtype=np.float32)).shape == (3, 3)


def maxima(x, n):
    """The paper's appendix A, one bin at a time."""
    height, width = x.shape[2:]
    y = np.empty((*x.shape[:2], n, n), x.dtype)
    for i in range(n):
        for j in range(n):
            rows = slice(int(np.floor(i / n * height)), int(np.ceil((i + 1) / n * height)))
            columns = slice(int(np.floor(j / n * width)), int(np.ceil((j + 1) / n * width)))
            y[:, :, i, j] = x[:, :, rows, columns].max(axis=(2, 3))
    return y


@pytest.mark.parametrize('shape', [(13, 13), (10, 10), (12, 7), (6, 17), (3, 20), (1, 1), (5, 1)])
def test_pyramid_against_the_papers_formula(rng, shape):
    x = rng.standard_normal((2, 4, *shape), dtype=np.float32)
    wanted = np.concatenate([maxima(x, n).reshape(2, -1) for n in (1, 2, 3, 6)], axis=1)
    np.testing.assert_array_equal(spp.SpatialPyramidPooling2D((1, 2, 3, 6))(x).array, wanted)


def test_bins_at_13_are_the_papers_sliding_windows():
    """Its Fig. 4: windows of 5, 7 and 13 in steps of 4, 6 and 13; and of 3 in steps of 2 for 6 bins."""
    for n, size, stride in (3, 5, 4), (2, 7, 6), (1, 13, 13), (6, 3, 2):
        assert spp.bins(13, n) == [(i * stride, i * stride + size) for i in range(n)]
        assert size == -(-13 // n) and stride == 13 // n


def test_the_sliding_window_alone_would_not_do_at_10():
    """Section 2.3's window, ceil(a / n) wide in steps of floor(a / n), gives nine bins there."""
    assert (10 - 2) // 1 + 1 == 9
    assert len(spp.bins(10, 6)) == 6 and spp.bins(10, 6)[0] == (0, 2) and spp.bins(10, 6)[-1] == (8, 10)


@pytest.mark.parametrize('shape', [(13, 13), (10, 7), (2, 9)])
def test_gradients_of_the_pyramid(shape):
    rng = np.random.default_rng(0)
    x = rng.permutation(2 * 3 * shape[0] * shape[1]).reshape(2, 3, *shape) / 10     # no two alike
    layer = spp.SpatialPyramidPooling2D((1, 2, 3, 6))
    gy = rng.standard_normal(layer(x).shape)
    gradient_check.check_backward(layer, x, gy, dtype=np.float64, eps=1e-3, atol=1e-6, rtol=1e-5)


def test_where_pixels_are_alike_one_of_them_gets_the_gradient():
    for shape in (13, 13), (10, 10):
        x = chainer.Variable(np.ones((1, 1, *shape), 'f'))
        F.sum(spp.SpatialPyramidPooling2D((1, 2, 3, 6))(x)).backward()
        assert x.grad.sum() == 50


def test_chainers_own_pyramid_has_other_bins(rng):
    x = rng.random((1, 2, 13, 13), dtype=np.float32)
    assert F.spatial_pyramid_pooling_2d(x, 3, pooling='max').shape[1] == 2 * (1 + 4 + 16)


def test_initial_weights(sppnet):
    for layer in sppnet.children():
        if layer is not sppnet.spp:
            sample = layer.W.array.ravel()[:1000000]
            assert sample.std() == pytest.approx(0.01, rel=0.02) and abs(sample.mean()) < 3e-4
            assert set(layer.b.array) == {float(layer.name in ('conv2', 'conv4', 'conv5', 'fc6', 'fc7'))}


def test_initial_weights_where_small():
    net = small()
    assert net.conv4.W.array.std() == pytest.approx((2 / (24 * 9)) ** 0.5, rel=0.05)
    assert not any(param.array.any() for name, param in net.namedparams() if name.endswith('/b'))


def test_rng_decides_the_weights():
    first, second, third = (small(seed).fc6.W.array for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_dropout_in_training_only(rng):
    net, x = small(), rng.random((2, 1, 28, 28), dtype=np.float32)
    assert not np.array_equal(net(x).array, net(x).array)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(net(x).array, net(x).array)


def test_save_and_load(tmp_path, rng):
    first, second = small(1), small(2)
    chainer.serializers.save_npz(tmp_path / 'net.npz', first)
    chainer.serializers.load_npz(tmp_path / 'net.npz', second)
    x = rng.random((2, 1, 20, 28), dtype=np.float32)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(first(x).array, second(x).array)


@pytest.mark.parametrize('shape, dtype, error, message', [
    ((1, 3, 30, 224), 'f', ValueError, r'x must have shape \(N, 3, H >= 31, W >= 31\); got'),
    ((1, 1, 224, 224), 'f', ValueError, r'x must have shape \(N, 3, 224, 224\); got \(1, 1, 224, 224\)'),
    ((3, 224, 224), 'f', ValueError, r'x must have shape \(N, 3, H >= 31, W >= 31\); got \(3, 224, 224\)'),
    ((0, 3, 224, 224), 'f', ValueError, 'x holds no images'),
    ((1, 3, 224, 224), 'd', TypeError, r'x must be float32 in \[0, 1\]; got float64')])
def test_bad_input(sppnet, shape, dtype, error, message):
    with pytest.raises(error, match=f'SPPNet: {message}'):
        sppnet(np.zeros(shape, dtype))


def test_bad_input_where_small():
    with pytest.raises(ValueError, match=r'SPPNet: .* \(N, 1, H >= 4, W >= 4\); got \(2, 1, 3, 28\)'):
        small()(np.zeros((2, 1, 3, 28), 'f'))
    with pytest.raises(TypeError, match='SPPNet: x must be an array or a Variable; got list'):
        small()([[1.0]])


@pytest.mark.parametrize('argument', ['n_class', 'in_channels'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '10', True])
def test_bad_sizes(argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1; got'):
        links.SPPNet(**{argument: value})
