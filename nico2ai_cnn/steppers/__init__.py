"""What moves: one widget per operation, stepped through in the page by mouse and keys."""

from nico2ai_cnn.steppers.convolution import ConvolutionStepper
from nico2ai_cnn.steppers.convolution_backward import ConvolutionBackwardStepper
from nico2ai_cnn.steppers.pooling import PoolingStepper
from nico2ai_cnn.steppers.pooling_backward import PoolingBackwardStepper
from nico2ai_cnn.steppers.receptive_field import ReceptiveFieldStepper

__all__ = ['ConvolutionBackwardStepper', 'ConvolutionStepper', 'PoolingBackwardStepper', 'PoolingStepper',
           'ReceptiveFieldStepper']
