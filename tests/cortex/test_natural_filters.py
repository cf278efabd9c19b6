import numpy as np
import pytest

from nico2ai_cnn import cortex


def test_patches_come_from_everywhere_and_are_grey_floats():
    patches = cortex.photo_patches(500, 12, np.random.default_rng(0))
    assert patches.shape == (500, 12, 12) and patches.dtype == np.float32
    assert patches.min() >= 0 and patches.max() <= 1 and patches.std() > 0.1
    assert len(np.unique(patches[:, 0, 0])) > 400
    np.testing.assert_array_equal(patches, cortex.photo_patches(500, 12, np.random.default_rng(0)))
    assert not np.array_equal(patches, cortex.photo_patches(500, 12, np.random.default_rng(1)))
    assert cortex.photo_patches(1, 150).shape == (1, 150, 150)


def test_filters_find_independent_sources():
    """Sparse mixtures of known patterns: each filter answers to one of them alone."""
    rng = np.random.default_rng(0)
    patterns = rng.standard_normal((5, 16))
    patterns -= patterns.mean(axis=1, keepdims=True)
    patches = (rng.laplace(size=(4000, 5)) @ patterns).reshape(-1, 4, 4) + 0.5
    before = patches.copy()
    found = cortex.ica_filters(patches, 5, rng)
    np.testing.assert_array_equal(patches, before)
    answers = np.sort(abs(found.reshape(5, 16) @ patterns.T), axis=1)
    assert (answers[:, -2] < 0.15 * answers[:, -1]).all()
    assert sorted(abs(found.reshape(5, 16) @ patterns.T).argmax(axis=1)) == list(range(5))


def test_filters_of_photos_are_whitened_and_sparse(recwarn):
    rng = np.random.default_rng(0)
    patches = cortex.photo_patches(4000, 8, rng)
    found = cortex.ica_filters(patches, 20, rng)
    assert found.shape == (20, 8, 8) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 0, atol=1e-3)
    responses = (patches - patches.mean(axis=(1, 2), keepdims=True)).reshape(4000, -1) @ found.reshape(20, -1).T
    np.testing.assert_allclose(np.cov(responses.T), np.eye(20), atol=0.02)
    assert (((responses - responses.mean(axis=0)) ** 4).mean(axis=0) > 4).all()     # a Gaussian's is 3
    assert not recwarn.list


@pytest.mark.parametrize('arguments, message', [
    ((0,), 'n must be an integer'), ((3, 2.5), 'size must be'), ((3, 151), 'size 151 is larger')])
def test_wrong_arguments_for_patches(arguments, message):
    with pytest.raises(ValueError, match=message):
        cortex.photo_patches(*arguments)


@pytest.mark.parametrize('patches, n_filter, message', [
    (np.zeros((20, 4)), 3, r'\(N, size, size\); got \(20, 4\)'), (np.zeros((20, 4, 5)), 3, 'shape'),
    (np.ones((20, 4, 4)), 3, 'vary too little'), (np.full((20, 4, 4), np.nan), 3, 'NaN'),
    (np.zeros((20, 1, 1)), 1, 'at most 0'), (np.zeros((90, 4, 4)), 16, 'n_filter 16 is too large.*at most 15'),
    (np.zeros((5, 4, 4)), 5, 'at most 4'), (np.zeros((5, 4, 4)), 0, 'n_filter must be')])
def test_wrong_arguments_for_filters(patches, n_filter, message):
    with pytest.raises(ValueError, match=message):
        cortex.ica_filters(patches, n_filter)


def test_wrong_types():
    with pytest.raises(TypeError, match='patches must be a NumPy array; got list'):
        cortex.ica_filters([[1]], 1)
    for call in (lambda: cortex.photo_patches(3, rng=0), lambda: cortex.ica_filters(np.zeros((9, 4, 4)), 3, rng=0)):
        with pytest.raises(TypeError, match='rng must be a numpy.random.Generator, as of .*; got 0'):
            call()
