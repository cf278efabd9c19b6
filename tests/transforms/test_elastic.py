"""Elastic distortion against SciPy's smoothing and sampling."""

import numpy as np
import pytest
from scipy import ndimage

from nico2ai_cnn import transforms as T
from nico2ai_cnn.transforms import elastic_distortion
from nico2ai_cnn.transforms.affine_maps import matrices


@pytest.fixture
def batch():
    return np.random.default_rng(0).random((3, 2, 21, 26), dtype='f')


@pytest.mark.parametrize('edge, mode', [(False, 'grid-constant'), (True, 'nearest')])
def test_elastic_equals_scipy(batch, edge, mode):
    offsets = np.random.default_rng(1).uniform(-4, 4, (3, 2, 21, 26)).astype('f')
    rows, columns = np.mgrid[:21, :26]
    y = T.elastic(batch, offsets, edge=edge)
    for n in range(3):
        wanted = ndimage.map_coordinates(batch[n, 1].astype(float), [rows + offsets[n, 0], columns + offsets[n, 1]],
                                         order=1, mode=mode)
        np.testing.assert_allclose(y[n, 1], wanted, atol=2e-5)
    np.testing.assert_array_equal(T.elastic(batch, offsets[0])[0], T.elastic(batch[0], offsets[0]))


@pytest.mark.parametrize('sigma', [0.4, 1, 2.5, 4, 9])
def test_random_elastic_smooths_as_scipy_does(sigma):
    x = np.random.default_rng(0).random((4, 1, 19, 23), dtype='f')
    y, param = T.random_elastic(x, 34, sigma, rng=np.random.default_rng(1), return_param=True)
    noise = np.random.default_rng(1).integers(0, 65536, (4, 2, 19, 23), np.uint16) * (2 / 65535) - 1
    wanted = 34 * ndimage.gaussian_filter(noise.astype(float), (0, 0, sigma, sigma), mode='constant',
                                          radius=(0, 0, *[int(np.ceil(3 * sigma))] * 2))
    np.testing.assert_allclose(param['offsets'], wanted, atol=1e-4)
    np.testing.assert_array_equal(y, T.elastic(x, param['offsets']))
    for outside in {'fill': 0.7}, {'edge': True}:
        np.testing.assert_array_equal(T.random_elastic(x, 34, sigma, rng=np.random.default_rng(1), **outside),
                                      T.elastic(x, param['offsets'], **outside))
    by_products = elastic_distortion.smooth_by_products(       # as on a GPU
        noise.astype('f'), 34, elastic_distortion.gaussian(sigma), np)
    np.testing.assert_allclose(by_products, wanted, atol=1e-4)


def test_elastic_and_affine_in_one_pass():
    rows, columns = np.mgrid[:41, :41] - 20
    x = np.exp(-(rows ** 2 + columns ** 2) / 80).astype('f')[None, None]
    y, param = T.random_elastic(x, 8, 3, affine={'angle': (20, 25), 'scale': (1.2, 1.3)}, return_param=True,
                                rng=np.random.default_rng(0))
    offsets = param.pop('offsets')
    map_, = matrices(**param)
    in_two = T.elastic(T.affine(x, map_), offsets @ np.eye(41, dtype='f'))
    # In one pass an offset moves where x is looked at, behind the map; undone, it is as long as before.
    assert np.abs(in_two - y).max() < 0.25 and np.abs(y - T.affine(x, map_)).max() > 0.01


def test_offsets_lie_beside_x(batch):
    with pytest.raises(TypeError, match='offsets must be an array beside x, numpy.ndarray; got list'):
        T.elastic(batch, [[0]])
