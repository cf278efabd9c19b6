"""LeNet-5 as it was in 1998, and as it is built today (slide 57).

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to
document recognition. Proceedings of the IEEE 86(11), 1998.
"""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy

from nico2ai_cnn import _checks
from nico2ai_cnn.links._digit_codes import DIGIT_CODES

# Table I of the paper: the S2 maps that each of the 16 maps of C3 is wired to.
C3_INPUTS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5))


class LeNet(chainer.Chain):
    """LeNet-5 in its modern form: ReLU, max pooling, every map wired to every map.

    ====== ================ ========== ===========
    layer  ksize/stride/pad output     parameters
    ====== ================ ========== ===========
    conv1  5/1/2            6 @ 28x28          156
    pool   2/2/0            6 @ 14x14
    conv2  5/1/0            16 @ 10x10       2,416
    pool   2/2/0            16 @ 5x5
    fc3                     120             48,120
    fc4                     84              10,164
    fc5                     10                 850
    total                                   61,706
    ====== ================ ========== ===========

    Args:
        n_class (int): Number of classes.
        in_channels (int): Number of channels of the 28x28 images.
        rng (numpy.random.Generator): Where the initial weights come from.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1.
    """

    def __init__(self, n_class=10, in_channels=1, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        self.in_channels = in_channels
        initial = chainer.initializers.LeCunNormal(rng=_checks.generator(rng))
        with self.init_scope():
            self.conv1 = L.Convolution2D(in_channels, 6, ksize=5, pad=2, initialW=initial)
            self.conv2 = L.Convolution2D(6, 16, ksize=5, initialW=initial)
            self.fc3 = L.Linear(16 * 5 * 5, 120, initialW=initial)
            self.fc4 = L.Linear(120, 84, initialW=initial)
            self.fc5 = L.Linear(84, n_class, initialW=initial)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 28, 28)``.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, 28, 28))
        h = F.relu(self.conv1(x))                       # (N, 6, 28, 28)
        h = F.max_pooling_2d(h, ksize=2, stride=2)      # (N, 6, 14, 14)
        h = F.relu(self.conv2(h))                       # (N, 16, 10, 10)
        h = F.max_pooling_2d(h, ksize=2, stride=2)      # (N, 16, 5, 5)
        h = F.relu(self.fc3(h))                         # (N, 120)
        h = F.relu(self.fc4(h))                         # (N, 84)
        return self.fc5(h)                              # (N, n_class)


