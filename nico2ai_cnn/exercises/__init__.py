"""Checks for the exercises, one file per notebook.

Every check takes the student's function or class, tries it on small inputs, and
prints one line: that it waits for an answer, what is wrong, or that it is right.
It never raises.
"""

from nico2ai_cnn.exercises.activation_and_pooling import (
    check_flatten_and_back, check_max_pooling, check_pooled_shape, check_relu_gradient)
from nico2ai_cnn.exercises.augmentation_and_regularization import (
    check_crop_anywhere, check_mirror, check_my_dropout, check_twice_as_large)
from nico2ai_cnn.exercises.backpropagation import (
    check_gx_1d, check_max_pooling_backward_1d, check_numerical_gradient, check_scale_and_shift_gradients)
from nico2ai_cnn.exercises.convolution import check_filter_each_map, check_make_layer, check_output_shape
from nico2ai_cnn.exercises.evolution_of_cnns import (
    check_inception_macs, check_pyramid_pooling, check_residual_block, check_stack_of_3x3)
from nico2ai_cnn.exercises.filtering import check_by_hand, check_edge_strength, check_move_right
from nico2ai_cnn.exercises.filters_and_feature_maps import check_ascend, check_evidence, check_strongest
from nico2ai_cnn.exercises.lenet_on_mnist import (
    check_conv_parameters, check_error_rates, check_my_cnn)
from nico2ai_cnn.exercises.locally_connected import (
    check_convolution_as_local, check_count_parameters, check_local_convolution)
from nico2ai_cnn.exercises.mlp_and_its_limits import (
    check_bump, check_mlp_parameters, check_relu_layer, check_true_claims)
from nico2ai_cnn.exercises.start_here import check_mean_images, check_nearest_mean, check_to_nchw
from nico2ai_cnn.exercises.stride_padding_and_shapes import (
    check_conv_costs, check_field_of_stack, check_same_pad, check_stack_shape)
from nico2ai_cnn.exercises.visual_cortex import check_energy, check_half_width, check_s_cell

__all__ = [
    'check_ascend', 'check_bump', 'check_by_hand', 'check_conv_costs', 'check_conv_parameters',
    'check_convolution_as_local', 'check_count_parameters', 'check_crop_anywhere',
    'check_edge_strength', 'check_energy', 'check_error_rates', 'check_evidence',
    'check_field_of_stack', 'check_filter_each_map', 'check_flatten_and_back', 'check_gx_1d',
    'check_half_width', 'check_inception_macs', 'check_local_convolution', 'check_make_layer',
    'check_max_pooling', 'check_max_pooling_backward_1d', 'check_mean_images', 'check_mirror',
    'check_mlp_parameters', 'check_move_right', 'check_my_cnn', 'check_my_dropout',
    'check_nearest_mean', 'check_numerical_gradient', 'check_output_shape', 'check_pooled_shape',
    'check_pyramid_pooling', 'check_relu_gradient', 'check_relu_layer', 'check_residual_block',
    'check_s_cell', 'check_same_pad', 'check_scale_and_shift_gradients', 'check_stack_of_3x3',
    'check_stack_shape', 'check_strongest', 'check_to_nchw', 'check_true_claims', 'check_twice_as_large']
