"""ResNet, whose shortcuts let networks of 152 layers train (slide 60).

K. He, X. Zhang, S. Ren, J. Sun: Deep residual learning for image recognition. CVPR 2016
(arXiv 1512.03385, 2015).
"""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import FanIn

# Blocks in each of the four stages: the paper's Table 1.
N_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class ResNet(chainer.Chain):
    """ResNet of 18, 34, 50, 101 or 152 layers: the paper's Table 1.

    ====== =================== ============== ===========
    layer  of ResNet-50        output         parameters
    ====== =================== ============== ===========
    conv1  7/2/3, bn1          64 @ 112x112         9,536
    pool   3/2/1               64 @ 56x56
    res2   3 blocks            256 @ 56x56        215,808
    res3   4 blocks            512 @ 28x28      1,219,584
    res4   6 blocks            1024 @ 14x14     7,098,368
    res5   3 blocks            2048 @ 7x7      14,964,736
    mean                       2048 @ 1x1
    fc                         1000             2,049,000
    total                                      25,557,032
    ====== =================== ============== ===========

    Up to 34 layers a block is two 3x3 convolutions; from 50 on it is a bottleneck of 1x1,
    3x3 and 1x1. Batch normalisation follows each convolution, ReLU all but a block's last,
    where it comes after the sum. A stage's first block halves the map: in its 3x3
    convolution, as the public weights have it, where the paper does so in the first 1x1.
    Where the sizes differ, a 1x1 convolution adapts the shortcut (the paper's option B).
    The layers in the name are the convolutions of the blocks, conv1 and fc.

    Args:
        n_layers (int): 18, 34, 50, 101 or 152; 50 by default. Where small, 6 n + 2 for any
            n of at least 1; 20 by default.
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for 28x28 images: after the paper's CIFAR-10 nets (4.2), three
            stages of n blocks with 16, 32 and 64 maps of 14x14, 7x7 and 4x4; conv1 is
            3/2/1. With 20 layers 272,186 parameters for ten classes of grey images.
        shortcuts (bool): False builds the plain twin, equally deep, without shortcuts.
        rng (numpy.random.Generator): Where the initial weights come from: He's normal
            distribution, as in the paper; there is no bias but that of fc, 0.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1, or there is no
            such ResNet of ``n_layers``.
    """

    def __init__(self, n_layers=None, n_class=1000, in_channels=3, small=False, shortcuts=True, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        if n_layers is None:
            n_layers = 20 if small else 50
        if small:
            if isinstance(n_layers, bool) or n_layers not in range(8, 1203, 6):
                raise ValueError(f'n_layers must be 6 n + 2 where small, such as 8, 14, 20 or 56; got {n_layers!r}')
            self.size, depth, stem, n_blocks = 28, 16, {'ksize': 3, 'stride': 2, 'pad': 1}, [(n_layers - 2) // 6] * 3
        else:
            if n_layers not in N_BLOCKS:
                raise ValueError(f'n_layers must be one of {", ".join(map(str, N_BLOCKS))}; got {n_layers!r}')
            self.size, depth, stem, n_blocks = 224, 64, {'ksize': 7, 'stride': 2, 'pad': 3}, N_BLOCKS[n_layers]
        self.in_channels, self.small, self.n_layers, self.shortcuts = in_channels, small, n_layers, shortcuts
        bottleneck = n_layers >= 50 and not small
        initial = FanIn(2 ** 0.5, _checks.generator(rng))
        self.stages = [f'res{i}' for i in range(2, 2 + len(n_blocks))]
        with self.init_scope():
            self.conv1 = L.Convolution2D(in_channels, depth, nobias=True, initialW=initial, **stem)
            self.bn1 = L.BatchNormalization(depth, eps=1e-5)
            channels = depth
            for stage, n in zip(self.stages, n_blocks):
                blocks = []
                for _ in range(n):
                    stride = 2 if stage != 'res2' and not blocks else 1
                    blocks.append(Block(depth, channels, stride, bottleneck, shortcuts, initial))
                    depth = blocks[-1].out_channels
                # Not a Sequential, which names its links in another order than it calls them.
                setattr(self, stage, chainer.ChainList(*blocks))
                channels *= 2
            self.fc = L.Linear(depth, n_class, initialW=initial)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 224, 224)``, or
                ``(N, in_channels, 28, 28)`` where small.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, self.size, self.size))
        h = F.relu(self.bn1(self.conv1(x)))         # (N, 64, 112, 112); small: (N, 16, 14, 14)
        if not self.small:
            h = F.max_pooling_2d(h, ksize=3, stride=2, pad=1, cover_all=False)      # (N, 64, 56, 56)
        for stage in self.stages:
            # ResNet-50: (N, 256, 56, 56), (N, 512, 28, 28), (N, 1024, 14, 14), (N, 2048, 7, 7);
            # small: (N, 16, 14, 14), (N, 32, 7, 7), (N, 64, 4, 4)
            for block in self[stage]:
                h = block(h)
        h = F.average_pooling_2d(h, ksize=h.shape[2:])      # (N, 2048, 1, 1); small: (N, 64, 1, 1)
        return self.fc(h)                                   # (N, n_class)


class Block(chainer.Chain):
    """Two 3x3 convolutions, or a bottleneck of three, and the shortcut past them (Figs. 2 and 5).

    Args:
        in_channels (int): Maps that come in.
        channels (int): Maps of the 3x3 convolutions; a bottleneck puts out four times as many.
        stride (int): Of the first 3x3 convolution.
        bottleneck, shortcut (bool): Whether it is one, and whether it has one.
        initialW: Chainer initializer of the weights.
    """

    def __init__(self, in_channels, channels, stride, bottleneck, shortcut, initialW):
        super().__init__()
        if bottleneck:
            layers = [(channels, 1, 1), (channels, 3, stride), (4 * channels, 1, 1)]
        else:
            layers = [(channels, 3, stride), (channels, 3, 1)]
        self.out_channels, self.n_conv, self.shortcut = layers[-1][0], len(layers), shortcut
        self.adapts = shortcut and (stride > 1 or in_channels != self.out_channels)
        depth = in_channels
        with self.init_scope():
            for i, (out_channels, ksize, s) in enumerate(layers, 1):
                setattr(self, f'conv{i}', L.Convolution2D(
                    depth, out_channels, ksize, s, pad=ksize // 2, nobias=True, initialW=initialW))
                setattr(self, f'bn{i}', L.BatchNormalization(out_channels, eps=1e-5))
                depth = out_channels
            if self.adapts:
                self.project = L.Convolution2D(in_channels, depth, 1, stride, nobias=True, initialW=initialW)
                self.bn_project = L.BatchNormalization(depth, eps=1e-5)

    def forward(self, x):
        """Returns ``(N, out_channels, H / stride, W / stride)``, rounded up."""
        h = x
        for i in range(1, self.n_conv + 1):
            h = self[f'bn{i}'](self[f'conv{i}'](h))
            if i < self.n_conv:
                h = F.relu(h)
        if self.shortcut:
            h = h + (self.bn_project(self.project(x)) if self.adapts else x)
        return F.relu(h)
