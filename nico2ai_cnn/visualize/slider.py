"""A slider that draws again."""

import base64
import io

import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display


def show_slider(draw, slider):
    """Shows a slider, and below it the picture that ``draw`` makes of its value.

    Whenever the slider moves, the kernel draws the picture anew. The first picture stays in
    the output as a PNG, for GitHub and wherever else no kernel runs.

    Args:
        draw: A function of the slider's value that draws one new matplotlib figure.
        slider (ipywidgets.Widget): One with a ``value``, such as ``ipywidgets.IntSlider``.

    Returns:
        ipywidgets.Image: The picture; its ``value`` is the PNG file.

    Raises:
        TypeError: If ``slider`` has no value to follow.
        ValueError: If ``draw`` does not draw one new figure.
    """
    if not isinstance(slider, ipywidgets.Widget) or not slider.has_trait('value'):
        raise TypeError('slider must be a widget with a value, such as ipywidgets.IntSlider(); '
                        f'got {type(slider).__name__}')
    first = _png(draw, slider.value)
    picture = ipywidgets.Image(value=first, format='png')
    slider.observe(lambda change: picture.set_trait('value', _png(draw, change['new'])), names='value')
    box = ipywidgets.VBox([slider, picture])
    # Written out, because ipywidgets's own text quotes the picture, whose bytes differ between machines.
    view = {'version_major': 2, 'version_minor': 0, 'model_id': box.model_id}
    name = getattr(slider, 'description', '')
    display({'application/vnd.jupyter.widget-view+json': view,
             'image/png': base64.b64encode(first).decode('ascii'),
             'text/plain': f'a slider: {name}; run this cell to move it'}, raw=True)
    return picture


def _png(draw, value):
    """Returns what ``draw(value)`` draws as the bytes of a PNG file, and closes the figure."""
    before = set(plt.get_fignums())
    try:
        draw(value)
        new = set(plt.get_fignums()) - before
        if len(new) != 1:
            raise ValueError(f'draw must draw one new figure; for {value!r} it drew {len(new)}')
        file = io.BytesIO()
        plt.figure(*new).savefig(file, format='png')
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
    return file.getvalue()
