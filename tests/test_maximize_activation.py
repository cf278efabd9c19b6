"""inspection.maximize_activation."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from tests import nets


@pytest.fixture
def lenet(rng):
    return links.LeNet(rng=rng)


@pytest.mark.parametrize('options', [{}, {'jitter': 2}, {'blur': 1.}, {'decay': .05}, {'keep_steps': True}], ids=str)
def test_the_activation_grows(lenet, options):
    found = inspection.maximize_activation(lenet, '/conv2', [3, 1], (1, 28, 28), n_step=25,
                                           rng=np.random.default_rng(0), **options)
    assert found.images.shape == (2, 1, 28, 28) and found.activations.shape == (26, 2)
    assert found.images.min() >= 0 and found.images.max() <= 1 and found.images.dtype == np.float32
    assert (found.activations[-1] > found.activations[0] + .05).all()
    again = inspection.maximize_activation(lenet, '/conv2', [3, 1], (1, 28, 28), n_step=25,
                                           rng=np.random.default_rng(0), **options)
    np.testing.assert_array_equal(found.images, again.images)
    assert (found.steps is None) != bool(options.get('keep_steps'))
    if found.steps is not None:
        np.testing.assert_array_equal(found.steps[-1], found.images)
        assert len(found.steps) == 26


def test_regularisers_do_what_they_say(lenet):
    def images(**options):
        return inspection.maximize_activation(lenet, '/fc5', [4], (1, 28, 28), n_step=24,
                                              rng=np.random.default_rng(0), **options).images[0, 0]

    def roughness(image):
        return np.abs(np.diff(image)).mean() / np.abs(image - .5).mean()
    plain = images()
    assert roughness(images(blur=1.)) < .8 * roughness(plain)
    assert np.abs(images(decay=.2) - .5).mean() < .8 * np.abs(plain - .5).mean()
    assert np.abs(images(jitter=3) - plain).mean() > .01


def test_what_excites_a_linear_filter_is_the_filter(rng):
    net = nets.Net(lambda net, x: net.conv(x), conv=L.Convolution2D(1, 2, 7, initialW=rng.standard_normal((2, 1, 7, 7))))
    found = inspection.maximize_activation(net, '/conv', [0, 1], (1, 7, 7), n_step=100, step_size=.01, decay=.1, rng=rng)
    for image, W in zip(found.images[:, 0] - .5, net.conv.W.array[:, 0]):
        assert (image * W).sum() / np.linalg.norm(image) / np.linalg.norm(W) > .999
        assert np.sqrt((image ** 2).mean()) == pytest.approx(.09, rel=.01)      # .01 * (.9 + .9 ** 2 + ...)


def test_limits_and_start(lenet, rng):
    x0 = rng.random((1, 28, 28)).astype('f')
    before = x0.copy()
    found = inspection.maximize_activation(lenet, '/fc5', [2], (1, 28, 28), n_step=3, x0=x0, limits=(-.1, np.full((1, 1, 1), .9)))
    assert found.images.max() <= np.float32(.9) and found.images.min() >= np.float32(-.1)
    np.testing.assert_array_equal(x0, before)


def test_the_middle_unit_leaves_grey_what_it_does_not_see(lenet):
    start = np.full((1, 28, 28), .5, 'f')
    found = inspection.maximize_activation(lenet, '/conv2', [3, 9], (1, 28, 28), n_step=15, x0=start, at='middle')
    with inspection.record(lenet) as activations:
        lenet(found.images)
    middle = activations['/conv2'][[0, 1], [3, 9], 5, 5]
    np.testing.assert_allclose(found.activations[-1], middle, rtol=1e-5)
    assert (middle > found.activations[0] + .05).all()
    changed = np.argwhere((found.images != .5).any(axis=(0, 1)))
    assert changed.min() == 8 and changed.max() == 21       # unit 5 sees the pixels 2 * 5 - 2 to 2 * 5 + 11


def test_a_layer_that_is_a_sum(rng):
    """Chainer keeps no array of it."""
    net = nets.residual()
    found = inspection.maximize_activation(net, 'add', [2], (2, 15, 15), n_step=4, rng=rng)
    with chainer.using_config('train', False), inspection.record(net) as activations:
        net(found.images)
    assert found.activations[-1, 0] == pytest.approx(activations['add'][0, 2].mean(), rel=1e-4)
    assert found.activations[-1, 0] > found.activations[0, 0]


@pytest.mark.parametrize('options, said', [
    ({'channels': []}, 'channels must be at least one'), ({'channels': 3}, 'in a sequence; got 3'),
    ({'at': 'left'}, "at must be 'mean' or 'middle'; got 'left'"), ({'shape': (28, 28)}, r'shape must be \(C, H, W\)'), ({'shape': 28}, 'got 28'),
    ({'limits': 1}, 'limits must be lowest and highest pixel; got 1'), ({'blur': 'a'}, "blur is out of range; got 'a'"),
    ({'n_step': 0}, 'n_step must be an integer of at least 1'), ({'step_size': 0.}, 'step_size is out of range'),
    ({'blur': -1.}, 'blur is out of range'), ({'decay': 1.}, 'decay is out of range'),
    ({'jitter': 28}, r'jitter must be an integer in \[0, 28\)'), ({'limits': (1., 0.)}, 'limits must be lowest and highest'),
    ({'x0': np.zeros((28, 28), 'f')}, r'x0 must be an array of shape \(1, 28, 28\)')])
def test_wrong_options_of_maximize(options, said, lenet):
    with pytest.raises(ValueError, match=said):
        inspection.maximize_activation(**{'model': lenet, 'layer': '/conv2', 'channels': [0], 'shape': (1, 28, 28), **options})


def test_layers_without_a_gradient(rng):
    def frozen(net, x):
        with chainer.no_backprop_mode():
            h = F.relu(net.conv(x))
        return net.fc(h)
    net = nets.Net(frozen, conv=L.Convolution2D(1, 2, 3), fc=L.Linear(18, 3))
    for layer in '/conv', 'relu', '/fc':
        with pytest.raises(ValueError, match=f"no gradient leads from layer '{layer}' to the image"):
            inspection.maximize_activation(net, layer, [0], (1, 5, 5))


def test_networks_of_another_type():
    with chainer.using_config('dtype', np.dtype('float64')):
        net = links.LeNet(rng=np.random.default_rng(0))
        found = inspection.maximize_activation(net, '/conv2', [0], (1, 28, 28), n_step=4, blur=1., rng=np.random.default_rng(0))
    assert found.images.dtype == np.float64 and found.activations[-1, 0] > found.activations[0, 0]
