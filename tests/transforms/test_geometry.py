"""Warps, flips and crops against SciPy and scikit-image, and their inverses."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import ndimage
from skimage import transform as sk

from nico2ai_cnn import datasets, transforms as T
from nico2ai_cnn.transforms import crops
from nico2ai_cnn.transforms.affine_maps import matrices

angles = st.floats(-180, 180)


@pytest.fixture
def batch():
    return np.random.default_rng(0).random((3, 2, 21, 26), dtype='f')


def by_scipy(image, matrix, **options):
    """One channel, moved about its centre by SciPy, in float64."""
    centre = (np.array(image.shape) - 1) / 2
    inverse = np.linalg.inv(matrix[:, :2])
    return ndimage.affine_transform(image.astype(float), inverse, centre - inverse @ (centre + matrix[:, 2]),
                                    order=1, **{'mode': 'grid-constant', **options})


@pytest.mark.parametrize('edge, options', [(False, {'cval': 0.3}), (True, {'mode': 'nearest'})])
def test_random_affine_equals_scipy(batch, edge, options):
    y, param = T.random_affine(batch, angle=40, shift=5, scale=(0.6, 1.6), shear=25, fill=0.3, edge=edge,
                               rng=np.random.default_rng(1), return_param=True)
    maps = matrices(**param)
    assert np.abs(param['angle']).max() <= 40 and np.abs(param['shear']).max() <= 25
    assert 0.6 <= param['scale'].min() and param['scale'].max() <= 1.6 and np.abs(param['dx']).max() <= 5
    for n in range(3):
        for c in range(2):
            np.testing.assert_allclose(y[n, c], by_scipy(batch[n, c], maps[n], **options), atol=2e-5)


@pytest.mark.parametrize('edge, options', [(False, {'cval': 0.3}), (True, {'mode': 'nearest'})])
@pytest.mark.parametrize('move, param', [
    (lambda x, **outside: T.rotate(x, 30, **outside), {'angle': 30}),
    (lambda x, **outside: T.shift(x, 2.5, -4, **outside), {'dy': 2.5, 'dx': -4}),
    (lambda x, **outside: T.zoom(x, 0.7, **outside), {'scale': 0.7}),
    (lambda x, **outside: T.shear(x, 20, **outside), {'shear': 20})], ids=['rotate', 'shift', 'zoom', 'shear'])
def test_what_comes_in_from_outside(move, param, edge, options, batch):
    wanted = by_scipy(batch[0, 0], matrices(**param), **options)
    np.testing.assert_allclose(move(batch, fill=0.3, edge=edge)[0, 0], wanted, atol=2e-5)
    assert np.abs(move(batch)[0, 0] - wanted).max() > 0.1


def test_affine_takes_one_map_or_one_for_each(batch):
    maps = np.random.default_rng(2).normal([[1, 0, 0], [0, 1, 0]], 0.2, (3, 2, 3))
    y = T.affine(batch, maps)
    for n in range(3):
        np.testing.assert_allclose(y[n, 1], by_scipy(batch[n, 1], maps[n]), atol=2e-5)
        np.testing.assert_array_equal(T.affine(batch, maps[n])[n], y[n])


def test_directions_are_those_of_the_words():
    x = np.zeros((1, 9, 9), 'f')
    x[0, 4, 7] = 1                                                  # right of the middle
    assert T.rotate(x, 90)[0].argmax() == 9 * 1 + 4                 # counter-clockwise: up
    assert T.shift(x, dy=2)[0].argmax() == 9 * 6 + 7 and T.shift(x, dx=1)[0].argmax() == 9 * 4 + 8
    assert T.zoom(x, 4 / 3)[0].argmax() == 9 * 4 + 8                # 3 pixels from the middle become 4
    x = np.zeros((1, 9, 9), 'f')
    x[0, 1, 4] = 1                                                  # above the middle
    assert T.shear(x, 45)[0].argmax() == 9 * 1 + 7                  # the top goes right
    assert T.flip(x, vertical=True)[0].argmax() == 9 * 7 + 4


@pytest.mark.parametrize('angle', [-70, 10, 33.3, 180])
def test_rotate_and_zoom_equal_scikit_image(angle):
    photo = datasets.get_photo('chelsea', size=64)
    wanted = np.stack([sk.rotate(channel.astype(float), angle, order=1) for channel in photo])
    inside = sk.rotate(np.ones((64, 64)), angle, order=1, cval=0) > 0.999   # at the rim scikit-image does not blend
    np.testing.assert_allclose(T.rotate(photo, angle)[:, inside], wanted[:, inside], atol=1e-4)
    zoomed = sk.warp(photo[0].astype(float), sk.AffineTransform(scale=1 / 1.4, translation=[31.5 * (1 - 1 / 1.4)] * 2), order=1)
    np.testing.assert_allclose(T.zoom(photo[:1], 1.4)[0], zoomed, atol=1e-4)


def test_four_quarter_turns_and_identities(batch):
    square = batch[:, :, :, :21]
    y = square
    for _ in range(4):
        y = T.rotate(y, 90)
    np.testing.assert_allclose(y, square, atol=1e-5)
    np.testing.assert_allclose(T.rotate(square, 90), np.rot90(square, 1, (2, 3)), atol=1e-5)
    for same in (T.rotate(batch, 0), T.shift(batch), T.zoom(batch, 1), T.shear(batch, 0), T.flip(batch),
                 T.random_affine(batch), T.elastic(batch, np.zeros((2, 21, 26), 'f')), T.crop(batch, 0, 0, (21, 26)),
                 T.random_elastic(batch, alpha=0), T.affine(batch, np.eye(2, 3))):
        np.testing.assert_array_equal(same, batch)


@settings(max_examples=40, deadline=None)
@given(angle=angles, dy=st.floats(-2, 2), dx=st.floats(-2, 2), scale=st.floats(0.8, 1.25), shear=st.floats(-15, 15))
def test_inverse_maps_bring_an_image_back(angle, dy, dx, scale, shear):
    rows, columns = np.mgrid[:33, :33] - 16
    x = np.exp(-(rows ** 2 + columns ** 2) / 60).astype('f')[None]         # smooth, and 0 at the edge
    there, = matrices(**{name: np.array([value]) for name, value in (
        ('angle', angle), ('dy', dy), ('dx', dx), ('scale', scale), ('shear', shear))})
    inverse = np.linalg.inv(there[:, :2])
    back = np.column_stack([inverse, -inverse @ there[:, 2]])
    np.testing.assert_allclose(T.affine(T.affine(x, there), back)[:, 10:23, 10:23], x[:, 10:23, 10:23], atol=0.04)


@settings(max_examples=30, deadline=None)
@given(dy=st.integers(-30, 30), dx=st.integers(-30, 30), fill=st.floats(-2, 2, width=32))
def test_whole_shifts_move_whole_pixels(dy, dx, fill):
    x = np.random.default_rng(0).random((2, 1, 12, 17), dtype='f')
    wanted = np.full_like(x, fill)
    for i in range(max(0, dy), min(12, 12 + dy)):
        for j in range(max(0, dx), min(17, 17 + dx)):
            wanted[:, :, i, j] = x[:, :, i - dy, j - dx]
    np.testing.assert_allclose(T.shift(x, dy, dx, fill=fill), wanted, atol=1e-6)


def test_flip(batch):
    np.testing.assert_array_equal(T.flip(batch, horizontal=True), batch[..., ::-1])
    np.testing.assert_array_equal(T.flip(batch, True, True), batch[..., ::-1, ::-1])
    whole = np.arange(batch.size, dtype='uint16').reshape(batch.shape)
    np.testing.assert_array_equal(T.flip(whole, True, [True, False, True])[1:], [whole[1, :, :, ::-1], whole[2, :, ::-1, ::-1]])
    some = T.flip(batch, horizontal=[True, False, True])
    np.testing.assert_array_equal(some[[0, 2]], batch[[0, 2], :, :, ::-1])
    np.testing.assert_array_equal(some[1], batch[1])
    y, param = T.random_flip(np.repeat(batch, 200, axis=0), rng=np.random.default_rng(0), return_param=True)
    assert 250 < param['horizontal'].sum() < 350 and not param['vertical'].any()
    np.testing.assert_array_equal(T.random_flip(batch, p=1), batch[..., ::-1])
    np.testing.assert_array_equal(T.random_flip(batch, p=0, vertical=True), batch)


def test_crops(batch):
    np.testing.assert_array_equal(T.crop(batch, 3, 4, (5, 6)), batch[:, :, 3:8, 4:10])
    np.testing.assert_array_equal(T.crop(batch, [0, 1, 2], [3, 4, 5], 5)[2], batch[2, :, 2:7, 5:10])
    np.testing.assert_array_equal(T.center_crop(batch, (21, 10)), batch[:, :, :, 8:18])
    on_a_gpu = crops._cut(batch, np.array([0, 1, 2]), np.array([3, 4, 5]), 5, 7)
    np.testing.assert_array_equal(on_a_gpu, T.crop(batch, [0, 1, 2], [3, 4, 5], (5, 7)))
    y, param = T.random_crop(batch, 21, pad=3, fill=9, rng=np.random.default_rng(0), return_param=True)
    padded = np.pad(batch, ((0, 0), (0, 0), (3, 3), (3, 3)), constant_values=9)
    for n, (top, left) in enumerate(zip(param['top'], param['left'])):
        np.testing.assert_array_equal(y[n], padded[n, :, top:top + 21, left:left + 21])
    _, param = T.random_crop(np.zeros((500, 1, 4, 4), 'f'), 3, rng=np.random.default_rng(0), return_param=True)
    assert set(param['top']) == set(param['left']) == {0, 1}
    ten = T.ten_crop(batch, (4, 5))
    assert ten.shape == (3, 10, 2, 4, 5)
    for k, (top, left) in enumerate([(0, 0), (0, 21), (17, 0), (17, 21), (8, 10)]):
        np.testing.assert_array_equal(ten[:, k], batch[:, :, top:top + 4, left:left + 5])
        np.testing.assert_array_equal(ten[:, k + 5], ten[:, k, :, :, ::-1])


def test_random_resized_crop_equals_scipy(batch):
    y, param = T.random_resized_crop(batch, (8, 9), rng=np.random.default_rng(1), return_param=True)
    for n in range(3):
        top, left, height, width = (param[name][n] for name in ('top', 'left', 'height', 'width'))
        assert 0 <= top <= 21 - height and 0 <= left <= 26 - width and 0.07 <= height * width / 546 <= 1
        rows = top + (np.arange(8) + 0.5) * height / 8 - 0.5
        columns = left + (np.arange(9) + 0.5) * width / 9 - 0.5
        wanted = ndimage.map_coordinates(batch[n, 0].astype(float), np.meshgrid(rows, columns, indexing='ij'),
                                         order=1, mode='nearest')
        np.testing.assert_allclose(y[n, 0], wanted, atol=2e-5)
    whole = T.random_resized_crop(batch[:, :, :, :21], 21, scale=(1, 1), ratio=(1, 1))
    np.testing.assert_allclose(whole, batch[:, :, :, :21], atol=1e-6)


@pytest.mark.parametrize('call, message', [
    (lambda x: T.rotate(x, np.nan), 'angle must be finite'), (lambda x: T.zoom(x, -1), 'scale must be larger than 0; got -1'),
    (lambda x: T.zoom(x, 0), 'scale must be larger than 0'), (lambda x: T.shear(x, 90), 'between -90 and 90 degrees; got 90'),
    (lambda x: T.rotate(x, [1, 2]), r'one for each of 3 images; got shape \(2,\)'),
    (lambda x: T.shift(x, 'a'), "dy must be a number; got 'a'"), (lambda x: T.rotate(x, 1, fill=np.nan), 'fill must be finite'),
    (lambda x: T.affine(x, np.eye(2)), r'matrix must have shape \(2, 3\) or \(3, 2, 3\); got \(2, 2\)'),
    (lambda x: T.affine(x, np.zeros((2, 3))), 'must be finite and have an inverse'),
    (lambda x: T.affine(x, np.full((2, 3), np.nan)), 'must be finite and have an inverse'),
    (lambda x: T.random_affine(x, angle=np.nan), 'angle must be a number of at least 0, or .low, high., finite; got nan'),
    (lambda x: T.random_affine(x, scale=(-1, 1)), r'scale must be larger than 0; got \(-1, 1\)'),
    (lambda x: T.random_affine(x, angle=(5, 1)), 'angle must be a number'), (lambda x: T.random_affine(x, shear=95), 'shear must lie'),
    (lambda x: T.random_affine(x, shift=-1), 'shift must be a number'),
    (lambda x: T.crop(x, 0, 0, 22), 'size 22 x 22 is larger than the image, 21 x 26'),
    (lambda x: T.crop(x, 17, 0, 5), r'top must lie in \[0, 16\] for 5 x 5 pixels of 21 x 26; got 17 to 17'),
    (lambda x: T.crop(x, 1.5, 0, 5), 'top must be int; got 1.5'), (lambda x: T.flip(x, 0.5), 'horizontal must be bool; got 0.5'),
    (lambda x: T.crop(x, 0, -1, 5), r'left must lie in \[0, 21\]'), (lambda x: T.center_crop(x, 0), 'size must be an integer'),
    (lambda x: T.center_crop(x, 2.5), 'size must be an integer'), (lambda x: T.random_crop(x, 30, pad=1), 'size 30 x 30 is larger'),
    (lambda x: T.random_crop(x, 3, pad=-1), 'pad must be an integer of at least 0; got -1'),
    (lambda x: T.ten_crop(x, 99), 'size 99 x 99 is larger'), (lambda x: T.random_resized_crop(x, 5, scale=(0.5, 2)), 'got up to 2'),
    (lambda x: T.random_resized_crop(x, 5, ratio=(-1, 1)), 'ratio must be larger than 0'),
    (lambda x: T.random_resized_crop(x, (5, 0)), 'size must be an integer'), (lambda x: T.random_flip(x, p=1.5), r'p must lie in \[0, 1\]'),
    (lambda x: T.random_flip(x, p='a'), r"p must lie in \[0, 1\]; got 'a'"),
    (lambda x: T.random_elastic(x, alpha=-1), 'alpha must be a number of at least 0; got -1'),
    (lambda x: T.random_elastic(x, sigma=0), 'sigma must be a number above 0, at most 1000; got 0'),
    (lambda x: T.random_elastic(x, sigma='a'), "sigma must be a number above 0.* got 'a'"),
    (lambda x: T.random_elastic(x, sigma=1001), 'at most 1000; got 1001'),
    (lambda x: T.rotate(x, 1, fill='a'), "fill must be finite; got 'a'"), (lambda x: T.rotate(x, 1, fill=1e300), 'fill must be finite'),
    (lambda x: T.random_affine(x, angle='a'), "angle must be a number, or .low, high.; got 'a'"),
    (lambda x: T.flip(x, horizontal='yes'), "horizontal must be a number; got 'yes'"),
    (lambda x: T.random_elastic(x, affine={'turn': 1}), r"affine takes angle, shift, scale and shear; got \['turn'\]"),
    (lambda x: T.elastic(x, np.zeros((2, 5, 5), 'f')), r'offsets must have shape \(2, 21, 26\) or \(3, 2, 21, 26\); got'),
    (lambda x: T.elastic(x, np.full((2, 21, 26), np.inf, 'f')), 'offsets must be finite'),
    (lambda x: T.random_cutout(x, 0), 'size must be an integer')])
def test_bad_arguments(call, message, batch):
    with pytest.raises(ValueError, match=message):
        call(batch)


@pytest.mark.parametrize('move', [
    lambda x: T.random_affine(x, 40, 5, (0.6, 1.6), 25, fill=0.3, rng=np.random.default_rng(0)),
    lambda x: T.random_affine(x, 40, 5, edge=True, rng=np.random.default_rng(0)),
    lambda x: T.random_elastic(x, 34, 4, rng=np.random.default_rng(0)),
    lambda x: T.random_resized_crop(x, (9, 30), rng=np.random.default_rng(0)),
    lambda x: T.flip(x, horizontal=[True, False, True])], ids=['affine', 'edge', 'elastic', 'resized', 'flip'])
def test_without_numba_they_are_the_same(move, batch, monkeypatch):
    wanted = move(batch)
    monkeypatch.setattr('nico2ai_cnn.cpu.has_numba', lambda: False)
    found = move(batch)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, wanted, atol=2e-4)
