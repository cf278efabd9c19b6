"""inspection's tools that ask what a network looks for."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from tests import nets


def linear_net(rng, pad=0):
    """A convolution, its maps' means, and a dense layer: logits are linear in the maps."""
    def forward(net, x):
        return net.fc(F.average(net.conv(x), axis=(2, 3)))
    return nets.Net(forward, conv=L.Convolution2D(2, 3, 3, pad=pad, initialW=rng.standard_normal((3, 2, 3, 3)).astype('f')),
                    fc=L.Linear(3, 4, initialW=rng.standard_normal((4, 3)).astype('f')))


@pytest.fixture
def lenet(rng):
    return links.LeNet(rng=rng)


@pytest.fixture
def x(rng):
    return rng.random((5, 1, 28, 28)).astype('f')


def test_grad_cam_by_hand(rng):
    """The gradient of a logit with respect to each map's pixel is the dense layer's weight over their number."""
    net, x = linear_net(rng, pad=1), rng.random((2, 2, 7, 6)).astype('f')
    got = inspection.grad_cam(net, x, [3, 0], '/conv')
    maps = net.conv(x).array
    for n, label in enumerate([3, 0]):
        right = np.maximum(0, np.einsum('k,khw->hw', net.fc.W.array[label] / 42, maps[n]))
        np.testing.assert_allclose(got[n], right, rtol=1e-4, atol=1e-6)     # pad 1: a unit's middle is its pixel
    assert (got > 0).any() and (got == 0).any()


def test_grad_cam_puts_units_at_the_middle_of_what_they_see(rng):
    net, x = linear_net(rng), np.zeros((1, 2, 9, 9), 'f')
    x[0, :, 4, 4] = 1
    net.conv.W.array[...] = 0
    net.conv.W.array[0, :, 1, 1] = 1                        # answers where its window's middle is bright
    net.fc.W.array[1] = [1, 0, 0]
    cam = inspection.grad_cam(net, x, 1, '/conv')[0]
    assert np.unravel_index(cam.argmax(), cam.shape) == (4, 4) and (cam > 0).sum() == 1


def test_grad_cam_of_a_sum(rng):
    """Chainer keeps no array of it."""
    def forward(net, x):
        return net.fc(F.average_pooling_2d(net.a(x) + net.b(x), 4))
    net = nets.Net(forward, a=L.Convolution2D(1, 3, 1), b=L.Convolution2D(1, 3, 3, pad=1), fc=L.Linear(3, 2))
    x = rng.random((2, 1, 4, 4)).astype('f')
    got = inspection.grad_cam(net, x, 1, 'add')
    maps = (net.a(x) + net.b(x)).array
    right = np.maximum(0, np.einsum('k,nkhw->nhw', net.fc.W.array[1] / 16, maps))
    np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('network', [links.ResNet, links.NIN, links.GoogLeNet])
def test_grad_cam_of_every_layer_with_maps(network, x, rng):
    net = network(n_class=10, in_channels=1, small=True, rng=rng)
    layers = [row.name for row in inspection.summary(net, (1, 28, 28)) if len(row.out_shape) == 3]
    for layer in layers[::3] + layers[-3:]:
        cam = inspection.grad_cam(net, x[:1], 1, layer)
        assert cam.shape == (1, 28, 28) and np.isfinite(cam).all()


def test_grad_cam_of_a_layer_that_the_logits_do_not_need(rng):
    def forward(net, x):
        F.relu(net.conv(x))
        return net.fc(x)
    net = nets.Net(forward, conv=L.Convolution2D(1, 2, 3), fc=L.Linear(25, 3))
    for layer in '/conv', 'relu':
        with pytest.raises(ValueError, match=f"the logits do not depend on layer '{layer}'"):
            inspection.grad_cam(net, rng.random((1, 1, 5, 5)).astype('f'), 1, layer)


def test_grad_cam_with_stride_lies_between_units(rng):
    def forward(net, x):
        return net.fc(F.max_pooling_2d(net.conv(x), 2))
    net = nets.Net(forward, conv=L.Convolution2D(1, 2, 3, pad=1), fc=L.Linear(32, 2))
    x = rng.random((1, 1, 8, 8)).astype('f')
    net.fc.W.array[0] = 1                       # every unit speaks for class 0
    net.conv.b.array[...] = 3
    cam = inspection.grad_cam(net, x, 0, 'max_pooling_2d')[0]
    units = F.max_pooling_2d(net.conv(x), 2).array.sum(axis=1)[0]
    # The units see the pixels -1 to 2, 1 to 4 and so on, so their middles lie at 0.5, 2.5, 4.5 and 6.5.
    np.testing.assert_allclose(cam[0, 0], units[0, 0], rtol=1e-4)
    np.testing.assert_allclose(cam[0, 1:3], [.75 * units[0, 0] + .25 * units[0, 1],
                                             .25 * units[0, 0] + .75 * units[0, 1]], rtol=1e-4)
    np.testing.assert_allclose(cam[7, 7], units[3, 3], rtol=1e-4)       # half a unit's jump outside it is still whole


def test_evidence_fades_out_where_no_unit_has_its_middle(rng):
    net, x = linear_net(rng), rng.random((1, 2, 12, 12)).astype('f')
    net.fc.W.array[1], net.conv.b.array[...] = 1, 50
    net.conv = L.Convolution2D(2, 3, 9, initialW=rng.random((3, 2, 9, 9)).astype('f'))
    cam = inspection.grad_cam(net, x, 1, '/conv')[0]        # 4 x 4 units, whose middles are the pixels 4 to 7
    assert (cam[3:9, 4:8] > 0).sum() == 24 and cam[:3].max() == cam[9:].max() == 0
    np.testing.assert_allclose(cam[3, 4:8], cam[4, 4:8] / 2, rtol=1e-4)


