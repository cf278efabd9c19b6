"""Checks for the exercises, one file per notebook.

Every check takes the student's function or class, tries it on small inputs, and
prints one line: that it waits for an answer, what is wrong, or that it is right.
It never raises.
"""

from nico2ai_cnn.exercises.lenet_on_mnist import (
    check_conv_parameters, check_error_rates, check_my_cnn)
from nico2ai_cnn.exercises.start_here import check_mean_images, check_nearest_mean, check_to_nchw

__all__ = [
    'check_conv_parameters', 'check_error_rates', 'check_mean_images', 'check_my_cnn',
    'check_nearest_mean', 'check_to_nchw']
