import chainer
import numpy as np
import pytest

from nico2ai_cnn import cortex, filters

ANGLES = np.arange(0, 180, 5)


@pytest.mark.parametrize('angle', [0, 17, 90, 133, 178])
def test_a_gabor_is_tuned_to_its_angle_with_the_width_of_its_spectrum(angle):
    wavelength = 8
    kernel = filters.gabor(31, wavelength, angle, sigma=0.5 * wavelength)
    tuning = cortex.measure_tuning(ANGLES, cortex.tuning_curve(kernel, ANGLES, 31, wavelength))
    # A round window of sigma: the response to a grating turned by d is exp(-2 (sigma k sin(d / 2))²).
    wanted = 2 * np.rad2deg(np.arcsin(np.sqrt(np.log(2) / 2) / np.pi))
    assert abs((tuning.preferred - angle + 90) % 180 - 90) < 0.5
    assert abs(tuning.half_width - wanted) < 0.5 and 21 < wanted < 22


def test_a_longer_field_is_tuned_more_sharply():
    widths = [cortex.measure_tuning(ANGLES, cortex.tuning_curve(
        filters.gabor(41, 8, 40, aspect=aspect), ANGLES, 41, 8)).half_width for aspect in (1, 0.7, 0.5)]
    assert widths[0] > widths[1] + 3 > widths[2] + 6


def test_turning_a_filter_turns_its_preference():
    kernel = filters.gabor(15, 6, 25, phase=70)
    for turned, angle in (np.rot90(kernel), 115), (np.rot90(kernel, 2), 25):
        curve = cortex.tuning_curve(np.ascontiguousarray(turned), ANGLES, 15, 6)
        assert abs(cortex.measure_tuning(ANGLES, curve).preferred - angle) < 0.5


def test_bars_and_functions():
    """A rectified convolution layer of two filters, shown bars: two curves."""
    conv = chainer.links.Convolution2D(1, 2, 15, nobias=True)
    conv.W.array[:, 0] = filters.gabor(15, 7, 20), filters.gabor(15, 7, -20)
    angles = np.arange(-40, 41, 5)
    images = cortex.bar(15, angles, width=3)
    rates = cortex.responses(lambda x: chainer.functions.relu(conv(x - 0.5))[:, :, 0, 0], images)
    assert rates.shape == (17, 2)
    preferred = [cortex.measure_tuning(angles, curve).preferred for curve in rates.T]
    np.testing.assert_allclose(preferred, [20, -20], atol=1)
    curves = cortex.tuning_curve(lambda x: conv(x - 0.5)[:, :, 0, 0], angles, 15, 7)
    np.testing.assert_allclose(curves[:, 0], cortex.tuning_curve(conv.W.array[0, 0], angles, 15, 7), rtol=1e-4)


def test_measures_of_a_known_curve():
    angles = np.arange(-90, 90, 10)
    curve = np.maximum(0, 1 - abs(angles - 20) / 40)            # a triangle: half its height 20 degrees off
    tuning = cortex.measure_tuning(angles, curve)
    assert tuning.preferred == pytest.approx(20) and tuning.peak == 1 and tuning.half_width == pytest.approx(20)
    shuffled = np.random.default_rng(0).permutation(18)
    np.testing.assert_allclose(cortex.measure_tuning(angles[shuffled], 3 * curve[shuffled])[:2], tuning[:2])
    wave = 1 + np.cos(np.deg2rad(2 * (angles - 83)))            # half at 45 degrees; the peak is near the seam
    tuning = cortex.measure_tuning(angles, wave)
    assert abs(tuning.preferred - 83) < 0.5 and abs(tuning.half_width - 45) < 0.5


def test_no_half_width_where_nothing_was_measured():
    angles = np.arange(-40, 41, 10)
    assert np.isnan(cortex.measure_tuning(angles, 100. - abs(angles)).half_width)       # never half
    tuning = cortex.measure_tuning(angles, np.exp(-(angles - 35) ** 2 / 500))           # cut off to the right
    assert np.isnan(tuning.half_width) and abs(tuning.preferred - 35) < 6
    assert cortex.measure_tuning([0, 60, 120], [1, 2, 1]).preferred == 60


@pytest.mark.parametrize('angles, rates, message', [
    ([0, 90], [1, 2], 'angles must be at least 3'), ([0, 45, 90], [1, 2], r'shape of angles, \(3,\); got \(2,\)'),
    ([0, 45, 180], [1, 2, 1], 'one bar twice'), ([0, 45, 45], [1, 2, 1], 'one bar twice'),
    ([0, 45, 90], [2, 2, 2], 'rates are 2 at all angles'), ([0, 45, 90], [-1, -2, 0], 'positive peak; the largest is 0'),
    ([0, 45, np.nan], [1, 2, 3], 'angles holds NaN'), ([0, 45, 90], [1, np.inf, 3], 'rates holds NaN or inf')])
def test_wrong_curves(angles, rates, message):
    with pytest.raises(ValueError, match=message):
        cortex.measure_tuning(angles, rates)


@pytest.mark.parametrize('arguments, message', [
    ((np.ones((5, 5)), ANGLES, 7, 4), r'images must have shape \(N, 1, 5, 5\)'),
    ((np.ones((5, 5)), 3, 5, 4), 'angles must be at least 1'), ((np.ones((5, 5)), ANGLES, 5, 1), 'wavelength'),
    ((np.ones((5, 5)), ANGLES, 5, 4, 0), 'n_phase must be')])
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        cortex.tuning_curve(*arguments)
