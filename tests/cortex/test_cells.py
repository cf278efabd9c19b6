import chainer
import numpy as np
import pytest

from nico2ai_cnn import _device, cortex, filters

PHASES = np.arange(0, 360, 5)
EVEN, ODD = filters.gabor(25, 7, 30), filters.gabor(25, 7, 30, 90)


def ratio(cell, angle=30):
    return cortex.modulation_ratio(cortex.responses(cell, cortex.grating(25, 7, angle, PHASES)))


def test_simple_cell():
    cell = cortex.simple_cell(EVEN)
    assert ratio(cell) == pytest.approx(np.pi / 2, abs=0.005)       # of a half-rectified cosine
    rates = cortex.responses(cell, cortex.grating(25, 7, 30, PHASES))
    assert abs(PHASES[rates.argmax()]) == 0 and (rates[PHASES == 180] == 0).all()
    assert cortex.responses(cell, np.full((25, 25), 0.5, 'f')) == 0     # grey


def test_energy_model():
    cell = cortex.complex_cell(EVEN, ODD)
    assert ratio(cell) < 0.01
    rates = cortex.responses(cell, cortex.grating(25, 7, 30, PHASES))
    assert rates.max() < 1.02 * rates.min()
    by_angle = cortex.responses(cell, cortex.grating(25, 7, [30, 120]))
    assert by_angle[0] > 1000 * by_angle[1]                         # phase does not matter, the angle does
    x = np.random.default_rng(0).random((3, 25, 25), dtype='f')
    wanted = ((x - 0.5) * EVEN).sum((1, 2)) ** 2 + ((x - 0.5) * ODD).sum((1, 2)) ** 2
    np.testing.assert_allclose(cortex.responses(cell, x), wanted, rtol=1e-4)


def test_rectified_squares_of_four_phases_are_complex_too():
    four = [cortex.simple_cell(sign * kernel) for sign in (1, -1) for kernel in (EVEN, ODD)]
    assert ratio(lambda x: sum(cell(x) ** 2 for cell in four)) == pytest.approx(float(ratio(
        cortex.complex_cell(EVEN, ODD))), abs=1e-4)


def test_modulation_ratio_of_known_rates():
    wave = np.cos(np.deg2rad(PHASES))
    rates = np.stack([np.ones(72), 1 + wave, 2 + wave, (wave > 0.999) * 5., np.zeros(72)])
    found = cortex.modulation_ratio(rates)
    np.testing.assert_allclose(found[:4], [0, 1, 0.5, 2], atol=1e-12)
    assert np.isnan(found[4])
    np.testing.assert_array_equal(found, cortex.modulation_ratio(rates.T, axis=0))


def test_cells_keep_their_filters_and_leave_images_alone():
    kernel, x = EVEN.copy(), np.random.default_rng(0).random((2, 1, 25, 25), dtype='f')
    before, cell = x.copy(), cortex.simple_cell(kernel)
    first = cell(x)
    kernel[:] = 0
    np.testing.assert_array_equal(cell(x), first)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize('call, error, message', [
    (lambda: cortex.simple_cell(np.ones((5, 5))), ValueError, r'kernel is constant \(5 x 5 pixels\)'),
    (lambda: cortex.simple_cell(np.array([[3.]])), ValueError, 'kernel is constant'),
    (lambda: cortex.simple_cell(np.ones(5)), ValueError, r'kernel must have shape \(H, W\); got \(5,\)'),
    (lambda: cortex.simple_cell([[1, 2]]), TypeError, 'kernel must be an array'),
    (lambda: cortex.complex_cell(EVEN, ODD[1:]), ValueError, r'one shape; got \(25, 25\) and \(24, 25\)'),
    (lambda: cortex.complex_cell(EVEN, 0 * ODD), ValueError, 'odd is constant'),
    (lambda: cortex.simple_cell(EVEN)(np.zeros((1, 25, 25), 'f')), ValueError, r'\(N, 1, 25, 25\).*got shape \(1, 25'),
    (lambda: cortex.responses(EVEN, np.zeros((24, 25), 'f')), ValueError, 'images must have shape'),
    (lambda: cortex.responses(EVEN, np.zeros((25, 25), 'u1')), ValueError, 'floats'),
    (lambda: cortex.responses(EVEN, np.zeros((0, 25, 25), 'f')), ValueError, r'images must be an array'),
    (lambda: cortex.responses(EVEN, [[1]]), ValueError, 'got list'),
    (lambda: cortex.responses('V1', np.zeros((25, 25), 'f')), TypeError, 'cell must be an array .* or a function'),
    (lambda: cortex.responses(lambda x: x, np.zeros((25, 25), 'f')), ValueError, r'cell must return shape \(1,\) or'),
    (lambda: cortex.responses(lambda x: 3, np.zeros((25, 25), 'f')), ValueError, 'it returned int'),
    (lambda: cortex.modulation_ratio([1, 2, 3]), ValueError, 'at least 4 phases'),
    (lambda: cortex.modulation_ratio(np.ones((4, 9)), axis=2), ValueError, 'along axis 2'),
    (lambda: cortex.modulation_ratio([1, 2, 3, -1]), ValueError, 'rectify them; got -1'),
    (lambda: cortex.modulation_ratio([1, 2, 3, np.nan]), ValueError, 'NaN')])
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.gpu
@pytest.mark.skipif(_device.why_no_gpu() is not None, reason='no GPU')
def test_on_a_gpu():
    cupy = chainer.backends.cuda.cupy
    images = cortex.grating(25, 7, 30, PHASES)
    for make in (cortex.simple_cell, lambda kernel: cortex.complex_cell(kernel, kernel[::-1]), lambda kernel: kernel):
        there = cortex.responses(make(cupy.asarray(EVEN)), cupy.asarray(images))
        assert isinstance(there, cupy.ndarray)
        np.testing.assert_allclose(there.get(), cortex.responses(make(EVEN), images), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(cortex.responses(make(cupy.asarray(EVEN)), images).get(), there.get(), rtol=1e-6)
    rates = cortex.responses(cortex.simple_cell(cupy.asarray(EVEN)), images)
    np.testing.assert_allclose(cortex.modulation_ratio(rates).get(), np.pi / 2, atol=0.005)
    angles = np.arange(0, 180, 10)
    curve = cortex.tuning_curve(cortex.simple_cell(cupy.asarray(EVEN)), angles, 25, 7)
    np.testing.assert_allclose(curve, cortex.tuning_curve(EVEN, angles, 25, 7), rtol=1e-3, atol=1e-3)
    assert abs(cortex.measure_tuning(angles, cupy.asarray(curve)).preferred - 30) < 1
    assert cortex.fit_gabor(cupy.asarray(EVEN)).residual < 1e-3
