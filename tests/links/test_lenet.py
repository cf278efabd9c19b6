import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check
from scipy import signal

from nico2ai_cnn import links
from nico2ai_cnn.links import lenet as lenet_module


def test_parameters_of_the_docstrings():
    lenet, lenet5 = links.LeNet(), links.LeNet5()
    assert {layer.name: layer.count_params() for layer in lenet.children()} == {
        'conv1': 156, 'conv2': 2416, 'fc3': 48120, 'fc4': 10164, 'fc5': 850}
    assert lenet.count_params() == 61706
    assert {layer.name: layer.count_params() for layer in lenet5.children()} == {
        'c1': 156, 's2': 12, 'c3': 1516, 's4': 32, 'c5': 48120, 'f6': 10164}
    assert lenet5.count_params() == 60000


def test_connections_of_lenet5_are_the_papers():
    """340,908 in the paper, where a connection is a weight or bias in use at a position."""
    connections = (6 * 28 * 28 * 26 + 6 * 14 * 14 * 5 + 1516 * 10 * 10
                   + 16 * 5 * 5 * 5 + 48120 + 10164 + 10 * 84)
    assert connections == 340908
    assert sum(map(len, lenet_module.C3_INPUTS)) * 25 + 16 == 1516
    assert [len(inputs) for inputs in lenet_module.C3_INPUTS] == [3] * 6 + [4] * 9 + [6]
    uses = np.bincount(np.concatenate(lenet_module.C3_INPUTS))
    assert uses.tolist() == [10] * 6, 'each S2 map feeds ten C3 maps'


def test_sizes():
    x = np.zeros((2, 3, 28, 28), 'f')
    assert links.LeNet(n_class=7, in_channels=3)(x).shape == (2, 7)
    assert links.LeNet5(n_class=7, in_channels=3)(x).shape == (2, 7)
    with pytest.raises(ValueError, match='n_class must be at most 10.*got 11'):
        links.LeNet5(n_class=11)


def test_lenet_against_scipy(rng):
    """One image through the first block, by an independent convolution."""
    lenet = links.LeNet(rng=rng)
    image = rng.random((28, 28), dtype=np.float32)
    padded = np.pad(image, 2)
    maps = np.stack([signal.correlate2d(padded, w, 'valid') for w in lenet.conv1.W.array[:, 0]])
    pooled = np.maximum(maps, 0).reshape(6, 14, 2, 14, 2).max(axis=(2, 4))
    maps = np.stack([sum(signal.correlate2d(pooled[i], w[i], 'valid') for i in range(6))
                     for w in lenet.conv2.W.array])
    h = np.maximum(maps, 0).reshape(16, 5, 2, 5, 2).max(axis=(2, 4)).ravel()
    for layer in lenet.fc3, lenet.fc4:
        h = np.maximum(layer.W.array @ h, 0)
    expected = lenet.fc5.W.array @ h
    np.testing.assert_allclose(lenet(image[None, None]).array[0], expected, rtol=1e-4, atol=1e-4)


