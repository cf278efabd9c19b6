import chainer
import chainer.links as L
import matplotlib.pyplot as plt
import numpy as np
import pytest

from nico2ai_cnn import inspection, links, visualize


def boxes(ax):
    """Width and height of each box's front: the first of its three faces."""
    fronts = [patch.get_xy() for patch in ax.patches[::3]]
    return [tuple(np.ptp(front, axis=0)) for front in fronts]


def test_boxes_are_to_scale_and_labelled():
    ax = visualize.show_shapes(inspection.summary(links.LeNet(), (1, 28, 28)))
    assert [text.get_text() for text in ax.texts] == [
        'input\n28×28×1\n', 'conv1\n28×28×6\nk 5, s 1, p 2', 'max pooling\n14×14×6\nk 2, s 2, p 0',
        'conv2\n10×10×16\nk 5, s 1, p 0', 'max pooling 2\n5×5×16\nk 2, s 2, p 0',
        'fc3\n120\n', 'fc4\n84\n', 'fc5\n10\n']
    assert len(ax.patches) == 3 * 8
    np.testing.assert_allclose(boxes(ax)[:5], [(1, 28), (6, 28), (6, 14), (16, 10), (16, 5)])
    heights = [height for _, height in boxes(ax)[5:]]
    np.testing.assert_allclose(heights, [28, 28 * 84 / 120, 28 * 10 / 120])
    lefts = [patch.get_xy()[:, 0].min() for patch in ax.patches[::3]]
    rights = [patch.get_xy()[:, 0].max() for patch in ax.patches[2::3]]
    assert all(left > right for left, right in zip(lefts[1:], rights)), 'no box stands before another'
    assert ax.get_aspect() == 1 and 'shorter' not in ax.get_title()


def test_long_boxes_are_drawn_shorter_and_it_says_so():
    net = chainer.Sequential(L.Convolution2D(3, 512, (3, 1), dilate=2, groups=1), L.Linear(None, 4))
    _, given = plt.subplots()
    ax = visualize.show_shapes(inspection.summary(net, (3, 24, 20)), given)
    assert ax is given and '(channels drawn 64 times shorter)' in ax.get_title()
    np.testing.assert_allclose(boxes(ax)[:2], [(3 / 64, 24), (8, 20)])
    assert ax.texts[1].get_text() == '0\n20×20×512\nk 3x1, s 1, p 0, d 2'


def test_groups_are_named():
    net = chainer.Sequential(L.Convolution2D(4, 4, 3, groups=2))
    ax = visualize.show_shapes(inspection.summary(net, (4, 8, 8)))
    assert ax.texts[1].get_text().endswith('k 3, s 1, p 0\n2 groups')
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ['input', 'convolution etc.']


@pytest.mark.parametrize('summary, message', [
    ([], 'got list for input None'),
    (inspection.summary(links.MLP(), (784,)), r'got Summary for input \(784,\)')])
def test_bad_input(summary, message):
    wanted = r'summary must be what inspection.summary\(model, \(D, H, W\)\).*'
    with pytest.raises(ValueError, match=wanted + message):
        visualize.show_shapes(summary)
