import inspect

import chainer
import numpy as np
import pytest

from nico2ai_cnn import datasets, inspection, links, training
from nico2ai_cnn.links import _neocognitron_rules as rules
from nico2ai_cnn.links import neocognitron as module


@pytest.fixture(scope='module')
def learnt():
    train, test = (chainer.dataset.concat_examples(part[:n])
                   for part, n in zip(datasets.get_mnist(ndim=3), (1500, 500)))
    return links.Neocognitron(rng=np.random.default_rng(0)).learn(*train), train, test


def test_reads_digits(learnt):
    neocognitron, _, test = learnt
    assert training.evaluate(neocognitron, test)['accuracy'] > 0.9


def test_its_sizes_are_the_docstring_s(learnt):
    neocognitron, (x, _), _ = learnt
    cells = neocognitron.cells(x[:2])
    table = inspect.getdoc(links.Neocognitron)
    assert list(cells) == ['S1', 'C1', 'S2', 'C2']
    for name, h in cells.items():
        assert f'{h.shape[1]} @ {h.shape[2]}x{h.shape[3]}\n' in table.split(f'\n{name} ')[1].split('\n', 1)[0] + '\n'
    assert neocognitron.features.shape == (200, 8, 5, 5)
    assert neocognitron.references.shape[1] == 200 * 4 * 4
    y = neocognitron(x[:2])
    assert y.shape == (2, 10) and (y.array >= 0).all() and (y.array <= 1.0001).all()
    assert inspection.summary(neocognitron, (1, 28, 28)).parameters == 0


def test_layers_below_the_top_see_no_labels(learnt):
    neocognitron, (x, t), _ = learnt
    other = links.Neocognitron(rng=np.random.default_rng(0)).learn(x, (t + 3) % 10)
    np.testing.assert_array_equal(other.features, neocognitron.features)
    assert (other.labels[:5] == (neocognitron.labels[:5] + 3) % 10).all()


def test_the_same_rng_learns_the_same_and_another_something_else(learnt):
    _, (x, t), _ = learnt
    first, again, other = (links.Neocognitron(rng=np.random.default_rng(seed)).learn(x[:200], t[:200])
                           for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.references, again.references)
    assert first.references.shape != other.references.shape or (first.references != other.references).any()


def test_no_gradient_and_no_change_of_the_input(learnt):
    neocognitron, (x, _), _ = learnt
    before = x[:3].copy()
    assert neocognitron(x[:3]).creator is None and not list(neocognitron.params())
    np.testing.assert_array_equal(x[:3], before)


def test_saves_and_loads(learnt, tmp_path):
    neocognitron, (x, _), _ = learnt
    chainer.serializers.save_npz(tmp_path / 'n.npz', neocognitron)
    other = links.Neocognitron()
    chainer.serializers.load_npz(tmp_path / 'n.npz', other)
    np.testing.assert_array_equal(other(x[:20]).array, neocognitron(x[:20]).array)
    with pytest.raises(RuntimeError, match='has not learnt yet'):
        chainer.serializers.save_npz(tmp_path / 'm.npz', links.Neocognitron())


