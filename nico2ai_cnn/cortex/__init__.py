"""Visual neuroscience (視覚神経科学): what one shows to a cell of V1, and what one measures there."""

from nico2ai_cnn.cortex.natural_filters import ica_filters, photo_patches

__all__ = ['ica_filters', 'photo_patches']
