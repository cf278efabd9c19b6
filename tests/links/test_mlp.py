import numpy as np
import pytest

from nico2ai_cnn import links


def test_parameters_of_the_docstring():
    mlp = links.MLP()
    assert [mlp[name].count_params() for name in ('fc1', 'fc2', 'fc3')] == [235500, 30100, 1010]
    assert mlp.count_params() == 266610


def test_takes_images_and_rows(rng):
    mlp = links.MLP(rng=rng)
    x = rng.random((3, 1, 28, 28), dtype=np.float32)
    y = mlp(x)
    assert y.shape == (3, 10)
    np.testing.assert_array_equal(y.array, mlp(x.reshape(3, 784)).array)


def test_sizes():
    assert links.MLP(n_class=7, in_channels=3)(np.zeros((2, 3, 28, 28), 'f')).shape == (2, 7)


@pytest.mark.parametrize('link', [links.MLP, links.LeNet, links.LeNet5])
def test_rng_decides_the_weights(link):
    first, second, third = (link(rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    same = [np.array_equal(p.array, q.array) for p, q in zip(first.params(), second.params())]
    other = [np.array_equal(p.array, q.array) for p, q in zip(first.params(), third.params())
             if p.array.any()]
    assert all(same) and not any(other)


@pytest.mark.parametrize('link', [links.MLP, links.LeNet, links.LeNet5])
@pytest.mark.parametrize('x, error, message', [
    (np.zeros((2, 28, 28), 'f'), ValueError, r'x must have shape \(N, 1, 28, 28\).*got \(2, 28, 28\)'),
    (np.zeros((2, 3, 28, 28), 'f'), ValueError, r'x must have shape .*got \(2, 3, 28, 28\)'),
    (np.zeros((2, 1, 28, 28)), TypeError, r"x must be float32 in \[0, 1\]; got float64"),
    (np.zeros((2, 1, 28, 28), np.uint8), TypeError, 'x must be float32.*got uint8'),
    (np.zeros((0, 1, 28, 28), 'f'), ValueError, r'x holds no images; got \(0, 1, 28, 28\)'),
    ([[1.0]], TypeError, 'x must be an array or a Variable; got list')])
def test_bad_input(link, x, error, message):
    with pytest.raises(error, match=f'{link.__name__}: {message}'):
        link()(x)


@pytest.mark.parametrize('link', [links.MLP, links.LeNet, links.LeNet5])
@pytest.mark.parametrize('argument', ['n_class', 'in_channels'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '10', True])
def test_bad_sizes(link, argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1; got'):
        link(**{argument: value})
