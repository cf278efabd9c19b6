"""GoogLeNet, which won ILSVRC 2014 with inception modules (slide 59).

C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke,
A. Rabinovich: Going deeper with convolutions. CVPR 2015 (arXiv 1409.4842, 2014).
"""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import FanIn

# The paper's Table 1: maps of 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool proj.
INCEPTIONS = {
    '3a': (64, 96, 128, 16, 32, 32), '3b': (128, 128, 192, 32, 96, 64),
    '4a': (192, 96, 208, 16, 48, 64), '4b': (160, 112, 224, 24, 64, 64), '4c': (128, 128, 256, 24, 64, 64),
    '4d': (112, 144, 288, 32, 64, 64), '4e': (256, 160, 320, 32, 128, 128),
    '5a': (256, 160, 320, 32, 128, 128), '5b': (384, 192, 384, 48, 128, 128)}
SMALL = '3a', '4a', '4d', '5b'
HEADS = {'4a': 'head1', '4d': 'head2'}


class GoogLeNet(chainer.Chain):
    """GoogLeNet at the paper's size: its Table 1.

    ============ ============ ============= ==========
    layer        ksize/st/pad output        parameters
    ============ ============ ============= ==========
    conv1        7/2/3        64 @ 112x112       9,472
    pool         3/2/0        64 @ 56x56
    conv2_reduce 1/1/0        64 @ 56x56         4,160
    conv2        3/1/1        192 @ 56x56      110,784
    pool         3/2/0        192 @ 28x28
    inception3a               256 @ 28x28      163,696
    inception3b               480 @ 28x28      388,736
    pool         3/2/0        480 @ 14x14
    inception4a               512 @ 14x14      376,176
    inception4b               512 @ 14x14      449,160
    inception4c               512 @ 14x14      510,104
    inception4d               528 @ 14x14      605,376
    inception4e               832 @ 14x14      868,352
    pool         3/2/0        832 @ 7x7
    inception5a               832 @ 7x7      1,043,456
    inception5b               1024 @ 7x7     1,444,080
    mean                      1024 @ 1x1
    fc                        1000           1,025,000
    total                                    6,998,552
    ============ ============ ============= ==========

    The two heads, on inception4a and inception4d, which give the early layers a loss of
    their own in training, have 3,188,840 and 3,190,888 more: 13,378,280. ReLU follows every
    convolution; local response normalisation the first pooling and conv2; dropout (0.4) the
    mean, and (0.7) each head's first fully connected layer.

    Args:
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for 28x28 images: one 3x3 convolution and inceptions 3a, 4a, 4d
            and 5b with an eighth of the maps; 78,976 parameters for ten classes of grey
            images, heads included.
        heads (bool): Whether there are heads.
        torchvision (bool): Whether to build the net that torchvision calls GoogLeNet and has
            weights of: 3x3 in place of the 5x5 convolutions, no response normalisation, and a
            fourth pooling of 2/2. (Its batch normalisation is folded into the convolutions when
            :func:`load_pretrained` reads them.) 6,617,624 parameters without heads.
        rng (numpy.random.Generator): Where the initial weights come from. The paper is silent;
            LeCun's normal distribution, and biases 0.2, as in the authors' public model.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1, or both ``small`` and ``torchvision``
            are asked for.
    """

    def __init__(self, n_class=1000, in_channels=3, small=False, heads=True, torchvision=False, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        if small and torchvision:
            raise ValueError('small=True and torchvision=True are two forms of GoogLeNet; give one of them')
        self.in_channels, self.size = in_channels, 28 if small else 224
        self.small, self.heads, self.torchvision = small, heads, torchvision
        ksize5 = 3 if torchvision else 5        # of the paper's 5x5 convolutions
        weights = FanIn(1, _checks.generator(rng))
        initial = {'initialW': weights, 'initial_bias': 0.2}
        part, depth, self.names = (8, 16, SMALL) if small else (1, 192, tuple(INCEPTIONS))
        with self.init_scope():
            if small:
                self.conv1 = L.Convolution2D(in_channels, 16, ksize=3, pad=1, **initial)
            else:
                self.conv1 = L.Convolution2D(in_channels, 64, ksize=7, stride=2, pad=3, **initial)
                self.conv2_reduce = L.Convolution2D(64, 64, ksize=1, **initial)
                self.conv2 = L.Convolution2D(64, 192, ksize=3, pad=1, **initial)
            for name in self.names:
                inception = Inception(depth, *(n // part for n in INCEPTIONS[name]), ksize5, **initial)
                setattr(self, f'inception{name}', inception)
                depth = inception.out_channels
                if heads and name in HEADS:
                    setattr(self, HEADS[name], Head(depth, n_class, small, **initial))
            self.fc = L.Linear(depth, n_class, initialW=weights)

    def forward(self, x):
        """Returns logits ``(N, n_class)``; in training with heads a tuple of them and two heads'.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 224, 224)``, or
                ``(N, in_channels, 28, 28)`` where small.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, self.size, self.size))
        h = F.relu(self.conv1(x))           # (N, 64, 112, 112); small: (N, 16, 28, 28)
        h = self.normalise(pool(h))         # (N, 64, 56, 56); small: (N, 16, 14, 14)
        if not self.small:
            h = F.relu(self.conv2_reduce(h))            # (N, 64, 56, 56)
            h = self.normalise(F.relu(self.conv2(h)))   # (N, 192, 56, 56)
            h = pool(h)                                 # (N, 192, 28, 28)
        of_heads = []
        for name in self.names:
            if name in ('4a', '5a') or self.small and name == '5b':
                h = pool(h, 2 if self.torchvision and name == '5a' else 3)
            # (N, 256, 28, 28), (N, 480, 28, 28), (N, 512, 14, 14) three times, (N, 528, 14, 14),
            # (N, 832, 14, 14), (N, 832, 7, 7), (N, 1024, 7, 7);
            # small: (N, 32, 14, 14), (N, 64, 7, 7), (N, 66, 7, 7), (N, 128, 4, 4)
            h = self[f'inception{name}'](h)
            if self.heads and chainer.config.train and name in HEADS:
                of_heads.append(self[HEADS[name]](h))
        h = F.average_pooling_2d(h, ksize=h.shape[2:])  # (N, 1024, 1, 1); small: (N, 128, 1, 1)
        logits = self.fc(F.dropout(h, 0.4))             # (N, n_class)
        return (logits, *of_heads) if of_heads else logits

    def normalise(self, h):
        if self.torchvision:
            return h
        # Chainer multiplies alpha as it stands; the authors' model divides it by the number of maps, 5.
        return F.local_response_normalization(h, n=5, k=1, alpha=1e-4 / 5, beta=0.75)

    def loss(self, y, t):
        """Returns the softmax cross entropy of what ``forward`` returned; heads count 0.3 each."""
        logits, *of_heads = y if isinstance(y, tuple) else (y,)
        return F.softmax_cross_entropy(logits, t) + sum(0.3 * F.softmax_cross_entropy(h, t) for h in of_heads)


class Inception(chainer.Chain):
    """Four branches side by side: 1x1, 3x3, 5x5 and pooling, the last three behind or before a 1x1 (Fig. 2b)."""

    def __init__(self, in_channels, n1, n3_reduce, n3, n5_reduce, n5, n_pool, ksize5=5, **initial):
        super().__init__()
        self.out_channels = n1 + n3 + n5 + n_pool
        with self.init_scope():
            self.conv1 = L.Convolution2D(in_channels, n1, ksize=1, **initial)
            self.conv3_reduce = L.Convolution2D(in_channels, n3_reduce, ksize=1, **initial)
            self.conv3 = L.Convolution2D(n3_reduce, n3, ksize=3, pad=1, **initial)
            self.conv5_reduce = L.Convolution2D(in_channels, n5_reduce, ksize=1, **initial)
            self.conv5 = L.Convolution2D(n5_reduce, n5, ksize=ksize5, pad=ksize5 // 2, **initial)
            self.pool_proj = L.Convolution2D(in_channels, n_pool, ksize=1, **initial)

    def forward(self, x):
        """Returns ``(N, n1 + n3 + n5 + n_pool, H, W)``."""
        h1 = F.relu(self.conv1(x))
        h3 = F.relu(self.conv3(F.relu(self.conv3_reduce(x))))
        h5 = F.relu(self.conv5(F.relu(self.conv5_reduce(x))))
        pooled = F.relu(self.pool_proj(F.max_pooling_2d(x, ksize=3, stride=1, pad=1)))
        return F.concat([h1, h3, h5, pooled], axis=1)


class Head(chainer.Chain):
    """A small classifier on a map in the middle of the network (section 5)."""

    def __init__(self, in_channels, n_class, small, **initial):
        super().__init__()
        self.window = {'ksize': 3, 'stride': 2} if small else {'ksize': 5, 'stride': 3}
        n_map, n_unit, side = (16, 128, 3) if small else (128, 1024, 4)
        with self.init_scope():
            self.conv = L.Convolution2D(in_channels, n_map, ksize=1, **initial)
            self.fc1 = L.Linear(n_map * side ** 2, n_unit, **initial)
            self.fc2 = L.Linear(n_unit, n_class, initialW=initial['initialW'])

    def forward(self, x):
        """Returns logits ``(N, n_class)``."""
        h = F.average_pooling_2d(x, **self.window)      # (N, 512 or 528, 4, 4); small: (N, 64 or 66, 3, 3)
        h = F.relu(self.conv(h))                        # (N, 128, 4, 4); small: (N, 16, 3, 3)
        h = F.relu(self.fc1(h))                         # (N, 1024); small: (N, 128)
        return self.fc2(F.dropout(h, 0.7))              # (N, n_class)


def pool(h, ksize=3):
    """Halves a map, rounding up."""
    return F.max_pooling_2d(h, ksize, stride=2, cover_all=True)
