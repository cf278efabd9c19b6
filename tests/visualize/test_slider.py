import base64
import io

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

from nico2ai_cnn.visualize import slider as module
from nico2ai_cnn.visualize import show_slider


def draw(value):
    _, ax = plt.subplots(figsize=(1, 1))
    ax.imshow([[value]], vmin=0, vmax=9)
    ax.axis('off')


def middle(png):
    pixels = plt.imread(io.BytesIO(png))
    return float(pixels[pixels.shape[0] // 2, pixels.shape[1] // 2, 0])


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(module, 'display', lambda bundle, raw: bundles.append(bundle))
    return bundles


def test_moving_the_slider_draws_again(shown):
    slider = ipywidgets.IntSlider(value=0, max=9, description='grey')
    picture = show_slider(draw, slider)
    bundle, = shown
    assert base64.b64decode(bundle['image/png']) == picture.value
    assert bundle['text/plain'] == 'a slider: grey; run this cell to move it'
    assert bundle['application/vnd.jupyter.widget-view+json'].keys() == {
        'version_major', 'version_minor', 'model_id'}
    assert middle(picture.value) == 0
    for value in 9, 3:
        slider.value = value
        np.testing.assert_allclose(middle(picture.value), value / 9, atol=0.01)
    assert plt.get_fignums() == [] and len(shown) == 1


def test_other_figures_are_left_alone(shown):
    mine, _ = plt.subplots()
    show_slider(draw, ipywidgets.IntSlider(value=1, max=9))
    assert plt.get_fignums() == [mine.number]


def test_bad_input(shown):
    with pytest.raises(TypeError, match='slider must be a widget with a value.*got int'):
        show_slider(draw, 3)
    with pytest.raises(ValueError, match='draw must draw one new figure; for 1 it drew 0'):
        show_slider(lambda value: None, ipywidgets.IntSlider(value=1))
    with pytest.raises(ValueError, match='it drew 2'):
        show_slider(lambda value: (draw(value), draw(value)), ipywidgets.IntSlider(value=1))
    assert plt.get_fignums() == [] and shown == []
