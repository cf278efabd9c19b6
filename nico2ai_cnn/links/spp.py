"""SPP-net, which takes images of any size (slide 61).

K. He, X. Zhang, S. Ren, J. Sun: Spatial pyramid pooling in deep convolutional networks
for visual recognition. ECCV 2014 (arXiv 1406.4729).
"""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import FanIn, Gaussian

PYRAMID = 1, 2, 3, 6


class SPPNet(chainer.Chain):
    """ZF-5, the paper's base, with a spatial pyramid in place of the last pooling.

    ====== ================ ============ ===========
    layer  ksize/stride/pad output       parameters
    ====== ================ ============ ===========
    conv1  7/2/1            96 @ 110x110      14,208
    pool   3/2/0            96 @ 55x55
    conv2  5/2/0            256 @ 26x26      614,656
    pool   3/2/0            256 @ 13x13
    conv3  3/1/1            384 @ 13x13      885,120
    conv4  3/1/1            384 @ 13x13    1,327,488
    conv5  3/1/1            256 @ 13x13      884,992
    spp                     12800
    fc6                     4096          52,432,896
    fc7                     4096          16,781,312
    fc8                     1000           4,097,000
    total                                 77,037,672
    ====== ================ ============ ===========

    The sizes are those of a 224x224 image. The paper trains on 224x224 and on 180x180
    pixels in turn, where conv5 gives 10x10; spp turns both into 256 maps of 1x1, 2x2, 3x3
    and 6x6 bins, so all sizes share all parameters.

    Each layer up to fc7 ends in ReLU; local response normalisation (as AlexNet's) follows
    conv1 and conv2, dropout (0.5) fc6 and fc7. What Table 1 of the paper leaves open (pad,
    pooling windows that may reach over the edge) is as in the authors' public model.

    Args:
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for images of about 28x28 pixels, which conv5 sees as 7x7:
            convolutions of 8, 16, 24, 24 and 24 maps, the first 5/1/2, the second 3/1/1, and
            128 units in fc6 and fc7; 186,802 parameters for ten classes of grey images.
        rng (numpy.random.Generator): Where the initial weights come from: as in the
            authors' model, normal with a standard deviation of 0.01, and biases 1 in
            conv2, conv4, conv5, fc6 and fc7, else 0. Where small, He's, and biases 0.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1.
    """

    def __init__(self, n_class=1000, in_channels=3, small=False, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        self.in_channels = in_channels
        self.least_size = 4 if small else 31     # what leaves conv5 one pixel
        rng = _checks.generator(rng)
        if small:
            depths, n_unit, initial = (8, 16, 24, 24, 24), 128, FanIn(2 ** 0.5, rng)
            first, second = {'ksize': 5, 'pad': 2}, {'ksize': 3, 'pad': 1}
        else:
            depths, n_unit, initial = (96, 256, 384, 384, 256), 4096, Gaussian(0.01, rng)
            first, second = {'ksize': 7, 'stride': 2, 'pad': 1}, {'ksize': 5, 'stride': 2}
        zero = {'initialW': initial}
        one = {'initialW': initial, 'initial_bias': 0 if small else 1}
        with self.init_scope():
            self.conv1 = L.Convolution2D(in_channels, depths[0], **first, **zero)
            self.conv2 = L.Convolution2D(depths[0], depths[1], **second, **one)
            self.conv3 = L.Convolution2D(depths[1], depths[2], ksize=3, pad=1, **zero)
            self.conv4 = L.Convolution2D(depths[2], depths[3], ksize=3, pad=1, **one)
            self.conv5 = L.Convolution2D(depths[3], depths[4], ksize=3, pad=1, **one)
            self.spp = SpatialPyramidPooling2D(PYRAMID)
            self.fc6 = L.Linear(depths[4] * sum(n * n for n in PYRAMID), n_unit, **one)
            self.fc7 = L.Linear(n_unit, n_unit, **one)
            self.fc8 = L.Linear(n_unit, n_class, **zero)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, H, W)``, the same for
                all images of a batch; H and W at least 31, or 4 where small.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        size = tuple(x.shape[2:]) if getattr(x, 'ndim', 0) == 4 else ()
        if not size or min(size) < self.least_size:
            size = f'H >= {self.least_size}', f'W >= {self.least_size}'     # fits nothing, so it raises
        _checks.images(self, x, (self.in_channels, *size))
        h = F.relu(self.conv1(x))                                   # (N, 96, 110, 110); small: (N, 8, 28, 28)
        h = F.local_response_normalization(h)
        h = F.max_pooling_2d(h, ksize=3, stride=2, cover_all=True)  # (N, 96, 55, 55); small: (N, 8, 14, 14)
        h = F.relu(self.conv2(h))                                   # (N, 256, 26, 26); small: (N, 16, 14, 14)
        h = F.local_response_normalization(h)
        h = F.max_pooling_2d(h, ksize=3, stride=2, cover_all=True)  # (N, 256, 13, 13); small: (N, 16, 7, 7)
        h = F.relu(self.conv3(h))                                   # (N, 384, 13, 13); small: (N, 24, 7, 7)
        h = F.relu(self.conv4(h))                                   # (N, 384, 13, 13); small: (N, 24, 7, 7)
        h = F.relu(self.conv5(h))                                   # (N, 256, 13, 13); small: (N, 24, 7, 7)
        h = self.spp(h)                                             # (N, 12800); small: (N, 1200)
        h = F.dropout(F.relu(self.fc6(h)))                          # (N, 4096); small: (N, 128)
        h = F.dropout(F.relu(self.fc7(h)))                          # (N, 4096); small: (N, 128)
        return self.fc8(h)                                          # (N, n_class)


class SpatialPyramidPooling2D(chainer.Link):
    """Max pooling into a fixed number of bins, whatever the size of the map.

    Bin i of n spans ``floor(i * H / n)`` to ``ceil((i + 1) * H / n)``, as in the paper's
    appendix A, so bins may share a row. (``F.spatial_pyramid_pooling_2d`` knows only
    1, 2, 4, … bins and pads.)

    Args:
        pyramid: The numbers of bins a side, one for each level.
    """

    def __init__(self, pyramid):
        super().__init__()
        self.pyramid = pyramid

    def forward(self, x):
        """Returns ``(N, D * B)`` for ``(N, D, H, W)``, B the number of bins of all levels.

        Level follows level, and within one map follows map, as in the authors' model.
        """
        return F.concat([F.reshape(pool(x, n), (len(x), -1)) for n in self.pyramid], axis=1)


def pool(x, n):
    """Returns the maxima of n x n bins, ``(N, D, n, n)``."""
    height, width = x.shape[2:]
    if min(height, width) >= n and height % n <= 1 and width % n <= 1:
        # All bins are alike: the sliding window of section 2.3, ceil(a / n) wide, in steps of floor(a / n).
        return F.max_pooling_2d(x, ksize=(-(-height // n), -(-width // n)), stride=(height // n, width // n),
                                cover_all=False)
    rows = F.concat([F.max_pooling_2d(x[:, :, i:j], ksize=(j - i, 1)) for i, j in bins(height, n)], axis=2)
    return F.concat([F.max_pooling_2d(rows[..., i:j], ksize=(1, j - i)) for i, j in bins(width, n)], axis=3)


def bins(size, n):
    """Returns where each of the n bins that ``size`` pixels are divided into starts and ends."""
    return [(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]