def test_occlusion_against_a_loop(lenet, x):
    got = inspection.occlusion(lenet, x[0], 3, size=9, stride=4, fill=.25)
    with chainer.using_config('train', False):
        before = F.softmax(lenet(x[:1])).array[0, 3]
        for i, j in np.ndindex(5, 5):
            hidden = x[:1].copy()
            hidden[0, :, 4 * i:4 * i + 9, 4 * j:4 * j + 9] = .25
            assert got[i, j] == pytest.approx(before - F.softmax(lenet(hidden)).array[0, 3], abs=1e-6)
    assert got.shape == (5, 5) and np.ptp(got) > 0


def call(tool, model, x, layer='/conv2', label=1):
    return {'grad_cam': lambda: inspection.grad_cam(model, x, label, layer),
            'occlusion': lambda: inspection.occlusion(model, x[0], label, 9, 9),
            'top_patches': lambda: inspection.top_patches(model, layer, x, label),
            'maximize_activation': lambda: inspection.maximize_activation(model, layer, [label], x.shape[1:], n_step=2)}[tool]()


TOOLS = 'grad_cam', 'occlusion', 'top_patches', 'maximize_activation'


@pytest.mark.parametrize('tool', TOOLS)
def test_the_model_is_left_as_it_was(tool, x):
    model = links.ResNet(n_class=10, in_channels=1, small=True, rng=np.random.default_rng(0))     # it has batch normalization
    model(x)
    model.cleargrads()
    for param in model.params():
        param.grad = np.full_like(param.array, 7)
    before = {name: param.array.copy() for name, param in model.namedparams()}
    means = [link.avg_mean.copy() for link in model.links() if isinstance(link, L.BatchNormalization)]
    x_before = x.copy()
    layer = next(row.name for row in inspection.summary(model, (1, 28, 28)) if row.name.startswith('/'))
    with chainer.using_config('train', True):
        call(tool, L.Classifier(model), x, layer)
        assert chainer.config.train and chainer.config.enable_backprop
    for name, param in model.namedparams():
        np.testing.assert_array_equal(param.array, before[name])
        assert (param.grad == 7).all()
    for link, mean in zip((link for link in model.links() if isinstance(link, L.BatchNormalization)), means):
        np.testing.assert_array_equal(link.avg_mean, mean)
    np.testing.assert_array_equal(x, x_before)


@pytest.mark.parametrize('tool', ['grad_cam', 'top_patches', 'maximize_activation'])
def test_unknown_layers(tool, lenet, x):
    with pytest.raises(KeyError, match="no layer '/conv9'; there are: /conv1, relu, max_pooling_2d, /conv2"):
        call(tool, lenet, x, '/conv9')


@pytest.mark.parametrize('tool', ['grad_cam', 'top_patches'])
def test_dense_layers(tool, lenet, x):
    with pytest.raises(ValueError, match=r"layer '/fc3' must put out maps .* it is dense and puts out \(\d+, 120\)"):
        call(tool, lenet, x, '/fc3')


@pytest.mark.parametrize('tool', TOOLS)
@pytest.mark.parametrize('label', [16, -1])
def test_labels_and_channels_out_of_range(tool, label, lenet, x):
    with pytest.raises(ValueError, match=rf'(label|channel|channels) must be .*\[0, 1[06]\).*{label}'):
        call(tool, lenet, x, label=label)


@pytest.mark.parametrize('tool', ['grad_cam', 'occlusion'])
@pytest.mark.parametrize('label', [1.5, True, [1, 2], None])
def test_labels_that_are_no_integers(tool, label, lenet, x):
    with pytest.raises(ValueError, match=r'label must be an integer, or \d of them, one for each image; got'):
        call(tool, lenet, x, label=label)


@pytest.mark.parametrize('tool', TOOLS)
def test_constant_images(tool, lenet):
    result = call(tool, lenet, np.zeros((2, 1, 28, 28), 'f'))
    for array in result[:2] if isinstance(result, tuple) else [result]:
        assert np.isfinite(array).all()


@pytest.mark.parametrize('tool', ['grad_cam', 'occlusion', 'top_patches'])
def test_wrong_images(tool, lenet, x):
    with pytest.raises(ValueError, match=r'x must be an array of shape'):
        call(tool, lenet, x[0])
    with pytest.raises(ValueError, match=r'x must be an array of shape.*; got list'):
        call(tool, lenet, [x.tolist()])
    with pytest.raises(TypeError, match='x must be of floats; got uint8'):
        call(tool, lenet, x.astype('uint8'))


def test_occlusion_larger_than_the_image(lenet, x):
    with pytest.raises(ValueError, match='size 29 is larger than the image, 28 x 28'):
        inspection.occlusion(lenet, x[0], 1, 29)


@pytest.mark.gpu
@pytest.mark.parametrize('tool', TOOLS)
def test_on_a_gpu_as_on_the_cpu(tool, lenet, x):
    from nico2ai_cnn import training
    if training.choose_device().xp is np:
        pytest.skip('needs a GPU')
    on_cpu = call(tool, lenet, x)
    lenet.to_device('@cupy:0')
    for a, b in zip(*(result[:2] if isinstance(result, tuple) else [result] for result in (on_cpu, call(tool, lenet, x)))):
        np.testing.assert_allclose(a, chainer.backends.cuda.to_cpu(b), rtol=1e-3, atol=1e-4)
