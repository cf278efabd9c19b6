import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import inspection, links, training


def small(seed=0, **kwargs):
    return links.GoogLeNet(10, 1, small=True, rng=np.random.default_rng(seed), **kwargs)


def test_published_counts_and_table():
    net = links.GoogLeNet()
    assert net.count_params() == 13378280 and links.GoogLeNet(heads=False).count_params() == 6998552
    shapes = {row.name: row.out_shape for row in inspection.summary(net, (3, 224, 224))}
    rows = [line.split() for line in links.GoogLeNet.__doc__.splitlines() if ' @ ' in line]
    parts = [row for row in rows if hasattr(net, row[0])]
    assert len(parts) == 12
    for row in parts:
        at = row.index('@')
        assert row[at + 2] == f'{net[row[0]].count_params():,}'
        name = f'/{row[0]}'
        if name in shapes:
            assert f'{row[at - 1]} @ {row[at + 1]}' == '{} @ {}x{}'.format(*shapes[name])
    pools = [shape for name, shape in shapes.items() if 'max_pooling' in name]
    for wanted in (64, 56, 56), (192, 28, 28), (480, 14, 14), (832, 7, 7):
        assert wanted in pools
    concats = [shape for name, shape in shapes.items() if name.startswith('concat')]
    assert [f'{d} @ {h}x{w}' for d, h, w in concats] == [
        ' '.join(row[row.index('@') - 1:row.index('@') + 2]) for row in parts if row[0].startswith('inception')]
    for head, count in (net.head1, '3,188,840'), (net.head2, '3,190,888'):
        assert f'{head.count_params():,}' == count and count in links.GoogLeNet.__doc__


def test_small_and_heads_in_training_only(rng):
    net, x = small(), rng.random((2, 1, 28, 28), dtype='f')
    assert f'{net.count_params():,} parameters for ten' in ' '.join(links.GoogLeNet.__doc__.split())
    assert [y.shape for y in net(x)] == [(2, 10)] * 3
    with chainer.using_config('train', False):
        assert net(x).shape == (2, 10)
    assert small(heads=False)(x).shape == (2, 10)


def test_loss_counts_each_head_three_tenths(rng):
    net, t = small(), np.array([1, 2])
    y = tuple(chainer.Variable(rng.random((2, 10), dtype='f')) for _ in range(3))
    main, first, second = (float(F.softmax_cross_entropy(each, t).array) for each in y)
    assert float(net.loss(y, t).array) == pytest.approx(main + 0.3 * first + 0.3 * second, rel=1e-6)
    assert float(net.loss(y[0], t).array) == pytest.approx(main, rel=1e-6)


def test_fit_trains_it_with_its_heads(digits):
    train, test = digits
    net = small()
    before = net.head1.fc2.W.array.copy()
    log = training.fit(net, train, test, epochs=2, batch_size=50, progress=False, device='cpu')
    assert log[-1]['main/loss'] < log[0]['main/loss'] and not np.array_equal(net.head1.fc2.W.array, before)
    assert 0 <= log[-1]['validation/main/accuracy'] <= 1


def test_rng_save_and_load(tmp_path, rng):
    first, second, x = small(1), small(2), rng.random((2, 1, 28, 28), dtype='f')
    np.testing.assert_array_equal(first.fc.W.array, small(1).fc.W.array)
    chainer.serializers.save_npz(tmp_path / 'net.npz', first)
    chainer.serializers.load_npz(tmp_path / 'net.npz', second)
    with chainer.using_config('train', False):
        np.testing.assert_array_equal(first(x).array, second(x).array)


def test_bad_input():
    with pytest.raises(ValueError, match=r'x must have shape \(N, 1, 28, 28\); got \(1, 1, 27, 28\)'):
        small()(np.zeros((1, 1, 27, 28), 'f'))
    with pytest.raises(TypeError, match='x must be float32'):
        small()(np.zeros((1, 1, 28, 28)))
