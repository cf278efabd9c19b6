import numpy as np
import pytest
from scipy import ndimage

from nico2ai_cnn import filters


def test_the_lectures_numbers():
    assert filters.LAPLACIAN.tolist() == [[1, 1, 1], [1, -8, 1], [1, 1, 1]]
    assert filters.DIFFERENCE_X.tolist() == [[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]]
    np.testing.assert_allclose(
        filters.LEARNT, [[0.01, -0.12, 1.03], [-1.11, 0.12, -0.56], [0.32, -0.34, -0.22]], rtol=1e-6)


@pytest.mark.parametrize('kernel, theirs', [
    (filters.SOBEL_X, lambda x: ndimage.sobel(x, axis=1)), (filters.SOBEL_Y, lambda x: ndimage.sobel(x, axis=0)),
    (filters.PREWITT_X, lambda x: ndimage.prewitt(x, axis=1)),
    (filters.PREWITT_Y, lambda x: ndimage.prewitt(x, axis=0)),
    (filters.LAPLACIAN_4, ndimage.laplace), (filters.SHARPEN, lambda x: x - ndimage.laplace(x)),
    (filters.box(5), lambda x: ndimage.uniform_filter(x, 5)), (filters.IDENTITY, lambda x: x),
    (filters.gaussian(9, 1.0), lambda x: ndimage.gaussian_filter(x, 1.0, radius=4))])
def test_against_scipy(kernel, theirs, rng):
    x = rng.random((12, 10))
    np.testing.assert_allclose(ndimage.correlate(x, kernel.astype(float)), theirs(x), atol=1e-6)


def test_named():
    for name, kernel in filters.NAMED.items():
        assert kernel.ndim == 2 and kernel.dtype == np.float32 and np.isfinite(kernel).all(), name
    sums = {name: float(kernel.sum()) for name, kernel in filters.NAMED.items()}
    for name in 'box blur 3x3', 'Gaussian blur 5x5', 'sharpen', 'identity':
        assert abs(sums[name] - 1) < 1e-6, 'keeps the brightness'
    for name in filters.NAMED:
        if name.startswith(('Laplacian', 'difference', 'Sobel', 'Prewitt')):
            assert sums[name] == 0, 'says nothing on a flat surface'
    with pytest.raises(ValueError, match='read-only'):
        filters.LAPLACIAN[0, 0] = 2


def grating(angle, phase, wavelength=8):
    y, x = np.mgrid[:31, :31] - 15
    turn = np.deg2rad(angle)
    return np.cos(2 * np.pi * (x * np.cos(turn) - y * np.sin(turn)) / wavelength + np.deg2rad(phase))


def test_gabor_prefers_its_own_grating():
    for angle in 0, 30, 90, 135:
        kernel = filters.gabor(31, 8, angle, phase=40, sigma=4)
        answers = {(a, p): (kernel * grating(a, p)).sum() for a in range(0, 180, 15) for p in (0, 40, 130, 220)}
        assert max(answers, key=answers.get) == (angle, 40)
        assert answers[angle, 220] < 0 and abs(answers[angle, 130]) < 0.01 * answers[angle, 40]


def test_gabor_geometry():
    vertical = filters.gabor(9, 4)
    np.testing.assert_allclose(vertical, vertical[::-1])
    assert vertical[4, 4] == 1 and vertical[4, 6] < -0.5, 'half a wavelength across is dark'
    assert vertical[6, 4] > 0.5, 'along a stripe it stays bright'
    np.testing.assert_allclose(filters.gabor(9, 4, 90), vertical.T, atol=1e-6)
    diagonal = filters.gabor(9, 4, 45)      # across up-right: stripes run down-right
    assert diagonal[6, 6] > 0.2 > 0 > diagonal[5, 3]
    odd = filters.gabor(9, 4, phase=90)
    np.testing.assert_allclose(odd, -odd[:, ::-1], atol=1e-6)
    long = filters.gabor(9, 4, sigma=1, aspect=0.5)
    np.testing.assert_allclose(long[6, 4], np.exp(-0.5), rtol=1e-6)


@pytest.mark.parametrize('call, message', [
    (lambda: filters.box(4), 'ksize must be odd, so that the filter has a middle pixel; got 4'),
    (lambda: filters.gaussian(0, 1), 'ksize must be an integer of at least 1; got 0'),
    (lambda: filters.gaussian(3, 0), 'sigma must be a positive number; got 0'),
    (lambda: filters.gaussian(3, 'a'), "sigma must be a positive number; got 'a'"),
    (lambda: filters.gabor(6, 4), 'ksize must be odd'),
    (lambda: filters.gabor(7, None), 'wavelength must be a positive number; got None'),
    (lambda: filters.gabor(7, 4, angle=float('nan')), 'angle must be a number of degrees; got nan'),
    (lambda: filters.gabor(7, -4), 'wavelength must be a positive number; got -4'),
    (lambda: filters.gabor(7, 4, aspect=float('nan')), 'aspect must be a positive number; got nan')])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_gaussian_that_is_a_point():
    np.testing.assert_array_equal(filters.gaussian(3, 1e-200), filters.IDENTITY)


def test_numbers_of_numpys_are_numbers():
    np.testing.assert_array_equal(filters.gaussian(3, np.array(1.)), filters.gaussian(3, np.float16(1)))
    with pytest.raises(ValueError, match='sigma must be a positive number'):
        filters.gaussian(3, np.float16('inf'))
