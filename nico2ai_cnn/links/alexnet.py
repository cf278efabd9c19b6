"""AlexNet, with which deep networks won ILSVRC 2012 (slides 18 to 20 and 58).

A. Krizhevsky, I. Sutskever, G. E. Hinton: ImageNet classification with deep
convolutional neural networks. NIPS 2012.
"""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy

from nico2ai_cnn import _checks


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
        in_channels (int): Number of channels of the 227x227 images.
        rng (numpy.random.Generator): Where the initial weights come from: as in the
            paper, normal with a standard deviation of 0.01. Biases are 1 in conv2,
            conv4, conv5, fc6 and fc7, else 0.
    """

    def __init__(self, n_class=1000, in_channels=3, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        self.in_channels = in_channels
        zero = {'initialW': chainer.initializers.Normal(0.01, rng=rng or numpy.random.default_rng())}
        one = {**zero, 'initial_bias': 1}
        with self.init_scope():
            self.conv1 = L.Convolution2D(in_channels, 96, ksize=11, stride=4, **zero)
            self.conv2 = L.Convolution2D(96, 256, ksize=5, pad=2, groups=2, **one)
            self.conv3 = L.Convolution2D(256, 384, ksize=3, pad=1, **zero)
            self.conv4 = L.Convolution2D(384, 384, ksize=3, pad=1, groups=2, **one)
            self.conv5 = L.Convolution2D(384, 256, ksize=3, pad=1, groups=2, **one)
            self.fc6 = L.Linear(256 * 6 * 6, 4096, **one)
            self.fc7 = L.Linear(4096, 4096, **one)
            self.fc8 = L.Linear(4096, n_class, **zero)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 227, 227)``.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, 227, 227))
        h = F.relu(self.conv1(x))                       # (N, 96, 55, 55)
        h = F.local_response_normalization(h)           # Chainer's defaults are the paper's numbers
        h = F.max_pooling_2d(h, ksize=3, stride=2)      # (N, 96, 27, 27)
        h = F.relu(self.conv2(h))                       # (N, 256, 27, 27)
        h = F.local_response_normalization(h)
        h = F.max_pooling_2d(h, ksize=3, stride=2)      # (N, 256, 13, 13)
        h = F.relu(self.conv3(h))                       # (N, 384, 13, 13)
        h = F.relu(self.conv4(h))                       # (N, 384, 13, 13)
        h = F.relu(self.conv5(h))                       # (N, 256, 13, 13)
        h = F.max_pooling_2d(h, ksize=3, stride=2)      # (N, 256, 6, 6)
        h = F.dropout(F.relu(self.fc6(h)))              # (N, 4096)
        h = F.dropout(F.relu(self.fc7(h)))              # (N, 4096)
        return self.fc8(h)                              # (N, n_class)
