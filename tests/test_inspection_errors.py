"""What ``inspection`` says of models and images that do not fit."""

import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from tests.nets import Net


@pytest.mark.parametrize('shape', [28, (), (1, 28, 28, 1), (1, 28, 0), (1, 28, -3), (1.0, 28, 28), '128',
                                   None, (True, 28, 28)])
def test_bad_shapes(shape):
    with pytest.raises(ValueError, match=r'shape must be \(D, H, W\) of one image, integers of at least 1'):
        inspection.summary(links.LeNet(), shape)


@pytest.mark.parametrize('function', [lambda model: inspection.summary(model, (1, 28, 28)),
                                      lambda model: inspection.record(model).__enter__()])
@pytest.mark.parametrize('model', [links.LeNet, np.zeros(3), None])
def test_bad_models(function, model):
    with pytest.raises(TypeError, match='model must be a chainer.Chain; got '):
        function(model)


def small_net():
    def forward(net, x):
        h = F.max_pooling_2d(F.relu(net.conv1(x)), 3, 2, cover_all=False)
        return net.fc(F.average_pooling_2d(net.block.conv2(h), 2))
    block = Net(None, conv2=L.Convolution2D(4, 4, 5, dilate=2))
    return Net(forward, conv1=L.Convolution2D(2, 4, 3, groups=2), block=block, fc=L.Linear(16, 3))


@pytest.mark.parametrize('shape, message', [
    ((3, 27, 27), '/conv1 wants 2 channels, and 3 came'),
    ((2, 2, 27), 'at /conv1 the window of 3 x 3 is larger than its padded input 2 x 27: the image is too small'),
    ((2, 4, 4), 'at max_pooling_2d the window of 3 x 3 is larger than its padded input 2 x 2: the image is too'),
    ((2, 19, 19), 'at /block/conv2 the window of 9 x 9 is larger than its padded input 8 x 8'),
    ((2, 50, 50), '/fc wants 16 numbers, and 4 x 7 x 7 = 196 came: the image has another size than this net is'),
    ((2, 27), 'at /conv1: Invalid operation is performed in: Convolution2DFunction')])
def test_images_that_do_not_fit(shape, message):
    with pytest.raises(ValueError) as caught:
        inspection.summary(small_net(), shape)
    assert str(caught.value).startswith(f'Net does not take an image of shape {shape}: {message}')
    assert caught.value.__cause__ is not None
    inspection.summary(small_net(), (2, 27, 27))    # the hooks are gone


def test_what_the_model_itself_says_is_passed_on():
    with pytest.raises(ValueError, match=r'LeNet does not take an image of shape \(3, 28, 28\): LeNet: x must have '
                                         r'shape \(N, 1, 28, 28\); got \(1, 3, 28, 28\)'):
        inspection.summary(links.LeNet(), (3, 28, 28))
