"""inspection.top_patches."""

import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from tests import nets


def strided(net, x):
    return net.conv2(F.relu(net.conv1(x)))


def test_top_patches_against_brute_force(rng):
    net = nets.Net(strided, conv1=L.Convolution2D(2, 3, 3, stride=2, pad=1), conv2=L.Convolution2D(3, 4, 3, pad=1))
    x = rng.random((430, 2, 11, 12)).astype('f')
    got = inspection.top_patches(net, '/conv2', x, 2, n=6)
    h = net(x).array[:, 2]
    assert got.images.tolist() == np.argsort(-h.max(axis=(1, 2)))[:6].tolist()
    np.testing.assert_allclose(got.activations, np.sort(h.max(axis=(1, 2)))[::-1][:6], rtol=1e-5)
    assert got.patches.shape == (6, 2, 7, 7)        # 3 + 2 * (3 - 1)
    padded = np.pad(x, ((0, 0), (0, 0), (9, 9), (9, 9)))
    for patch, image, (row, column), corner in zip(got.patches, got.images, got.units, got.corners):
        assert h[image, row, column] == h[image].max()
        assert corner.tolist() == [2 * row - 3, 2 * column - 3]     # the first unit sees from -1 - 2 * 1 on
        top, left = corner + 9
        np.testing.assert_array_equal(patch, padded[image, :, top:top + 7, left:left + 7])


def test_no_patch_behind_a_deconvolution(rng):
    net = nets.Net(lambda net, x: net.up(x), up=L.Deconvolution2D(1, 2, 4, stride=2, pad=1))
    with pytest.raises(ValueError, match="layer '/up' lies behind a deconvolution"):
        inspection.top_patches(net, '/up', rng.random((2, 1, 6, 6)).astype('f'), 0)


def test_what_lies_outside_of_a_top_patch_does_not_matter(rng):
    """The unit's answer is the patch's alone."""
    lenet, x = links.LeNet(rng=rng), rng.random((5, 1, 28, 28)).astype('f')
    got = inspection.top_patches(lenet, '/conv2', x, 5, n=2)
    for image, corner, activation in zip(got.images, got.corners, got.activations):
        inside = np.zeros((28, 28), bool)
        inside[max(corner[0], 0):corner[0] + 14, max(corner[1], 0):corner[1] + 14] = True
        alone = np.where(inside, x[image], np.float32(.7))[None]
        again = inspection.top_patches(lenet, '/conv2', alone, 5, n=1)
        assert again.activations[0] >= activation - 1e-5
        with inspection.record(lenet) as activations:
            lenet(alone)
        row, column = got.units[got.images.tolist().index(image)]
        assert activations['/conv2'][0, 5, row, column] == pytest.approx(activation, rel=1e-4)
