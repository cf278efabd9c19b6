import chainer
import numpy as np
import pytest
from sklearn.decomposition import PCA

from nico2ai_cnn import links, transforms as T


@pytest.fixture
def batch():
    return np.random.default_rng(0).random((5, 3, 9, 8), dtype='f')


def test_cutout(batch):
    y, param = T.random_cutout(batch, (4, 3), fill=0.5, rng=np.random.default_rng(0), return_param=True)
    for n, (top, left) in enumerate(zip(param['top'], param['left'])):
        wanted = batch[n].copy()
        wanted[:, max(top, 0):max(top + 4, 0), max(left, 0):max(left + 3, 0)] = 0.5
        np.testing.assert_array_equal(y[n], wanted)
    _, param = T.random_cutout(np.zeros((2000, 1, 6, 6), 'f'), 3, rng=np.random.default_rng(0), return_param=True)
    assert set(param['top']) == set(range(-1, 5))       # the middle is anywhere


def test_brightness_and_contrast(batch):
    np.testing.assert_allclose(T.adjust(batch, 0.1, 2), (batch - 0.5) * 2 + 0.6, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(T.adjust(batch, [0, 1, 2, 3, 4])[3], batch[3] + 3, rtol=1e-6)
    y, param = T.random_brightness_contrast(batch, 0.3, (0.5, 0.9), rng=np.random.default_rng(1), return_param=True)
    assert np.abs(param['brightness']).max() <= 0.3 and 0.5 <= param['contrast'].min() <= param['contrast'].max() <= 0.9
    np.testing.assert_array_equal(y, T.adjust(batch, **param))


def test_noise():
    x = np.full((4, 2, 60, 70), 0.5, 'f')
    y, param = T.random_noise(x, (0.1, 0.3), rng=np.random.default_rng(0), return_param=True)
    np.testing.assert_allclose((y - x).std(axis=(1, 2, 3)), param['std'], rtol=0.03)
    assert len(set(param['std'])) == 4 and abs((y - x).mean()) < 0.01
    np.testing.assert_array_equal(T.random_noise(x, 0), x)


def test_lighting_equals_scikit_learns_pca(batch):
    lighting = T.Lighting(batch)
    pca = PCA().fit(batch.transpose(0, 2, 3, 1).reshape(-1, 3).astype(float))
    np.testing.assert_allclose(lighting.eigenvalues, pca.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(np.abs(lighting.eigenvectors.T), np.abs(pca.components_), rtol=1e-6)
    y, param = T.random_lighting(batch, lighting, 0.5, rng=np.random.default_rng(0), return_param=True)
    for n in range(5):
        added = sum(param['alpha'][n, k] * lighting.eigenvalues[k] * lighting.eigenvectors[:, k] for k in range(3))
        np.testing.assert_allclose(y[n], batch[n] + added[:, None, None], atol=1e-6)
    assert T.Lighting(batch[:, :1]).eigenvalues.shape == (1,)


@pytest.mark.parametrize('call, message', [
    (lambda x: T.adjust(x, contrast=0), 'contrast must be larger than 0; got 0'),
    (lambda x: T.adjust(x, np.inf), 'brightness must be finite'),
    (lambda x: T.random_brightness_contrast(x, contrast=1.5), 'contrast must be larger than 0; got 1.5'),
    (lambda x: T.random_brightness_contrast(x, np.nan), 'brightness must be a number'),
    (lambda x: T.random_noise(x, -1), 'std must be at least 0; got -1'),
    (lambda x: T.random_noise(x, (0.2, np.inf)), 'std must be a number'),
    (lambda x: T.random_lighting(x[:, :1], T.Lighting(x)), 'lighting is of 3 channels; x has 1'),
    (lambda x: T.random_lighting(x, T.Lighting(x), std=-1), 'std must be a number of at least 0; got -1')])
def test_bad_arguments(call, message, batch):
    with pytest.raises(ValueError, match=message):
        call(batch)


class Normalised(chainer.Chain):
    def __init__(self, per):
        super().__init__()
        with self.init_scope():
            self.normalise = T.MeanNormalization(per)
            self.net = links.LeNet(rng=np.random.default_rng(0))

    def forward(self, x):
        return self.net(self.normalise(x))


@pytest.mark.parametrize('per, axes', [('pixel', 0), ('channel', (0, 2, 3))])
def test_mean_normalization_is_fitted_applied_and_saved(per, axes, batch, tmp_path):
    link = T.MeanNormalization(per)
    with pytest.raises(ValueError, match='there is no mean yet: call fit'):
        link(batch)
    assert link.fit(batch) is link
    np.testing.assert_allclose(link(batch).mean(axis=axes), 0, atol=1e-6)
    assert link.mean.dtype == np.float32 and link.mean.shape == ((3, 9, 8) if per == 'pixel' else (3, 1, 1))
    test = np.random.default_rng(1).random((2, 3, 9, 8), dtype='f')
    np.testing.assert_allclose(link(test), test - batch.mean(axis=axes, keepdims=True), atol=1e-6)
    assert link(test[0]).shape == (3, 9, 8)
    assert isinstance(link(chainer.Variable(test)), chainer.Variable)

    digits = np.random.default_rng(2).random((6, 1, 28, 28), dtype='f')
    model = Normalised(per)
    model.normalise.fit(digits)
    chainer.serializers.save_npz(tmp_path / 'a.npz', model)
    other = Normalised(per)
    chainer.serializers.load_npz(tmp_path / 'a.npz', other)
    np.testing.assert_array_equal(other.normalise.mean, model.normalise.mean)
    np.testing.assert_array_equal(other(digits).array, model(digits).array)


def test_mean_normalization_bad_input(batch):
    with pytest.raises(ValueError, match="per must be 'pixel' or 'channel'; got 'row'"):
        T.MeanNormalization('row')
    with pytest.raises(ValueError, match=r'images must have shape \(N, C, H, W\); got \(3, 9, 8\)'):
        T.MeanNormalization().fit(batch[0])
    with pytest.raises(TypeError, match='x must be of floats'):
        T.MeanNormalization().fit((batch * 255).astype(np.uint8))
    for per, x in ('pixel', batch[:, :, :8]), ('channel', batch[:, :2]), ('channel', batch[0, 0]):
        with pytest.raises(ValueError, match='the mean is of images'):
            T.MeanNormalization(per).fit(batch)(x)


def test_lighting_of_what_it_is_not(batch):
    with pytest.raises(TypeError, match='lighting must be a Lighting, of the training images; got None'):
        T.random_lighting(batch, None)
    with pytest.raises(ValueError, match='images holds NaN'):
        T.Lighting(np.full((2, 3, 4, 4), np.nan, 'f'))
