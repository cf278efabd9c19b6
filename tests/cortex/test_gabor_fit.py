import numpy as np
import pytest

from nico2ai_cnn import cortex, filters


@pytest.mark.parametrize('ksize, wavelength, angle, phase, sigma, aspect', [
    (11, 4, 30, 20, 2, 0.7), (11, 5, 150, 90, 2.5, 1), (13, 6, 100, -130, 2.5, 0.6), (9, 8, 5, -90, 2, 0.5),
    (15, 3, 45, 0, 3, 1.2), (5, 4, 120, 60, 1.2, 1)])
def test_a_gabor_is_recovered(ksize, wavelength, angle, phase, sigma, aspect):
    fit = cortex.fit_gabor(3 * filters.gabor(ksize, wavelength, angle, phase, sigma, aspect) + 0.1)
    assert fit.residual < 1e-6
    np.testing.assert_allclose(
        [fit.amplitude, fit.x, fit.y, fit.wavelength, fit.sigma, fit.offset], [3, 0, 0, wavelength, sigma, 0.1],
        atol=0.02)
    if aspect != 1:
        assert fit.aspect == pytest.approx(aspect, abs=0.01)
    assert abs(fit.angle - angle) < 0.1 and abs(fit.phase - phase) < 0.5


def test_one_that_is_not_in_the_middle():
    """12 x 12 cut out of 21 x 21: the Gabor's middle comes to lie right of and above the filter's."""
    kernel = filters.gabor(21, 5, 70, 40)[6:18, 2:14]
    fit = cortex.fit_gabor(kernel)
    assert fit.residual < 1e-6
    np.testing.assert_allclose([fit.x, fit.y, fit.angle, fit.phase], [2.5, -1.5, 70, 40], atol=0.1)
    np.testing.assert_allclose(fit.image, kernel, atol=1e-3)
    assert cortex.fit_gabor(kernel[2:10]).image.shape == (8, 12)


def test_scale_offset_and_sign_do_not_matter():
    kernel = np.random.default_rng(0).standard_normal((8, 8))
    fit = cortex.fit_gabor(kernel)
    other = cortex.fit_gabor(-50 * kernel + 7)
    assert other.residual == pytest.approx(fit.residual, abs=1e-4)
    np.testing.assert_allclose(other.image, -50 * fit.image + 7, atol=0.5)
    turned = cortex.fit_gabor(np.rot90(kernel))
    assert turned.residual == pytest.approx(fit.residual, abs=0.03)
    assert fit.residual == pytest.approx(((kernel - fit.image) ** 2).sum() / ((kernel - kernel.mean()) ** 2).sum())


def test_noise_is_no_gabor_but_a_small_filter_nearly_is():
    rng = np.random.default_rng(0)
    residuals = {size: [cortex.fit_gabor(rng.standard_normal((size, size))).residual for _ in range(20)]
                 for size in (4, 5, 12)}
    assert min(residuals[12]) > 0.7
    assert np.mean(residuals[4]) < np.mean(residuals[5]) - 0.1 < np.mean(residuals[12]) - 0.4


def test_a_noisy_gabor_leaves_its_noise():
    rng = np.random.default_rng(1)
    gabor = filters.gabor(13, 5, 60)
    noise = rng.standard_normal((13, 13)) * gabor.std() / 3
    fit = cortex.fit_gabor(gabor + noise)
    assert 0.07 < fit.residual < 0.11 and abs(fit.angle - 60) < 3       # a tenth of the variance is noise


@pytest.mark.parametrize('kernel, message', [
    (np.zeros((1, 1)), r'\(H, W\), both at least 4.*got \(1, 1\)'), (np.zeros((3, 12)), 'at least 4'),
    (np.zeros((1, 5, 5)), r'got \(1, 5, 5\)'), (np.full((5, 5), 0.3), r'kernel is constant \(0.3 everywhere\)'),
    (np.zeros((5, 5)), 'constant'), (np.full((5, 5), np.nan), 'NaN')])
def test_wrong_filters(kernel, message):
    with pytest.raises(ValueError, match=message):
        cortex.fit_gabor(kernel)
