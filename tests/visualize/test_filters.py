import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import visualize


def shown(ax):
    return np.asarray(ax.images[0].get_array())


def test_grey_filters_have_one_scale_around_0(rng):
    W = rng.standard_normal((5, 1, 3, 4)).astype('f')
    axes = visualize.show_filters(W, titles=list('abcde'))
    for ax, kernel, title in zip(axes, W[:, 0], 'abcde', strict=True):
        np.testing.assert_array_equal(shown(ax), kernel)
        assert ax.images[0].get_clim() == pytest.approx((-abs(W).max(), abs(W).max())) and ax.get_title() == title


def test_colour_filters_are_grey_where_the_weight_is_0(rng):
    W = rng.standard_normal((3, 3, 5, 5)).astype('f')
    W[0, :, 0, 0] = 0
    axes = visualize.show_filters(L.Convolution2D(3, 3, 5, initialW=W).W, columns=2)
    assert shown(axes[0]).shape == (5, 5, 3) and (shown(axes[0])[0, 0] == .5).all()
    everything = np.stack([shown(ax) for ax in axes])
    assert everything.min() >= 0 and everything.max() <= 1 and np.ptp(everything) >= .5
    np.testing.assert_allclose((everything - .5) * 2 * abs(W).max(), W.transpose(0, 2, 3, 1), atol=1e-5)


def test_constant_filters_have_a_picture():
    for n_channel in 1, 3:
        assert len(visualize.show_filters(np.zeros((2, n_channel, 3, 3), 'f'))) == 2
    assert visualize.show_filters(np.ones((2, 4, 3, 3), 'f')).shape == (4, 2)


def test_filters_of_a_deeper_layer_have_a_column_each(rng):
    W = rng.standard_normal((20, 6, 3, 5)).astype('f')
    axes = visualize.show_filters(W, titles=[str(i) for i in range(20)], size=.4, n_most=7)
    assert axes.shape == (6, 7)
    for c, d in np.ndindex(axes.shape):
        np.testing.assert_array_equal(shown(axes[c, d]), W[d, c])
        assert axes[c, d].images[0].get_clim() == pytest.approx((-abs(W[:7]).max(), abs(W[:7]).max()))
        assert axes[c, d].get_title() == (str(d) if c == 0 else '')


@pytest.mark.parametrize('W, said', [
    (np.zeros((2, 1, 1, 1)), '1 x 1 pixel'), (np.zeros((2, 6, 1, 1)), '1 x 1 pixel'), (np.zeros((6, 3, 3)), r'got \(6, 3, 3\)'),
    (np.zeros((10, 84)), r'got \(10, 84\)'), (np.zeros((0, 1, 3, 3)), r'got \(0, 1, 3, 3\)'), (None, 'got NoneType')])
def test_what_has_no_picture(W, said):
    with pytest.raises(ValueError, match=said):
        visualize.show_filters(W)


@pytest.mark.parametrize('n_channel', [1, 3, 5])
def test_titles_for_other_filters(n_channel):
    with pytest.raises(ValueError, match='titles must be 2 texts, one per filter; got 3'):
        visualize.show_filters(np.zeros((2, n_channel, 3, 3)), titles=list('abc'))


def test_feature_maps_are_numbered(rng):
    h = rng.random((40, 6, 7)).astype('f')
    axes = visualize.show_feature_maps(h[None])
    assert [ax.get_title() for ax in axes] == [str(i) for i in range(32)]
    np.testing.assert_array_equal(shown(axes[31]), h[31])
    with pytest.raises(ValueError, match=r'a dense layer has none; got \(2, 120\)'):
        visualize.show_feature_maps(np.zeros((2, 120)))
    with pytest.raises(ValueError, match=r'maps of one image.*got \(2, 3, 4, 4\)'):
        visualize.show_feature_maps(np.zeros((2, 3, 4, 4)))
