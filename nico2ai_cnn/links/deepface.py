"""DeepFace, whose locally connected layers see aligned faces (slide 62).

Y. Taigman, M. Yang, M. Ranzato, L. Wolf: DeepFace: closing the gap to human-level
performance in face verification. CVPR 2014.
"""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks
from nico2ai_cnn.links._initial import FanIn, Gaussian


class DeepFace(chainer.Chain):
    """DeepFace at the paper's size: Fig. 2, without the alignment in front of it.

    ====== ================ ============ ===========
    layer  ksize/stride/pad output       parameters
    ====== ================ ============ ===========
    c1     11/1/0           32 @ 142x142      11,648
    pool   3/2/0            32 @ 71x71
    c3     9/1/0            16 @ 63x63        41,488
    l4     9/1/0            16 @ 55x55    62,774,800
    l5     7/2/0            16 @ 25x25     7,850,000
    l6     5/1/0            16 @ 21x21     2,829,456
    f7                      4096          28,905,472
    f8                      4030          16,510,910
    total                                118,923,774
    ====== ================ ============ ===========

    l4 to l6 are locally connected: a filter of its own, and a bias, at every position. The
    paper's abstract speaks of "more than 120 million parameters"; the layers of its Fig. 2,
    counted as above, come to 118.9 million. More than 95% of them are in the local and
    fully connected layers, as section 3.2 says. ReLU follows each layer but f8, dropout (0.5) f7.
    (The paper divides f7 by its largest value on the training set; that is left out.)

    Args:
        n_class (int): Number of people.
        in_channels (int): Number of channels of the images.
        small (bool): Whether for 28x28 images: the same layers with windows of 5, 4, 3, 3 and
            2 pixels and 128 units in f7; 157,370 parameters for ten classes of grey images.
        rng (numpy.random.Generator): Where the initial weights come from: as in the paper,
            normal with a standard deviation of 0.01, and biases 0.5. Where small, He's, and
            biases 0.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``in_channels`` is not an integer of at least 1.
    """

    def __init__(self, n_class=4030, in_channels=3, small=False, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('in_channels', in_channels)
        self.in_channels, self.size = in_channels, 28 if small else 152
        rng = _checks.generator(rng)
        if small:
            ksizes, sizes, n_unit = (5, 4, 3, 3, 2), (12, 9, 7, 3, 2), 128
            initial = {'initialW': FanIn(2 ** 0.5, rng)}
        else:
            ksizes, sizes, n_unit = (11, 9, 9, 7, 5), (71, 63, 55, 25, 21), 4096
            initial = {'initialW': Gaussian(0.01, rng), 'initial_bias': 0.5}
        with self.init_scope():
            self.c1 = L.Convolution2D(in_channels, 32, ksizes[0], **initial)
            self.c3 = L.Convolution2D(32, 16, ksizes[1], **initial)
            self.l4 = local_convolution(16, 16, sizes[1], ksizes[2], 1, **initial)
            self.l5 = local_convolution(16, 16, sizes[2], ksizes[3], 2, **initial)
            self.l6 = local_convolution(16, 16, sizes[3], ksizes[4], 1, **initial)
            self.f7 = L.Linear(16 * sizes[4] ** 2, n_unit, **initial)
            self.f8 = L.Linear(n_unit, n_class, **initial)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1] of shape ``(N, in_channels, 152, 152)``, or
                ``(N, in_channels, 28, 28)`` where small.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, self.size, self.size))
        h = F.relu(self.c1(x))                  # (N, 32, 142, 142); small: (N, 32, 24, 24)
        h = F.max_pooling_2d(h, ksize=3, stride=2, cover_all=True)  # (N, 32, 71, 71); small: (N, 32, 12, 12)
        h = F.relu(self.c3(h))                  # (N, 16, 63, 63); small: (N, 16, 9, 9)
        h = F.relu(self.l4(h))                  # (N, 16, 55, 55); small: (N, 16, 7, 7)
        h = F.relu(self.l5(h))                  # (N, 16, 25, 25); small: (N, 16, 3, 3)
        h = F.relu(self.l6(h))                  # (N, 16, 21, 21); small: (N, 16, 2, 2)
        h = F.dropout(F.relu(self.f7(h)))       # (N, 4096); small: (N, 128)
        return self.f8(h)                       # (N, n_class)


def local_convolution(in_channels, out_channels, in_size, ksize, stride, **initial):
    """Returns an ``L.LocalConvolution2D`` for square maps, with one filter for each position.

    The link itself leaves the stride out when it works out how many positions there are,
    so it is told the size of a map that has as many at stride 1.
    """
    out_size = (in_size - ksize) // stride + 1
    return L.LocalConvolution2D(in_channels, out_channels, out_size + ksize - 1, ksize, stride, **initial)
