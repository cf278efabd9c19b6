"""Augmentation in ``training.fit``."""

import functools

import chainer
import numpy as np
import pytest

from nico2ai_cnn import links, training, transforms


def weights(model):
    return np.concatenate([param.array.ravel() for param in model.params()])


def test_transform_sees_every_training_batch_and_no_test_digit(digits):
    shapes = []

    def transform(x, rng):
        shapes.append((x.shape, rng.random()))
        return x
    with_it, without = links.MLP(rng=np.random.default_rng(0)), links.MLP(rng=np.random.default_rng(0))
    training.fit(with_it, *digits, epochs=1, batch_size=50, transform=transform, progress=False)
    training.fit(without, *digits, epochs=1, batch_size=50, progress=False)
    assert [shape[0] for shape, _ in shapes] == [1] + 12 * [50]         # one digit first, as a trial
    assert len({number for _, number in shapes}) == 12
    np.testing.assert_array_equal(weights(with_it), weights(without))


def test_transform_resumes_to_the_bit(digits, tmp_path):
    transform = functools.partial(transforms.random_affine, angle=20, shift=2)
    whole, part, resumed = (links.LeNet(rng=np.random.default_rng(0)) for _ in range(3))
    fixed = {'batch_size': 64, 'transform': transform, 'progress': False, 'decay': False, 'seed': 4}
    training.fit(whole, digits[0], epochs=2, **fixed)
    training.fit(part, digits[0], epochs=1, snapshot=tmp_path / 'a.npz', **fixed)
    training.fit(resumed, digits[0], epochs=2, snapshot=tmp_path / 'a.npz', resume=True, **fixed)
    np.testing.assert_array_equal(weights(resumed), weights(whole))


def test_transform_may_change_the_size_and_needs_no_rng(digits):
    model = links.LeNet(rng=np.random.default_rng(0))
    big = chainer.datasets.TransformDataset(
        chainer.datasets.TupleDataset(*digits[0]), lambda pair: (np.pad(pair[0], ((0, 0), (2, 2), (2, 2))), pair[1]))
    training.fit(model, big, epochs=1, transform=lambda x: transforms.center_crop(x, 28), progress=False)


def test_bad_ones_fail_before_the_first_step(digits):
    model = links.LeNet()
    with pytest.raises(TypeError, match='transform must be a function of a batch; got 3'):
        training.fit(model, digits[0], transform=3)
    with pytest.raises(ValueError, match=r'got \(1, 1, 20, 20\)'):
        training.fit(model, digits[0], transform=lambda x: transforms.center_crop(x, 20))
