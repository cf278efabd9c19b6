"""Network in Network, which brought 1x1 convolutions and global average pooling (slide 61).

M. Lin, Q. Chen, S. Yan: Network in network. ICLR 2014 (arXiv 1312.4400).
"""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import FanIn, Gaussian


class NIN(chainer.Chain):
    """The authors' model for ImageNet: what slides over the image is a small MLP, not a filter.

    ====== ================ ============ ==========
    layer  ksize/stride/pad output       parameters
    ====== ================ ============ ==========
    conv1  11/4/0           96 @ 54x54       34,944
    cccp1  1/1/0            96 @ 54x54        9,312
    cccp2  1/1/0            96 @ 54x54        9,312
    pool   3/2/0            96 @ 27x27
    conv2  5/1/2            256 @ 27x27     614,656
    cccp3  1/1/0            256 @ 27x27      65,792
    cccp4  1/1/0            256 @ 27x27      65,792
    pool   3/2/0            256 @ 13x13
    conv3  3/1/1            384 @ 13x13     885,120
    cccp5  1/1/0            384 @ 13x13     147,840
    cccp6  1/1/0            384 @ 13x13     147,840
    pool   3/2/0            384 @ 6x6
    conv4  3/1/1            1024 @ 6x6    3,539,968
    cccp7  1/1/0            1024 @ 6x6    1,049,600
    cccp8  1/1/0            1000 @ 6x6    1,025,000
    mean                    1000
    total                                 7,595,176
    ====== ================ ============ ==========

    A cccp (cascaded cross-channel parametric pooling) layer is a 1x1 convolution. Every
    layer ends in ReLU, also the last (the paper's eq. 2); dropout (0.5) follows the third
    pooling. Pooling windows may reach over the edge, as in Caffe, for which the authors
    published this model. Each map of cccp8 is a class; its mean is the logit.

    The form for CIFAR-10 has a block less, and dropout after both poolings, the second of
    which (a layer of its own, pool2) takes means:

    ====== ================ =========== ==========
    layer  ksize/stride/pad output      parameters
    ====== ================ =========== ==========
    conv1  5/1/2            192 @ 32x32     14,592
    cccp1  1/1/0            160 @ 32x32     30,880
    cccp2  1/1/0            96 @ 32x32      15,456
    pool   3/2/0            96 @ 16x16
    conv2  5/1/2            192 @ 16x16    460,992
    cccp3  1/1/0            192 @ 16x16     37,056
    cccp4  1/1/0            192 @ 16x16     37,056
    pool2  3/2/0            192 @ 8x8
    conv3  3/1/1            192 @ 8x8      331,968
    cccp5  1/1/0            192 @ 8x8       37,056
    cccp6  1/1/0            10 @ 8x8         1,930
    mean                    10
    total                                  966,986
    ====== ================ =========== ==========

    Args:
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for 28x28 images: as for CIFAR-10, but with 32, 24, 16; 48, 32,
            32; 48, 48 and n_class maps, a conv1 of stride 2, two maximum poolings, dropout of
            0.2, and no ReLU at the end, where it now and then silences a class for good;
            40,610 parameters for ten classes of grey images.
        cifar (bool): Whether for CIFAR-10's 32x32 images; give ``n_class=10`` too.
        rng (numpy.random.Generator): Where the initial weights come from: as in the
            authors' model for ImageNet, normal with a standard deviation of 0.05, but 0.01
            in conv1, conv3 and the last layer. Where small, He's. Biases are 0.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1, or both ``small`` and ``cifar``
            are asked for.
    """

    def __init__(self, n_class=1000, in_channels=3, small=False, cifar=False, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        if small and cifar:
            raise ValueError('small=True and cifar=True are two forms of NIN; give one of them')
        self.in_channels, self.small, self.cifar = in_channels, small, cifar
        if small:
            self.size, first = 28, {'ksize': 5, 'stride': 2, 'pad': 2}
            blocks = (32, 24, 16), (48, 32, 32), (48, 48, n_class)
        elif cifar:
            self.size, first = 32, {'ksize': 5, 'pad': 2}
            blocks = (192, 160, 96), (192, 192, 192), (192, 192, n_class)
        else:
            self.size, first = 224, {'ksize': 11, 'stride': 4}
            blocks = (96, 96, 96), (256, 256, 256), (384, 384, 384), (1024, 1024, n_class)
        windows = first, {'ksize': 5, 'pad': 2}, {'ksize': 3, 'pad': 1}, {'ksize': 3, 'pad': 1}
        self.blocks = [(f'conv{i}', f'cccp{2 * i - 1}', f'cccp{2 * i}') for i in range(1, len(blocks) + 1)]
        rng = _checks.generator(rng)
        depth = in_channels
        with self.init_scope():
            for names, depths, window in zip(self.blocks, blocks, windows):
                for name, out_channels, how in zip(names, depths, (window, {'ksize': 1}, {'ksize': 1})):
                    scale = 0.01 if name in ('conv1', 'conv3', self.blocks[-1][-1]) else 0.05
                    initial = FanIn(2 ** 0.5, rng) if small else Gaussian(scale, rng)
                    setattr(self, name, L.Convolution2D(depth, out_channels, initialW=initial, **how))
                    depth = out_channels
            if cifar:
                self.pool2 = AveragePooling2D()

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 224, 224)``, with 28 in
                place of 224 where small, and 32 for CIFAR-10.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, self.size, self.size))
        if self.small or self.cifar:
            ratio = 0.2 if self.small else 0.5
            h = self.mlpconv(x, 1)                  # CIFAR-10: (N, 96, 32, 32); small: (N, 16, 14, 14)
            h = F.dropout(max_pooling(h), ratio)    # (N, 96, 16, 16); small: (N, 16, 7, 7)
            h = self.mlpconv(h, 2)                  # (N, 192, 16, 16); small: (N, 32, 7, 7)
            h = self.pool2(h) if self.cifar else max_pooling(h)     # (N, 192, 8, 8); small: (N, 32, 3, 3)
            h = F.dropout(h, ratio)
            h = self.mlpconv(h, 3)                  # (N, n_class, 8, 8); small: (N, n_class, 3, 3)
        else:
            h = max_pooling(self.mlpconv(x, 1))     # (N, 96, 54, 54), then (N, 96, 27, 27)
            h = max_pooling(self.mlpconv(h, 2))     # (N, 256, 27, 27), then (N, 256, 13, 13)
            h = max_pooling(self.mlpconv(h, 3))     # (N, 384, 13, 13), then (N, 384, 6, 6)
            h = self.mlpconv(F.dropout(h), 4)       # (N, n_class, 6, 6)
        return F.average(h, axis=(2, 3))            # (N, n_class)

    def mlpconv(self, h, block):
        """Returns what the MLP of a block makes of its window, at each position."""
        for name in self.blocks[block - 1]:
            h = self[name](h)
            if not (self.small and name == self.blocks[-1][-1]):
                h = F.relu(h)
        return h


def max_pooling(h):
    return F.max_pooling_2d(h, ksize=3, stride=2, cover_all=True)


class AveragePooling2D(chainer.Link):
    """Means of 3x3 windows in steps of 2; of one that reaches over the edge, the mean of what is inside."""

    def forward(self, x):
        over = [1 - size % 2 for size in x.shape[2:]]       # how many rows and columns too far
        padded = F.pad(x, ((0, 0), (0, 0), (0, over[0]), (0, over[1])), 'constant')
        y = F.average_pooling_2d(padded, ksize=3, stride=2)
        scale = self.xp.ones(y.shape[2:], y.dtype)
        scale[-1] *= 3 / (3 - over[0])
        scale[:, -1] *= 3 / (3 - over[1])
        return y * scale
