"""VGG16: nothing but 3x3 convolutions, stacked deep (slide 48).

K. Simonyan, A. Zisserman: Very deep convolutional networks for large-scale image
recognition. ICLR 2015 (arXiv 1409.1556, 2014).
"""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import Gaussian

# (number of convolutions, maps) of each block: the paper's Table 1, column D; and of the small form.
BLOCKS = (2, 64), (2, 128), (3, 256), (3, 512), (3, 512)
SMALL_BLOCKS = (2, 8), (2, 16), (3, 32)


class VGG16(chainer.Chain):
    """VGG16, the paper's configuration D: two 3x3 filters see 5x5 pixels, three see 7x7.

    ======= ================ ============= ===========
    layer   ksize/stride/pad output        parameters
    ======= ================ ============= ===========
    conv1_1 3/1/1            64 @ 224x224        1,792
    conv1_2 3/1/1            64 @ 224x224       36,928
    pool    2/2/0            64 @ 112x112
    conv2_1 3/1/1            128 @ 112x112      73,856
    conv2_2 3/1/1            128 @ 112x112     147,584
    pool    2/2/0            128 @ 56x56
    conv3_1 3/1/1            256 @ 56x56       295,168
    conv3_2 3/1/1            256 @ 56x56       590,080
    conv3_3 3/1/1            256 @ 56x56       590,080
    pool    2/2/0            256 @ 28x28
    conv4_1 3/1/1            512 @ 28x28     1,180,160
    conv4_2 3/1/1            512 @ 28x28     2,359,808
    conv4_3 3/1/1            512 @ 28x28     2,359,808
    pool    2/2/0            512 @ 14x14
    conv5_1 3/1/1            512 @ 14x14     2,359,808
    conv5_2 3/1/1            512 @ 14x14     2,359,808
    conv5_3 3/1/1            512 @ 14x14     2,359,808
    pool    2/2/0            512 @ 7x7
    fc6                      4096          102,764,544
    fc7                      4096           16,781,312
    fc8                      1000            4,097,000
    total                                  138,357,544
    ======= ================ ============= ===========

    Each layer up to fc7 ends in ReLU; dropout (0.5) follows fc6 and fc7.

    Args:
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for 28x28 images: the blocks of 2, 2 and 3 convolutions with
            8, 16 and 32 maps, and 128 units in fc6 and fc7; 82,082 parameters for ten
            classes of grey images.
        rng (numpy.random.Generator): Where the initial weights come from: Glorot and
            Bengio's normal distribution, which the paper recommends for training all
            layers at once (it had trained shallower nets first). Biases are 0.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1.
    """

    def __init__(self, n_class=1000, in_channels=3, small=False, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        blocks, self.size, n_unit = (SMALL_BLOCKS, 28, 128) if small else (BLOCKS, 224, 4096)
        self.in_channels = in_channels
        initial = Glorot(1, _checks.generator(rng))
        size, depth, self.blocks = self.size, in_channels, []
        with self.init_scope():
            for block, (n_conv, out_channels) in enumerate(blocks, 1):
                self.blocks.append([f'conv{block}_{i}' for i in range(1, n_conv + 1)])
                for name in self.blocks[-1]:
                    conv = L.Convolution2D(depth, out_channels, ksize=3, pad=1, initialW=initial)
                    setattr(self, name, conv)
                    depth = out_channels
                size //= 2
            self.fc6 = L.Linear(depth * size ** 2, n_unit, initialW=initial)
            self.fc7 = L.Linear(n_unit, n_unit, initialW=initial)
            self.fc8 = L.Linear(n_unit, n_class, initialW=initial)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 224, 224)``, or
                ``(N, in_channels, 28, 28)`` where small.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, self.size, self.size))
        h = x
        for names in self.blocks:
            for name in names:
                h = F.relu(self[name](h))
            # (N, 64, 112, 112), (N, 128, 56, 56), (N, 256, 28, 28), (N, 512, 14, 14), (N, 512, 7, 7);
            # small: (N, 8, 14, 14), (N, 16, 7, 7), (N, 32, 3, 3), where the last row and column are left out
            h = F.max_pooling_2d(h, ksize=2, stride=2, cover_all=False)
        h = F.dropout(F.relu(self.fc6(h)))      # (N, 4096); small: (N, 128)
        h = F.dropout(F.relu(self.fc7(h)))      # (N, 4096); small: (N, 128)
        return self.fc8(h)                      # (N, n_class)


class Glorot(Gaussian):
    """The same with a variance of ``2 / (fan-in + fan-out)``, as Glorot and Bengio 2010 advise."""

    def scale_of(self, shape):
        return self.scale * (2 / (numpy.prod(shape[2:]) * (shape[0] + shape[1]))) ** 0.5