def test_s_cells_are_the_formula(rng):
    """Match less theta times the window's root of squares, window by window."""
    h, references = rng.random((2, 3, 6, 7)).astype('f'), rules.of_length_1(rng.random((4, 27))).astype('f')
    y = module.s_cells(h, references.reshape(4, 3, 3, 3), theta=.8, pad=1)
    padded = np.pad(h, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for n, i, j in np.ndindex(2, 6, 7):
        window = padded[n, :, i:i + 3, j:j + 3].ravel()
        right = np.maximum(references @ window - .8 * np.linalg.norm(window), 0) / (1 - .8)
        np.testing.assert_allclose(y[n, :, i, j], right, atol=1e-4)
    assert (y > 0).any() and (y == 0).any()


def test_an_s_cell_fires_most_for_its_reference_whatever_the_contrast():
    reference = rules.of_length_1(np.arange(1., 10)[None]).reshape(1, 1, 3, 3).astype('f')
    for contrast in .5, 2.:
        rate = module.s_cells(contrast * reference, reference, theta=.7, pad=0)
        assert rate.ravel() == pytest.approx(contrast, rel=1e-5)
    assert module.s_cells(reference[..., ::-1, ::-1].copy(), reference, theta=.7, pad=0).ravel() == 0


def test_c_cells_are_the_formula(rng):
    h = rng.random((2, 3, 8, 9)).astype('f')
    y = module.c_cells(h, ksize=5, sigma=1.5, stride=2, pad=2)
    place = np.arange(5) - 2
    weights = np.exp(-(place[:, None] ** 2 + place ** 2) / (2 * 1.5 ** 2))
    weights /= weights.sum()
    padded = np.pad(h, ((0, 0), (0, 0), (2, 2), (2, 2)))
    assert y.shape == (2, 3, 4, 5)
    for n, c, i, j in np.ndindex(*y.shape):
        right = np.sqrt((weights * padded[n, c, 2 * i:2 * i + 5, 2 * j:2 * j + 5] ** 2).sum())
        assert y[n, c, i, j] == pytest.approx(right, rel=1e-4)


def test_edges_turn_by_45_degrees():
    edges = module.edges(8, 5, 1.)
    np.testing.assert_allclose((edges ** 2).sum((1, 2, 3)), 1, rtol=1e-5)
    assert (edges[0, 0, :, 3:] > 0).all() and (edges[0, 0, :, :2] < 0).all()       # bright on its right
    np.testing.assert_allclose(edges[2, 0], np.rot90(edges[0, 0]), atol=1e-6)
    np.testing.assert_allclose(edges[4], -edges[0], atol=1e-6)


def test_add_if_silent_adds_only_what_excites_nobody(rng):
    h = rng.random((30, 2, 6, 6)).astype('f')
    references = rules.add_if_silent(h, 3, .85, 500, rng)
    flat = references.reshape(len(references), -1)
    cosines = flat @ flat.T
    np.testing.assert_allclose(np.diag(cosines), 1, rtol=1e-5)
    assert len(flat) > 5 and cosines[np.triu_indices(len(flat), 1)].max() < .85
    windows = np.lib.stride_tricks.sliding_window_view(h, (3, 3), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5).reshape(-1, 18)
    windows = rules.of_length_1(windows)
    assert ((windows @ flat.T).max(axis=1) > 1 - 1e-5).sum() == len(flat)      # each is a window that there is
    assert len(rules.add_if_silent(h, 3, .85, 4, rng)) == 4
    assert len(rules.add_if_silent(np.concatenate([h[:1]] * 9), 6, .99, 50, rng)) == 1     # one picture, one cell


def test_competition_moves_the_nearest_or_makes_a_new_one(rng):
    x = rules.of_length_1(np.array([[1, .0, 0], [1, .2, 0], [0, 0, 1], [.1, 0, 1]], 'f'))
    references, labels = rules.compete(x, np.array([5, 5, 7, 7]), 1, rng, n_at_once=1)
    assert sorted(labels) == [5, 7]
    five, = references[labels == 5]
    np.testing.assert_allclose(five, rules.of_length_1(x[:2].sum(0, keepdims=True))[0], rtol=1e-5)
    _, labels = rules.compete(x, np.array([5, 6, 7, 7]), 1, rng, n_at_once=1)      # 6 is near 5, and yet another
    assert sorted(labels) == [5, 6, 7]
    all_at_once, labels = rules.compete(x, np.array([5, 6, 7, 7]), 1, rng, n_at_once=4)
    assert sorted(labels) == [5, 6, 7]


def test_competition_against_one_by_one(rng):
    """With one at a time, against a plain loop over the paper's rule."""
    x, t = rules.of_length_1(rng.random((60, 5)).astype('f')), rng.integers(0, 3, 60)
    references, labels = rules.compete(x, t, 2, np.random.default_rng(4), n_at_once=1)
    order, sums, own = np.random.default_rng(4), [], []
    for i in np.concatenate([order.permutation(60), order.permutation(60)]):
        near = max(range(len(sums)), key=lambda j: sums[j] @ x[i] / np.linalg.norm(sums[j]), default=None)
        if near is not None and own[near] == t[i]:
            sums[near] = sums[near] + x[i]
        else:
            sums.append(x[i])
            own.append(t[i])
    assert labels.tolist() == own
    np.testing.assert_allclose(references, rules.of_length_1(np.array(sums)), rtol=1e-4)


def test_interpolation_is_the_projection_on_the_plane_between(rng):
    references = rules.of_length_1(np.array([[1, 0, 0], [0, 1, 0], [.5, .5, .7]], 'f'))
    labels = np.array([2, 2, 0])
    x = rules.of_length_1(np.array([[3, 4, 2], [1, -1, 1]], 'f'))
    y = rules.interpolate(x, references, labels, 3)
    assert y[0, 2] == pytest.approx(np.hypot(x[0, 0], x[0, 1]))     # between the two
    assert y[1, 2] == pytest.approx(x[1, 0])                        # outside: the nearer one
    np.testing.assert_allclose(y[:, 0], x @ references[2], rtol=1e-5)
    assert (y[:, 1] == 0).all()


def test_errors(learnt):
    neocognitron, (x, t), _ = learnt
    new = links.Neocognitron()
    with pytest.raises(RuntimeError, match=r'has not learnt yet: call its learn\(x, t\) first'):
        new(x[:1])
    with pytest.raises(RuntimeError, match='has not learnt yet'):
        new.cells(x[:1])
    with pytest.raises(ValueError, match=r'x must have shape \(N, 1, 28, 28\); got \(2, 1, 32, 32\)'):
        neocognitron(np.zeros((2, 1, 32, 32), 'f'))
    with pytest.raises(TypeError, match='x must be float32'):
        new.learn(x.astype(float), t)
    with pytest.raises(ValueError, match='x holds no images'):
        new.learn(x[:0], t[:0])
    with pytest.raises(ValueError, match='t must be 1500 integers'):
        new.learn(x, t[:-1])
    with pytest.raises(ValueError, match='label 10 is out of range'):
        new.learn(x, t + 1)
    with pytest.raises(ValueError, match='x holds NaN or infinity'):
        links.Neocognitron().learn(np.full((3, 1, 28, 28), np.nan, 'f'), np.zeros(3, int))
    with pytest.raises(ValueError, match='all black'):
        new.learn(np.zeros_like(x[:3]), t[:3])
    with pytest.raises(ValueError, match='n_pass must be an integer of at least 1'):
        new.learn(x, t, n_pass=0)
    with pytest.raises(ValueError, match='n_plane must be an integer of at least 1'):
        links.Neocognitron(n_plane=0)


def test_black_images_match_nothing_and_break_nothing(learnt):
    neocognitron, (x, t), _ = learnt
    y = neocognitron(np.zeros((2, 1, 28, 28), 'f')).array
    assert np.isfinite(y).all() and (y == 0).all()
    some = x[:100].copy()
    some[0] = 0
    assert np.isfinite(links.Neocognitron().learn(some, t[:100]).references).all()
