import numpy as np
import pytest
from matplotlib.patches import Circle, Rectangle

from nico2ai_cnn import visualize

IMAGE = np.array([[1, 0, 2, 3, 1], [0, 4, 1, 0, 8], [3, 1, 7, 2, 0], [2, 5, 0, 1, 6], [1, 0, 3, 9, 2]])


def test_windows_winners_and_result():
    winners = [[(2, 2), (1, 4)], [(2, 2), (4, 3)]]
    left, right = visualize.show_pooling(IMAGE, [[7, 8], [7, 9]], 3, 2, winners)
    windows = [each for each in left.patches if isinstance(each, Rectangle)]
    rings = [each for each in left.patches if isinstance(each, Circle)]
    assert [ring.center for ring in rings] == [(2, 2), (4, 1), (2, 2), (3, 4)], '(column, row)'
    middles = [window.get_bbox().get_points().mean(axis=0).round(6).tolist() for window in windows]
    assert middles == [[1, 1], [3, 1], [1, 3], [3, 3]]
    assert len({window.get_x() % 2 for window in windows}) > 1, 'overlapping windows are set in differently'
    assert [each.get_edgecolor() for each in windows] == [each.get_edgecolor() for each in right.patches]
    assert [text.get_text() for text in right.texts] == ['7', '8', '7', '9']
    assert left.images[0].get_clim() == right.images[0].get_clim() == (0, 1.15 * 9)
    assert left.get_xlim() == (-0.5, 4.5) and left.get_ylim() == (4.5, -0.5)


def test_a_window_over_the_edge_is_seen():
    left, right = visualize.show_pooling(IMAGE, [[4, 3, 8], [5, 7, 6], [1, 9, 2]], 2, 2, title='covering')
    assert left.get_xlim()[1] > 5.5 and left.get_ylim()[0] > 5.5
    assert len(left.patches) == 9 and right.get_title() == 'covering'
    assert len({round(each.get_width(), 6) for each in left.patches}) == 1, 'alike without overlap'


@pytest.mark.parametrize('image, pooled, winners, message', [
    (np.zeros((1, 2, 2)), np.zeros((1, 1)), None, r'image must be one 2-D array; got shape \(1, 2, 2\)'),
    (np.zeros((2, 2)), [1], None, r'pooled must be one 2-D array; got shape \(1,\)'),
    (np.zeros((2, 2)), [[1]], [(0, 0)], r'winners must have shape \(1, 1, 2\).*got \(1, 2\)')])
def test_bad_input(image, pooled, winners, message):
    with pytest.raises(ValueError, match=message):
        visualize.show_pooling(image, pooled, 2, 2, winners)
