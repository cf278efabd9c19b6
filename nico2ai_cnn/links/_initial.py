"""Random initial weights, drawn in float32 (VGG16's 138 million in a second)."""

import chainer
import numpy


class Gaussian(chainer.Initializer):
    """Normally distributed numbers around 0.

    Args:
        scale (float): Their standard deviation.
        rng (numpy.random.Generator): Where they come from.
    """

    def __init__(self, scale, rng):
        super().__init__()
        self.scale, self.rng = scale, rng

    def __call__(self, array):
        numbers = self.rng.standard_normal(array.shape, dtype=numpy.float32)
        numbers *= self.scale_of(array.shape)
        chainer.backend.copyto(array, numbers)

    def scale_of(self, shape):
        return self.scale


class FanIn(Gaussian):
    """The same with a standard deviation of ``scale / fan-in ** 0.5``: LeCun's with 1, He's with ``2 ** 0.5``."""

    def scale_of(self, shape):
        # Linear, convolution, local convolution: (D_o, D_i), (D_o, D_i, kh, kw), (D_o, H, W, D_i, kh, kw).
        return self.scale / numpy.prod(shape[1:][-3:]) ** 0.5