class LeNet5(chainer.Chain):
    """LeNet-5 as in the paper, sections II.B and III.

    ====== ================================== ========== ===========
    layer  what it is                         output     parameters
    ====== ================================== ========== ===========
    c1     convolution 5x5                    6 @ 28x28          156
    s2     sum of 2x2, times w, plus b        6 @ 14x14           12
    c3     convolution 5x5, wired by Table I  16 @ 10x10       1,516
    s4     sum of 2x2, times w, plus b        16 @ 5x5            32
    c5     convolution 5x5                    120 @ 1x1       48,120
    f6     fully connected                    84              10,164
    output distance to a fixed 7x12 code      10                   0
    total                                                     60,000
    ====== ================================== ========== ===========

    Each layer up to f6 ends in 1.7159 tanh(2/3 a). Pixels are mapped from [0, 1] to
    the paper's [-0.1, 1.175]. The codes of the output layer are bitmaps of the
    digits, fixed as in the paper, but drawn anew: its Fig. 3 is a picture.

    Args:
        n_class (int): Number of classes, at most 10 (there are ten codes).
        in_channels (int): Number of channels of the images.
        rng (numpy.random.Generator): Where the initial weights come from: as in
            the paper, uniform in +-2.4 / fan-in.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1, or there are more
            than 10 classes.
    """

    def __init__(self, n_class=10, in_channels=1, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        if n_class > len(DIGIT_CODES):
            raise ValueError(f'n_class must be at most {len(DIGIT_CODES)}, the number of digit '
                             f'codes in the output layer; got {n_class}')
        self.in_channels = in_channels
        rng = _checks.generator(rng)

        def initial(fan_in):
            uniform = chainer.initializers.Uniform(2.4 / fan_in, rng=rng)
            return {'initialW': uniform, 'initial_bias': uniform}

        with self.init_scope():
            self.c1 = L.Convolution2D(in_channels, 6, ksize=5, **initial(in_channels * 25))
            self.s2 = Subsampling(6, **initial(4))
            self.c3 = TableConvolution2D(C3_INPUTS, ksize=5, rng=rng)
            self.s4 = Subsampling(16, **initial(4))
            self.c5 = L.Convolution2D(16, 120, ksize=5, **initial(16 * 25))
            self.f6 = L.Linear(120, 84, **initial(120))
        self.add_persistent('codes', DIGIT_CODES[:n_class].astype(chainer.get_dtype()))

    def forward(self, x):
        """Returns minus the squared distances to the digit codes, ``(N, n_class)``.

        The nearest code is the largest entry, and softmax cross entropy of it is
        the paper's second criterion (its eq. 9, without the rubbish class).

        Args:
            x: float32 images in [0, 1], ``(N, in_channels, 28, 28)``, padded with
                background to 32x32 here, or ``(N, in_channels, 32, 32)``.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, 28, 28), (self.in_channels, 32, 32))
        if x.shape[2] == 28:
            x = F.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), 'constant')
        h = 1.275 * x - 0.1                 # (N, in_channels, 32, 32)
        h = scaled_tanh(self.c1(h))         # (N, 6, 28, 28)
        h = scaled_tanh(self.s2(h))         # (N, 6, 14, 14)
        h = scaled_tanh(self.c3(h))         # (N, 16, 10, 10)
        h = scaled_tanh(self.s4(h))         # (N, 16, 5, 5)
        h = scaled_tanh(self.c5(h))         # (N, 120, 1, 1)
        h = scaled_tanh(self.f6(h))         # (N, 84)
        difference = h[:, None] - self.codes[None]                  # (N, n_class, 84)
        return -F.sum(difference ** 2, axis=2)                      # (N, n_class)


class Subsampling(chainer.Link):
    """The paper's S layer: the sum of each 2x2 window, times a coefficient, plus a bias.

    Args:
        channels (int): Number of maps; each has one coefficient and one bias.
        initialW, initial_bias: Chainer initializers of the two.
    """

    def __init__(self, channels, initialW=None, initial_bias=None):
        super().__init__()
        with self.init_scope():
            self.W = chainer.Parameter(initialW, (channels,))
            self.b = chainer.Parameter(initial_bias, (channels,))

    def forward(self, x):
        """Returns ``(N, C, H / 2, W / 2)`` for ``x`` of shape ``(N, C, H, W)``."""
        return F.scale(4 * F.average_pooling_2d(x, ksize=2, stride=2), self.W) \
            + self.b[None, :, None, None]


class TableConvolution2D(chainer.Link):
    """A convolution whose output maps see only the input maps that a table names.

    Args:
        table: For each output map, the tuple of input maps that it is wired to.
        ksize (int): Height and width of the filters.
        rng (numpy.random.Generator): Weights are uniform in +-2.4 / fan-in.
    """

    def __init__(self, table, ksize, rng):
        super().__init__()
        n_wire = sum(len(inputs) for inputs in table)
        fan_in = numpy.array([len(inputs) * ksize ** 2 for inputs in table])
        wires_fan_in = numpy.repeat(fan_in, [len(inputs) for inputs in table])
        dtype = chainer.get_dtype()
        with self.init_scope():
            self.W = chainer.Parameter(rng.uniform(-1, 1, (n_wire, ksize, ksize)).astype(dtype)
                                       * (2.4 / wires_fan_in[:, None, None]).astype(dtype))
            self.b = chainer.Parameter((rng.uniform(-1, 1, len(table)) * 2.4 / fan_in).astype(dtype))
        # Where filter (output map, input map) stands in W; n_wire means "no wire".
        index = numpy.full((len(table), 1 + max(map(max, table))), n_wire)
        for o, inputs in enumerate(table):
            for i in inputs:
                index[o, i] = numpy.count_nonzero(index < n_wire)
        self.add_persistent('index', index)

    def forward(self, x):
        """Returns ``(N, len(table), H - ksize + 1, W - ksize + 1)``."""
        no_wire = self.xp.zeros_like(self.W.array[:1])
        filters = F.concat([self.W, no_wire], axis=0)[self.index]  # (out, in, ksize, ksize)
        return F.convolution_2d(x, filters, self.b)


def scaled_tanh(a):
    """The paper's squashing function, 1.7159 tanh(2/3 a) (its eq. 6)."""
    return 1.7159 * F.tanh(2 / 3 * a)
