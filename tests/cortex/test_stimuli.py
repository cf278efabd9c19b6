import numpy as np
import pytest
import skimage.transform

from nico2ai_cnn import cortex, filters


def test_a_gabor_is_a_grating_under_a_window():
    for wavelength, angle, phase in (5, 30, 40), (8, 110, -90), (4, 0, 0):
        gabor = filters.gabor(15, wavelength, angle, phase, sigma=1000)     # so wide a window is 1 everywhere
        np.testing.assert_allclose(cortex.grating(15, wavelength, angle, phase), 0.5 + gabor / 2, atol=1e-3)


def test_grating_contrast_and_broadcasting():
    images = cortex.grating(16, [[4], [8]], phase=np.arange(0, 360, 90), contrast=0.5)
    assert images.shape == (2, 4, 16, 16) and images.dtype == np.float32
    np.testing.assert_allclose([images.min(), images.max()], [0.25, 0.75], atol=0.02)
    np.testing.assert_allclose(images.mean(axis=(2, 3)), 0.5, atol=1e-6)        # whole periods
    np.testing.assert_allclose(images[1, 3], cortex.grating(16, 8, phase=270, contrast=0.5))
    np.testing.assert_allclose(cortex.grating(9, 4, 90), cortex.grating(9, 4, 0).T, atol=1e-6)


def test_bar():
    image = cortex.bar(9, width=3)
    np.testing.assert_array_equal(image, np.repeat([[0.5] * 3 + [1] * 3 + [0.5] * 3], 9, axis=0))
    np.testing.assert_array_equal(cortex.bar(9, width=2)[0], [0.5, 0.5, 0.5, 0.75, 1, 0.75, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(cortex.bar(9, 90), image.T, atol=1e-6)
    np.testing.assert_array_equal(cortex.bar(9, shift=2), np.roll(image, 2, axis=1))
    np.testing.assert_array_equal(cortex.bar(9, contrast=-1), 1 - image)
    short = cortex.bar(9, length=5)
    assert (short[2:7] == image[2:7]).all() and (short[[0, 1, 7, 8]] == 0.5).all()
    assert cortex.bar(9, [0, 30, 60]).shape == (3, 9, 9)


def test_a_bar_turns_counter_clockwise():
    upright = cortex.bar(41, length=25, width=5)
    turned = skimage.transform.rotate(upright, 30, order=1, cval=0.5)       # counter-clockwise, as its manual says
    assert abs(cortex.bar(41, 30, length=25, width=5) - turned).mean() < 0.01
    assert abs(cortex.bar(41, -30, length=25, width=5) - turned).mean() > 0.05


def test_area_of_a_bar_does_not_depend_on_its_angle():
    areas = (cortex.bar(41, np.arange(0, 180, 7), length=21, width=4.5) - 0.5).sum(axis=(1, 2)) * 2
    np.testing.assert_allclose(areas, 21 * 4.5, rtol=0.02)


@pytest.mark.parametrize('call, message', [
    (lambda: cortex.grating(0, 4), 'size must be an integer'),
    (lambda: cortex.grating(9, 1.9), 'wavelength must be at least 2 pixels; got 1.9'),
    (lambda: cortex.grating(9, [4, -3]), 'wavelength must be at least 2 pixels; got -3'),
    (lambda: cortex.grating(9, 4, np.nan), 'angle must be finite; got nan'),
    (lambda: cortex.grating(9, 4, 'up'), "angle must be a number or an array of numbers; got 'up'"),
    (lambda: cortex.grating(9, 4, contrast=1.1), r'contrast must be in \[0, 1\]; got 1.1'),
    (lambda: cortex.grating(9, [4, 5], [0, 1, 2]), r'wavelength \(2,\), angle \(3,\)'),
    (lambda: cortex.bar(2.5), 'size must be'), (lambda: cortex.bar(9, width=0), 'width must be positive; got 0'),
    (lambda: cortex.bar(9, length=-1), 'length must be positive'),
    (lambda: cortex.bar(9, contrast=-2), r'contrast must be in \[-1, 1\]; got -2'),
    (lambda: cortex.bar(9, np.inf), 'angle must be finite')])
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
