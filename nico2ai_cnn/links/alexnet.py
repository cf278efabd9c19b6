"""AlexNet, with which deep networks won ILSVRC 2012 (slides 18 to 20 and 58).

A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet classification with deep
convolutional neural networks. NIPS 2012.
"""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import FanIn, Gaussian


class AlexNet(chainer.Chain):
    """AlexNet at the paper's size, its two halves (one per GPU in 2012) as groups.

    ====== ================ ============ ===========
    layer  ksize/stride/pad output       parameters
    ====== ================ ============ ===========
    conv1  11/4/0           96 @ 55x55        34,944
    pool   3/2/0            96 @ 27x27
    conv2  5/1/2, 2 groups  256 @ 27x27      307,456
    pool   3/2/0            256 @ 13x13
    conv3  3/1/1            384 @ 13x13      885,120
    conv4  3/1/1, 2 groups  384 @ 13x13      663,936
    conv5  3/1/1, 2 groups  256 @ 13x13      442,624
    pool   3/2/0            256 @ 6x6
    fc6                     4096          37,752,832
    fc7                     4096          16,781,312
    fc8                     1000           4,097,000
    total                                 60,965,224
    ====== ================ ============ ===========

    Each layer up to fc7 ends in ReLU; local response normalisation (n = 5, k = 2,
    alpha = 1e-4, beta = 0.75) follows conv1 and conv2, dropout (0.5) follows fc6 and
    fc7. The paper speaks of 224x224 pixels, which give 54x54; 227x227 give its 55x55.
    Its images are centred on the training set's mean; here they are taken as they come.

    Args:
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for 28x28 images: convolutions of 8, 16, 32, 32 and 32 maps,
            conv1 5/1/2 wide, and 128 units in fc6 and fc7; 70,538 parameters for ten
            classes of grey images. What makes AlexNet itself stays: groups, response
            normalisation, overlapping pooling, dropout.
        one_tower (bool): Whether to build the net that torchvision calls AlexNet and has
            weights of (after A. Krizhevsky: One weird trick for parallelizing
            convolutional neural networks, arXiv 1404.5997, 2014): 224x224 images, conv1
            padded by 2, 64, 192, 384, 256 and 256 maps without groups or normalisation,
            dropout before fc6 and fc7; 61,100,840 parameters.
        rng (numpy.random.Generator): Where the initial weights come from: as in the
            paper, normal with a standard deviation of 0.01. Biases are 1 in conv2,
            conv4, conv5, fc6 and fc7, else 0. The other two forms begin with He's
            weights and biases of 0.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1, or both ``small`` and ``one_tower``
            are asked for.
    """

    def __init__(self, n_class=1000, in_channels=3, small=False, one_tower=False, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        if small and one_tower:
            raise ValueError('small=True and one_tower=True are two forms of AlexNet; give one of them')
        self.in_channels, self.one_tower = in_channels, one_tower
        rng = _checks.generator(rng)
        zero = {'initialW': FanIn(2 ** 0.5, rng) if small or one_tower else Gaussian(0.01, rng)}
        one = {**zero, 'initial_bias': 0 if small or one_tower else 1}
        first, n_unit, groups, pooled = {'ksize': 11, 'stride': 4}, 4096, 2, 6
        self.size, depths = 227, (96, 256, 384, 384, 256)
        if one_tower:
            self.size, depths, groups, first['pad'] = 224, (64, 192, 384, 256, 256), 1, 2
        if small:
            self.size, depths, n_unit, pooled = 28, (8, 16, 32, 32, 32), 128, 3
            first = {'ksize': 5, 'pad': 2}
        with self.init_scope():
            self.conv1 = L.Convolution2D(in_channels, depths[0], **first, **zero)
            self.conv2 = L.Convolution2D(depths[0], depths[1], ksize=5, pad=2, groups=groups, **one)
            self.conv3 = L.Convolution2D(depths[1], depths[2], ksize=3, pad=1, **zero)
            self.conv4 = L.Convolution2D(depths[2], depths[3], ksize=3, pad=1, groups=groups, **one)
            self.conv5 = L.Convolution2D(depths[3], depths[4], ksize=3, pad=1, groups=groups, **one)
            self.fc6 = L.Linear(depths[4] * pooled ** 2, n_unit, **one)
            self.fc7 = L.Linear(n_unit, n_unit, **one)
            self.fc8 = L.Linear(n_unit, n_class, **zero)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 227, 227)``, with 28 in
                place of 227 where small, and 224 with one tower.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, self.size, self.size))
        h = F.relu(self.conv1(x))               # (N, 96, 55, 55); small: (N, 8, 28, 28)
        h = self.normalise_and_pool(h)          # (N, 96, 27, 27); small: (N, 8, 14, 14)
        h = F.relu(self.conv2(h))               # (N, 256, 27, 27); small: (N, 16, 14, 14)
        h = self.normalise_and_pool(h)          # (N, 256, 13, 13); small: (N, 16, 7, 7)
        h = F.relu(self.conv3(h))               # (N, 384, 13, 13); small: (N, 32, 7, 7)
        h = F.relu(self.conv4(h))               # (N, 384, 13, 13); small: (N, 32, 7, 7)
        h = F.relu(self.conv5(h))               # (N, 256, 13, 13); small: (N, 32, 7, 7)
        h = F.max_pooling_2d(h, ksize=3, stride=2)      # (N, 256, 6, 6); small: (N, 32, 3, 3)
        if self.one_tower:
            h = F.dropout(h)
        h = F.dropout(F.relu(self.fc6(h)))      # (N, 4096); small: (N, 128)
        h = F.relu(self.fc7(h))                 # (N, 4096); small: (N, 128)
        if not self.one_tower:
            h = F.dropout(h)
        return self.fc8(h)                              # (N, n_class)

    def normalise_and_pool(self, h):
        if not self.one_tower:
            h = F.local_response_normalization(h)       # Chainer's defaults are the paper's numbers
        # Only where small does a window reach over the edge: at the paper's sizes all fit.
        return F.max_pooling_2d(h, ksize=3, stride=2, cover_all=True)
