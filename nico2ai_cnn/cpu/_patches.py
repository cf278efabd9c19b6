"""Which methods of Chainer the kernels stand before, and why."""

from chainer.functions.activation import relu
from chainer.functions.connection import (convolution_2d, deconvolution_2d, linear,
                                          local_convolution_2d)
from chainer.functions.loss import softmax_cross_entropy
from chainer.functions.noise import dropout
from chainer.functions.normalization import batch_normalization, local_response_normalization
from chainer.functions.pooling import average_pooling_2d, max_pooling_nd
from chainer.optimizers import adam

PATCHES = [
    # (class, its method, the function of the _…_adapters.py that goes first)
    # Chainer unrolls the whole batch by im2col and transposes the result.
    (convolution_2d.Convolution2DFunction, 'forward_cpu', 'convolution_2d'),
    (convolution_2d.Convolution2DFunction, 'backward', 'convolution_2d_backward'),
    (convolution_2d.Convolution2DGradW, 'forward_cpu', 'convolution_2d_grad_w'),
    (deconvolution_2d.Deconvolution2DFunction, 'forward_cpu', 'deconvolution_2d'),
    # Chainer loops over output positions in Python.
    (local_convolution_2d.LocalConvolution2DFunction, 'forward', 'local_convolution_2d'),
    (local_convolution_2d.LocalConvolution2DFunction, 'backward', 'local_convolution_2d_backward'),
    # NumPy's BLAS would leave its threads spinning, which slows the next kernel down.
    (linear.LinearFunction, 'forward', 'linear'),
    (linear.LinearFunction, 'backward', 'linear_backward'),
    (linear.LinearGradData, 'forward', 'linear_grad_data'),
    (linear.LinearGradWeight, 'forward', 'linear_grad_weight'),
    # Chainer unrolls the whole batch by im2col to find each maximum twice.
    (max_pooling_nd.MaxPoolingND, 'forward_cpu', 'max_pooling'),
    (max_pooling_nd.MaxPoolingNDGrad, 'forward_cpu', 'max_pooling_grad'),
    # As above, to sum.
    (average_pooling_2d.AveragePooling2D, 'forward_cpu', 'average_pooling_2d'),
    (average_pooling_2d.AveragePooling2DGrad, 'forward_cpu', 'average_pooling_2d_grad'),
    # Chainer passes over memory several times, on one core.
    (relu.ReLU, 'forward_cpu', 'relu'),
    (relu.ReLUGrad2, 'forward_cpu', 'relu_grad'),
    (dropout.Dropout, 'forward_cpu', 'dropout'),
    (dropout.DropoutGrad, 'forward', 'dropout_grad'),
    (local_response_normalization.LocalResponseNormalization, 'forward_cpu',
     'local_response_normalization'),
    (local_response_normalization.LocalResponseNormalizationGrad, 'forward_cpu',
     'local_response_normalization_grad'),
    (batch_normalization.GeneralBatchNormalizationImpl, 'forward', 'batch_normalization'),
    (batch_normalization.GeneralBatchNormalizationImpl, 'backward', 'batch_normalization_grad'),
    (batch_normalization.FixedBatchNormalization, 'forward', 'fixed_batch_normalization'),
    (softmax_cross_entropy.SoftmaxCrossEntropy, 'forward_cpu', 'softmax_cross_entropy'),
    (softmax_cross_entropy._SoftmaxCrossEntropyGrad_NoDoubleBackprop, 'forward_cpu',
     'softmax_cross_entropy_grad'),
    (adam.AdamRule, 'update_core_cpu', 'adam'),
    # Chainer enters several contexts and calls hooks for each parameter, however small.
    (adam.AdamRule, 'update', 'adam_update'),
]
