import matplotlib.pyplot as plt
import pytest

from nico2ai_cnn import visualize


def marked(ax):
    """Places of the marked units, from the last layer down to the pixels."""
    rows = [line for line in ax.lines if line.get_marker() == 's' and line.get_color() == 'C1']
    return [line.get_xdata().tolist() for line in rows]


def test_marks_what_is_seen():
    ax = visualize.show_receptive_field([(3, 1), (3, 1)], 11)
    assert marked(ax) == [[5], [4, 5, 6], [3, 4, 5, 6, 7]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ['pixels', 'layer 1', 'layer 2']
    _, given = plt.subplots()
    ax = visualize.show_receptive_field([(3, 2), (3, 1)], 15, given, 'stride 2')
    assert ax is given and ax.get_title() == 'stride 2'
    assert marked(ax) == [[7], [5, 7, 9], [4, 5, 6, 7, 8, 9, 10]]
    assert marked(visualize.show_receptive_field([(2, 2)], 5)) == [[2.5], [2, 3]]


@pytest.mark.parametrize('layers, message', [
    ([], 'layers must be at least one'),
    ([(3, 2), (3, 1)], 'ksize 3 is larger than what is left of 5 pixels, 2')])
def test_bad_input(layers, message):
    with pytest.raises(ValueError, match=message):
        visualize.show_receptive_field(layers, 5)
