import matplotlib.pyplot as plt
import numpy as np
import pytest

from nico2ai_cnn import visualize

LOG = [{'epoch': 1, 'main/loss': 0.5, 'main/accuracy': 0.8,
        'validation/main/loss': 0.4, 'validation/main/accuracy': 0.9},
       {'epoch': 2, 'main/loss': 0.25, 'main/accuracy': 0.95,
        'validation/main/loss': 0.3, 'validation/main/accuracy': 0.94}]


@pytest.mark.parametrize('shape', [(12, 28, 28), (12, 1, 28, 28)])
def test_show_images(shape, rng):
    images = rng.random(shape)
    axes = visualize.show_images(images, [str(i) for i in range(12)])
    assert len(axes) == 12 and axes[11].get_title() == '11'
    np.testing.assert_array_equal(axes[3].images[0].get_array(), images[3].reshape(28, 28))
    assert axes[0].images[0].get_clim() == (0, 1)


@pytest.mark.parametrize('images, titles, message', [
    (np.zeros((0, 28, 28)), None, r'images must have shape .*got \(0, 28, 28\)'),
    (np.zeros((28, 28)), None, r'images must have shape .*got \(28, 28\)'),
    (np.zeros((2, 3, 28, 28)), None, r'got \(2, 3, 28, 28\)'),
    (np.zeros((2, 28, 28)), ['a'], 'titles must be 2 texts, one per image; got 1')])
def test_show_images_bad_input(images, titles, message):
    with pytest.raises(ValueError, match=message):
        visualize.show_images(images, titles)


def test_show_pixels():
    ax = visualize.show_pixels(np.array([[0, 0.5], [1, 0.25]]), form='{:.2f}')
    written = {text.get_position(): (text.get_text(), text.get_color()) for text in ax.texts}
    assert written == {(1, 0): ('0.50', 'black'), (0, 1): ('1.00', 'black'), (1, 1): ('0.25', 'white')}
    with pytest.raises(ValueError, match=r'image must have shape \(H, W\); got \(1, 2, 2\)'):
        visualize.show_pixels(np.zeros((1, 2, 2)))


def test_show_history():
    loss, error = visualize.show_history(LOG)
    assert [line.get_ydata().tolist() for line in loss.lines] == [[0.5, 0.25], [0.4, 0.3]]
    np.testing.assert_allclose(error.lines[1].get_ydata(), [0.1, 0.06])
    assert error.get_ylabel() == 'error rate' and loss.get_xlabel() == 'epoch'
    without_test = [{key: value for key, value in entry.items() if 'validation' not in key}
                    for entry in LOG]
    assert len(visualize.show_history(without_test)[0].lines) == 1
    with pytest.raises(ValueError, match='log is empty'):
        visualize.show_history([])


def test_show_accuracy():
    _, given = plt.subplots()
    ax = visualize.show_accuracy([0, 1], {'LeNet': [1, 0.9], 'MLP': [1, 0.5]}, 'shift', given)
    assert ax is given and ax.get_xlabel() == 'shift'
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ['LeNet', 'MLP']
    assert ax.lines[1].get_ydata()[1] == 0.5


def test_show_costs():
    results = [{'name': 'LeNet', 'accuracy': 0.95, 'parameters': 61706, 'macs': 416520, 'seconds': 0.5},
               {'name': 'MLP', 'accuracy': 0.9, 'parameters': 266610, 'macs': 266200, 'seconds': 0.2}]
    axes = visualize.show_costs(results)
    drawn = [[line.get_xydata()[0].tolist() for line in ax.lines] for ax in axes]
    np.testing.assert_allclose(drawn, [[[61706, 0.05], [266610, 0.1]], [[416520, 0.05], [266200, 0.1]],
                                       [[0.5, 0.05], [0.2, 0.1]]])
    figure = axes[0].figure
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['LeNet', 'MLP']
    figure.canvas.draw()
    ticks = [[tick.get_text() for tick in ax.get_xticklabels()] for ax in axes]
    assert '100k' in ticks[0] and '300k' in ticks[1] and '0.5' in ticks[2]
    for wrong in ([], results * 8):
        with pytest.raises(ValueError, match=f'1 to 14 networks; got {len(wrong)}'):
            visualize.show_costs(wrong)


