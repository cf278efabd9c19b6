"""Visual neuroscience (視覚神経科学): what one shows to a cell of V1, and what one measures there."""

from nico2ai_cnn.cortex.cells import complex_cell, modulation_ratio, responses, simple_cell
from nico2ai_cnn.cortex.gabor_fit import GaborFit, fit_gabor
from nico2ai_cnn.cortex.natural_filters import ica_filters, photo_patches
from nico2ai_cnn.cortex.stimuli import bar, grating
from nico2ai_cnn.cortex.tuning import Tuning, measure_tuning, tuning_curve

__all__ = ['GaborFit', 'Tuning', 'bar', 'complex_cell', 'fit_gabor', 'grating', 'ica_filters', 'measure_tuning',
           'modulation_ratio', 'photo_patches', 'responses', 'simple_cell', 'tuning_curve']
