"""Random initial weights, drawn in float32 (VGG16's 138 million in a second)."""

from concurrent.futures import ThreadPoolExecutor

import chainer
import numpy

BLOCK = 1 << 22     # numbers; of larger arrays each block has a generator of its own, so that all cores draw


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
        # Drawn in place where that can be: a copy of VGG16's fc6 alone is 0.4 GB.
        in_place = isinstance(array, numpy.ndarray) and array.dtype == numpy.float32
        numbers = array if in_place else numpy.empty(array.shape, numpy.float32)
        self._draw(numbers, self.scale_of(array.shape))
        if not in_place:
            chainer.backend.copyto(array, numbers)

    def _draw(self, numbers, scale):
        def draw(rng, block):
            rng.standard_normal(block.shape, dtype=numpy.float32, out=block)
            block *= numpy.float32(scale)

        flat = numbers.reshape(-1)
        if flat.size <= BLOCK:
            draw(self.rng, flat)
            return
        blocks = [flat[start:start + BLOCK] for start in range(0, flat.size, BLOCK)]
        with ThreadPoolExecutor() as pool:
            list(pool.map(draw, self.rng.spawn(len(blocks)), blocks))

    def scale_of(self, shape):
        return self.scale


class FanIn(Gaussian):
    """The same with a standard deviation of ``scale / fan-in ** 0.5``: LeCun's with 1, He's with ``2 ** 0.5``."""

    def scale_of(self, shape):
        # Linear, convolution, local convolution: (D_o, D_i), (D_o, D_i, kh, kw), (D_o, H, W, D_i, kh, kw).
        return self.scale / numpy.prod(shape[1:][-3:]) ** 0.5
