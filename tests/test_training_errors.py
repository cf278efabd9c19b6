"""What ``training`` says to arguments that it cannot use."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import _device, links, training
from tests.nets import weights

X, T = np.zeros((4, 1, 28, 28), np.float32), np.array([0, 1, 2, 3])


class Cluttered(links.MLP):
    """Has a layer that nothing calls, so that it never learns its size."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.unused = L.Linear(None, 3)


@pytest.mark.parametrize('train, error, message', [
    ((X[:0], T[:0]), ValueError, 'train is empty'),
    ([], ValueError, 'train is empty'),
    ((X, T[:3]), ValueError, 'train has 4 images, but 3 labels'),
    (X, TypeError, r'train must hold \(image, label\) tuples; its first example is ndarray'),
    (None, TypeError, 'train must be a data set'),
    ((X.astype(np.float64), T), TypeError, 'images must be float32 in .*; the first one is float64'),
    (((X * 255).astype(np.uint8), T), TypeError, 'images must be float32 in .*; the first one is uint8'),
    ((X, T.astype(float)), TypeError, 'a label must be one integer; .*float64'),
    ((X, np.eye(4, dtype=int)), TypeError, r'a label must be one integer; the first one has shape \(4,\)'),
    ((X[:, :, :20], T), ValueError, r'x must have shape .*got \(1, 1, 20, 28\)'),
    ((X, T + 7), ValueError, 'label 10 is out of range; the model has 10 classes, so labels must be 0 to 9'),
    ((X, T - 1), ValueError, 'label -1 is out of range')])
def test_bad_training_data(train, error, message):
    model = links.MLP()
    before = weights(model)
    with pytest.raises(error, match=message):
        training.fit(model, train, progress=False)
    np.testing.assert_array_equal(weights(model), before)


def test_bad_test_data():
    with pytest.raises(ValueError, match='test is empty'):
        training.fit(links.MLP(), (X, T), (X[:0], T[:0]))
    with pytest.raises(ValueError, match='test: label 10 is out of range'):
        training.fit(links.MLP(), (X, T), (X, T + 7))
    with pytest.raises(ValueError, match='data: label 10 is out of range'):
        training.evaluate(links.MLP(), (X, T + 9))
    with pytest.raises(ValueError, match='x is empty'):
        training.predict(links.MLP(), X[:0])


def test_models_that_do_not_fit():
    with pytest.raises(ValueError, match='train: the model rejects an image of shape'):
        training.fit(chainer.Sequential(L.Convolution2D(3, 4, 3)), (X, T))
    with pytest.raises(ValueError, match=r'must return logits of shape \(N, n_class\)'):
        training.fit(chainer.Sequential(L.Convolution2D(1, 4, 3)), (X, T))


@pytest.mark.parametrize('model, arguments, error, message', [
    (lambda x: x, {}, TypeError, 'model must be a chainer.Chain; got function'),
    (chainer.Sequential(lambda x: (x, x)), {}, TypeError, 'must return logits.*it returned tuple'),
    (links.MLP(), {'optimizer': 'adam'}, TypeError, "optimizer must be a chainer.Optimizer.*got 'adam'"),
    (links.MLP(), {'optimizer': chainer.optimizers.AdaDelta()}, ValueError, 'pass decay=False'),
    (Cluttered(), {}, ValueError, 'the model never uses /unused/W in forward')])
def test_unusable_models_and_optimizers(model, arguments, error, message):
    with pytest.raises(error, match=message):
        training.fit(model, (X, T), **arguments)


def test_classifier_without_accuracy():
    classifier = L.Classifier(links.MLP())
    classifier.compute_accuracy = False
    with pytest.raises(ValueError, match='compute_accuracy=True'):
        training.fit(classifier, (X, T))


@pytest.mark.parametrize('name', ['epochs', 'batch_size'])
@pytest.mark.parametrize('value', [0, -3, 1.5])
def test_bad_counts(name, value):
    with pytest.raises(ValueError, match=f'{name} must be an integer of at least 1; got {value}'):
        training.fit(links.MLP(), (X, T), **{name: value})


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_a_loss_that_is_not_a_number_names_the_step_and_keeps_the_weights(bad, digits):
    x, t = digits[0]
    x = x.copy()
    x[np.random.RandomState(0).permutation(600)[350]] = bad  # in the fourth batch of the first epoch
    model, reference = links.MLP(rng=np.random.default_rng(0)), links.MLP(rng=np.random.default_rng(0))
    with np.errstate(all='ignore'), pytest.raises(
            FloatingPointError, match=r'the loss became \S+ at step 4 \(epoch 1\)'):
        training.fit(model, (x, t), epochs=2, batch_size=100, decay=False, progress=False)
    order = np.random.RandomState(0).permutation(600)[:300]
    optimizer = chainer.optimizers.Adam(0.003).setup(reference)
    for batch in np.split(order, 3):
        optimizer.update(lambda: F.softmax_cross_entropy(reference(x[batch]), t[batch]))
    np.testing.assert_array_equal(weights(model), weights(reference))


@pytest.mark.skipif(_device.why_no_gpu() is None, reason='there is a GPU here')
@pytest.mark.parametrize('device', ['gpu', '@cupy:0', 0])
def test_gpu_where_there_is_none(device):
    with pytest.raises(RuntimeError, match="needs a GPU, and there is none.*use device='auto' or 'cpu'"):
        training.fit(links.MLP(), (X, T), device=device)


@pytest.mark.parametrize('seed', [None, 'a', 1.5, -1, 2 ** 32, True])
def test_bad_seeds(seed):
    with pytest.raises(ValueError, match=f'seed must be an integer from 0 to 4294967295; got {seed!r}'):
        training.fit(links.MLP(), (X, T), seed=seed, progress=False)


@pytest.mark.parametrize('device', ['cuda', 'gpu:0', 'native:0', 'foo'])
def test_names_that_are_no_device(device):
    with pytest.raises(ValueError, match=f"a name of Chainer's such as '@cupy:0'; got '{device}'"):
        training.choose_device(device)


def test_choose_device():
    assert str(training.choose_device('cpu')) == '@numpy'
    assert str(training.choose_device('@numpy')) == '@numpy'
    expected = '@numpy' if _device.why_no_gpu() else '@cupy:0'
    assert str(training.choose_device()) == expected


@pytest.mark.filterwarnings('ignore:invalid value encountered')
def test_the_last_step_of_an_epoch_must_leave_numbers(digits, tmp_path):
    """The loss of a step is computed before it changes anything; no step comes to see that it was the last one."""
    path = tmp_path / 'run.npz'
    with pytest.raises(FloatingPointError, match=r'step 1 made /fc1/W NaN or infinite; a smaller step size'):
        training.fit(links.MLP(), (X + 1, T), epochs=1, optimizer=chainer.optimizers.SGD(np.inf), snapshot=path,
                     decay=False, progress=False)
    assert not path.exists()


@pytest.mark.parametrize('transform', [lambda x: None, lambda x: x[:0], lambda x: x.repeat(2, axis=0)])
def test_a_transform_that_returns_something_else(transform):
    with pytest.raises(TypeError, match='transform must return as many images as it gets'):
        training.fit(links.MLP(), (X, T), transform=transform, progress=False)


def test_what_is_neither_images_nor_communicator():
    with pytest.raises(TypeError, match='x must be an array of images; got NoneType'):
        training.predict(links.MLP(), None)
    with pytest.raises(TypeError, match='comm must be of chainermn.create_communicator, or None; got 3'):
        training.fit(links.MLP(), (X, T), comm=3)