def test_lenet5_against_the_papers_formulas(rng):
    """Straight from the paper's sections II.B and III, in NumPy and SciPy."""
    net = links.LeNet5(rng=rng)
    image = rng.random((32, 32), dtype=np.float32)

    def squash(a):
        return 1.7159 * np.tanh(2 / 3 * a)

    def subsample(maps, layer):
        n, height, width = maps.shape
        sums = maps.reshape(n, height // 2, 2, width // 2, 2).sum(axis=(2, 4))
        return squash(sums * layer.W.array[:, None, None] + layer.b.array[:, None, None])

    h = 1.275 * image - 0.1
    h = squash(np.stack([signal.correlate2d(h, w[0], 'valid') + b
                         for w, b in zip(net.c1.W.array, net.c1.b.array)]))
    h = subsample(h, net.s2)
    filters = iter(net.c3.W.array)
    h = squash(np.stack([sum(signal.correlate2d(h[i], next(filters), 'valid') for i in inputs) + b
                         for inputs, b in zip(lenet_module.C3_INPUTS, net.c3.b.array)]))
    h = subsample(h, net.s4)
    h = squash(net.c5.W.array.reshape(120, 400) @ h.ravel() + net.c5.b.array)
    h = squash(net.f6.W.array @ h + net.f6.b.array)
    expected = -((h - net.codes) ** 2).sum(axis=1)
    np.testing.assert_allclose(net(image[None, None]).array[0], expected, rtol=1e-4)


def test_lenet5_pads_28_to_32_with_paper(rng):
    net = links.LeNet5(rng=rng)
    x = rng.random((2, 1, 28, 28), dtype=np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
    np.testing.assert_array_equal(net(x).array, net(padded).array)


def test_digit_codes_are_fixed_signs_and_distinct():
    net = links.LeNet5()
    assert net.codes.shape == (10, 84) and set(np.unique(net.codes)) == {-1, 1}
    distance = (net.codes[:, None] != net.codes[None]).sum(axis=2)
    assert distance[~np.eye(10, dtype=bool)].min() >= 4
    assert 'codes' not in dict(net.namedparams())


def test_lenet5_initial_weights_are_within_the_papers_bounds():
    net = links.LeNet5(rng=np.random.default_rng(3))
    for layer, fan_in in (net.c1, 25), (net.s2, 4), (net.s4, 4), (net.c5, 400), (net.f6, 120):
        largest = max(abs(layer.W.array).max(), abs(layer.b.array).max())
        assert 0.5 * 2.4 / fan_in < largest <= 2.4 / fan_in
    fan_in = np.repeat([25 * len(i) for i in lenet_module.C3_INPUTS],
                       [len(i) for i in lenet_module.C3_INPUTS])
    scaled = abs(net.c3.W.array) * fan_in[:, None, None] / 2.4
    assert 0.95 < scaled.max() <= 1.0001


@pytest.mark.parametrize('make, shape', [
    (lambda: lenet_module.Subsampling(3, chainer.initializers.Normal(1), chainer.initializers.Normal(1)),
     (2, 3, 4, 6)),
    (lambda: lenet_module.TableConvolution2D(((0, 2), (1,), (0, 1, 2)), 3, np.random.default_rng(0)),
     (2, 3, 5, 6))])
def test_gradients_of_the_papers_layers(make, shape):
    with chainer.using_config('dtype', np.float64):
        layer = make()
    params = tuple(layer.params())
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    gy = rng.standard_normal(layer(x).shape)
    gradient_check.check_backward(layer, x, gy, params, dtype=np.float64, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('link', [links.LeNet, links.LeNet5])
def test_gradients_agree_with_finite_differences(link):
    with chainer.using_config('dtype', np.float64):
        net = link(rng=np.random.default_rng(0))
        rng = np.random.default_rng(1)
        x, t = rng.random((2, 1, 28, 28)), np.array([3, 8])

        def loss():
            return F.softmax_cross_entropy(net(x), t)

        net.cleargrads()
        loss().backward()
        for name, param in net.namedparams():
            direction = rng.standard_normal(param.shape)
            start = param.array.copy()
            values = []
            for step in 1e-5, -1e-5:
                param.array[...] = start + step * direction
                values.append(float(loss().array))
            param.array[...] = start
            expected = (values[0] - values[1]) / 2e-5
            got = float((param.grad * direction).sum())
            assert got == pytest.approx(expected, rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize('link', [links.MLP, links.LeNet, links.LeNet5])
def test_save_and_load(link, tmp_path, rng):
    first, second = link(rng=rng), link(rng=rng)
    chainer.serializers.save_npz(tmp_path / 'net.npz', first)
    chainer.serializers.load_npz(tmp_path / 'net.npz', second)
    x = rng.random((2, 1, 28, 28), dtype=np.float32)
    np.testing.assert_array_equal(first(x).array, second(x).array)
