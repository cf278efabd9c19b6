import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import inspection, links


def small(n_layers=8, seed=0, **kwargs):
    return links.ResNet(n_layers, 10, 1, small=True, rng=np.random.default_rng(seed), **kwargs)


@pytest.mark.parametrize('n_layers, n_parameters', [
    (18, 11689512), (34, 21797672), (50, 25557032), (101, 44549160), (152, 60192808)])
def test_published_counts(n_layers, n_parameters):
    assert links.ResNet(n_layers).count_params() == n_parameters


def test_table_of_the_docstring():
    net = links.ResNet()
    table = {line.split()[0]: line.split() for line in links.ResNet.__doc__.splitlines()
             if ' @ ' in line or 'fc   ' in line}
    shapes = {row.name: row.out_shape for row in inspection.summary(net, (3, 224, 224))}
    last = {'conv1': '/bn1', 'res2': 'relu_10', 'res3': 'relu_22', 'res4': 'relu_40', 'res5': 'relu_49'}
    for name in 'conv1', 'res2', 'res3', 'res4', 'res5':
        row = table[name]
        depth, height, width = shapes[last[name]]
        assert ' '.join(row[-4:-1]) == f'{depth} @ {height}x{width}'
        counted = net[name].count_params() + (net.bn1.count_params() if name == 'conv1' else 0)
        assert row[-1] == f'{counted:,}'
    assert table['fc'][-1] == f'{net.fc.count_params():,}'


def test_the_number_in_the_name_counts_layers():
    for net in links.ResNet(50), small(20):
        layers = [path for path, link in net.namedlinks() if path.rsplit('/', 1)[-1].startswith(('conv', 'fc'))]
        assert len(layers) == (50 if net.size == 224 else 20)


def test_small(rng):
    net = small(None)
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.ResNet.__doc__.split())
    assert net(rng.random((2, 1, 28, 28), dtype='f')).shape == (2, 10)
    assert len(small(56).res3) == 9


def test_plain_twin_is_as_deep_and_has_no_shortcut(rng):
    plain, residual = small(20, shortcuts=False), small(20)
    adapters = sum(param.size for name, param in residual.namedparams() if 'project' in name)
    assert residual.count_params() - plain.count_params() == adapters > 0
    for net in plain, residual:     # with all of a block's weights 0 a shortcut still hands x on
        for block in net.res2:
            block.conv2.W.array[...] = 0
    x = F.relu(residual.bn1(residual.conv1(rng.random((2, 1, 28, 28), dtype='f'))))
    np.testing.assert_array_equal(residual.res2[0](x).array, x.array)
    assert not plain.res2[0](x).array.any()


def test_batch_statistics_in_training_only(rng):
    net, x = small(), rng.random((4, 1, 28, 28), dtype='f')
    before = net.bn1.avg_mean.copy()
    with chainer.using_config('train', False):
        alone, together = net(x[:1]).array, net(x).array
    np.testing.assert_allclose(alone, together[:1], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(net.bn1.avg_mean, before)
    net(x)
    assert not np.array_equal(net.bn1.avg_mean, before)


def test_he_initialisation_and_rng():
    net = links.ResNet(18, rng=np.random.default_rng(0))
    weights = net.res5[1].conv2.W.array
    assert weights.std() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)
    np.testing.assert_array_equal(small(seed=1).fc.W.array, small(seed=1).fc.W.array)
    assert not np.array_equal(small(seed=1).fc.W.array, small(seed=2).fc.W.array)


def test_save_and_load(tmp_path, rng):
    first, second, x = small(seed=1), small(seed=2), rng.random((3, 1, 28, 28), dtype='f')
    first(x)
    chainer.serializers.save_npz(tmp_path / 'net.npz', first)
    chainer.serializers.load_npz(tmp_path / 'net.npz', second)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(first(x).array, second(x).array)


@pytest.mark.parametrize('call, message', [
    (lambda: links.ResNet(42), 'n_layers must be one of 18, 34, 50, 101, 152; got 42'),
    (lambda: links.ResNet(18, small=True), r'n_layers must be 6 n \+ 2 where small, such as 8, 14, 20 or 56; got 18'),
    (lambda: links.ResNet(2, small=True), 'got 2'),
    (lambda: links.ResNet(n_class=0), 'n_class must be an integer of at least 1; got 0'),
    (lambda: small()(np.zeros((1, 3, 28, 28), 'f')), r'x must have shape \(N, 1, 28, 28\); got \(1, 3, 28, 28\)')])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
