"""Augmentation and normalisation (slides 36 and 38), one family per file.

All take one image ``(C, H, W)`` or a batch ``(N, C, H, W)``, NumPy or CuPy, and return the same,
new; of any number of channels, and of the same dtype. The random ones draw once for each image,
from ``rng``, and give back what they drew with ``return_param=True``.
"""

from nico2ai_cnn.transforms.affine_maps import affine, random_affine, rotate, shear, shift, zoom
from nico2ai_cnn.transforms.colour import (
    Lighting, adjust, random_brightness_contrast, random_lighting, random_noise)
from nico2ai_cnn.transforms.compose import Compose, converter
from nico2ai_cnn.transforms.crops import center_crop, crop, random_crop, random_resized_crop, ten_crop
from nico2ai_cnn.transforms.cutout import random_cutout
from nico2ai_cnn.transforms.elastic_distortion import elastic, random_elastic
from nico2ai_cnn.transforms.flips import flip, random_flip
from nico2ai_cnn.transforms.mean_normalization import MeanNormalization

__all__ = ['Compose', 'Lighting', 'MeanNormalization', 'adjust', 'affine', 'center_crop', 'converter', 'crop',
           'elastic', 'flip', 'random_affine', 'random_brightness_contrast', 'random_crop', 'random_cutout',
           'random_elastic', 'random_flip', 'random_lighting', 'random_noise', 'random_resized_crop', 'rotate',
           'shear', 'shift', 'ten_crop', 'zoom']
