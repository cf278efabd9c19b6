"""Which methods of Chainer the functions of this folder stand before, and why."""

from chainer.functions.connection import convolution_2d, deconvolution_2d, linear, local_convolution_2d
from chainer.functions.math import sum as sum_
from chainer.functions.normalization import batch_normalization
from chainer.optimizers import adam

from nico2ai_cnn.gpu import adam as adam_kernel, batch_normalization as batch_normalization_kernels
from nico2ai_cnn.gpu import channel_sums, convolution, linear as linear_products, local_convolution

PATCHES = [
    # (class, its method, the function that goes first)
    # Without cuDNN, Chainer copies the unrolled batch once more to multiply it, and leaves a transposed view.
    (convolution_2d.Convolution2DFunction, 'forward_gpu', convolution.convolution_2d),
    (convolution_2d.Convolution2DGradW, 'forward_gpu', convolution.convolution_2d_grad_w),
    (deconvolution_2d.Deconvolution2DFunction, 'forward_gpu', convolution.deconvolution_2d),
    # Chainer loops over output positions in Python, and starts several kernels for each.
    (local_convolution_2d.LocalConvolution2DFunction, 'forward', local_convolution.local_convolution_2d),
    (local_convolution_2d.LocalConvolution2DFunction, 'backward',
     local_convolution.local_convolution_2d_backward),
    # CuPy's products cannot be recorded.
    (linear.LinearFunction, 'forward', linear_products.linear),
    (linear.LinearGradData, 'forward', linear_products.linear_grad_data),
    (linear.LinearGradWeight, 'forward', linear_products.linear_grad_weight),
    # Chainer starts some twenty kernels for a layer, and CuPy sums up each channel on one of a GPU's processors.
    (batch_normalization.GeneralBatchNormalizationImpl, 'forward', batch_normalization_kernels.forward),
    (batch_normalization.GeneralBatchNormalizationImpl, 'backward', batch_normalization_kernels.backward),
    (sum_.Sum, 'forward', channel_sums.sum_),
    # Chainer starts a kernel for each parameter, however small.
    (adam.Adam, 'update', adam_kernel.update),
]