def test_show_confusion():
    ax = visualize.show_confusion([[9, 1], [0, 8]])
    assert ax.images[0].get_array().tolist() == [[0, 1], [0, 0]], 'only mistakes are shaded'
    assert {t.get_position(): t.get_text() for t in ax.texts} == {(0, 0): '9', (1, 0): '1', (1, 1): '8'}
    with pytest.raises(ValueError, match=r'must be a square matrix; got shape \(2, 3\)'):
        visualize.show_confusion(np.zeros((2, 3)))


def test_show_pixels_signed_windows_and_nan():
    ax = visualize.show_pixels(np.array([[0, -2], [np.nan, 1]]), form='{:g}', zeros=True,
                               windows=[(0, 1, 2, 1)], title='errors')
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (0, 0): '0', (1, 0): '-2', (0, 1): '?', (1, 1): '1'}
    assert ax.images[0].get_clim() == (-2, 2) and ax.get_title() == 'errors'
    window, = ax.patches
    assert window.get_bbox().extents.tolist() == [0.5, -0.5, 1.5, 1.5]
    grey = visualize.show_pixels(np.array([[5, 5]]), vmin=0, vmax=9)
    assert grey.images[0].get_clim() == (0, 9)


def test_show_maps():
    axes = visualize.show_maps([np.array([[0, 3]]), np.eye(2)], ['a', 'b'])
    assert [ax.images[0].get_clim() for ax in axes] == [(0, 3), (0, 3)]
    assert axes[0].images[0].get_cmap().name == 'gray' and axes[1].get_title() == 'b'
    axes = visualize.show_maps(np.array([[[0, 1]], [[-4, 2]]]))
    assert [ax.images[0].get_clim() for ax in axes] == [(-4, 4), (-4, 4)], 'zero in the middle'
    axes = visualize.show_maps(np.array([[[0, 1]], [[0, 2]]]), common=False)
    assert [ax.images[0].get_clim() for ax in axes] == [(0, 1), (0, 2)]
    assert visualize.show_maps(np.zeros((1, 2, 2)))[0].images[0].get_clim() == (0, 1)


@pytest.mark.parametrize('maps, titles, message', [
    ([], None, 'maps must be at least one array'), (np.zeros((2, 3)), None, r'got shapes \[\(3,\), \(3,\)\]'),
    (np.zeros((2, 3, 3)), ['a'], 'titles must be 2 texts, one per map; got 1')])
def test_show_maps_bad_input(maps, titles, message):
    with pytest.raises(ValueError, match=message):
        visualize.show_maps(maps, titles)


@pytest.mark.parametrize('show', [visualize.show_images, visualize.show_maps, visualize.show_feature_maps])
def test_no_columns(show):
    with pytest.raises(ValueError, match='columns must be an integer of at least 1; got 0'):
        show(np.zeros((2, 3, 3)) if show is not visualize.show_feature_maps else np.zeros((1, 2, 3, 3)), columns=0)


def test_as_many_accuracies_as_settings():
    with pytest.raises(ValueError, match="curves: 'b' has 3 accuracies, and x 2 settings"):
        visualize.show_accuracy([1, 2], {'a': [0.1, 0.2], 'b': [0.1, 0.2, 0.3]}, 'size')
    with pytest.raises(ValueError, match='curves must hold 1 to 14 networks; got 15'):
        visualize.show_accuracy([1], {i: [0.5] for i in range(15)}, 'size')
    with pytest.raises(ValueError, match='x is empty; wanted at least one setting'):
        visualize.show_accuracy([], {'a': []}, 'size')
    ax = visualize.show_accuracy([1, 2], {str(i): [0.1 * i, 0.2] for i in range(7)}, 'size')
    assert len(ax.get_legend().get_texts()) == 7
