"""Pictures: numbers come in, matplotlib axes come out.

Importing it makes the course's style sheet matplotlib's current one.
"""

import pathlib

import matplotlib.pyplot

matplotlib.pyplot.style.use(pathlib.Path(__file__).with_name('course.mplstyle'))

from nico2ai_cnn.visualize.confusion import show_confusion  # NOQA: E402
from nico2ai_cnn.visualize.curves import show_accuracy, show_costs, show_history  # NOQA: E402
from nico2ai_cnn.visualize.filters import show_feature_maps, show_filters  # NOQA: E402
from nico2ai_cnn.visualize.images import show_images  # NOQA: E402
from nico2ai_cnn.visualize.maps import show_maps  # NOQA: E402
from nico2ai_cnn.visualize.pixels import show_pixels  # NOQA: E402
from nico2ai_cnn.visualize.pooling import show_pooling  # NOQA: E402
from nico2ai_cnn.visualize.receptive_field import show_receptive_field  # NOQA: E402
from nico2ai_cnn.visualize.shapes import show_shapes  # NOQA: E402
from nico2ai_cnn.visualize.slider import show_slider  # NOQA: E402

__all__ = ['show_accuracy', 'show_confusion', 'show_costs', 'show_feature_maps', 'show_filters', 'show_history', 'show_images',
           'show_maps', 'show_pixels', 'show_pooling', 'show_receptive_field', 'show_shapes', 'show_slider']
