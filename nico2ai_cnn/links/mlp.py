"""The multi-layer perceptron (全結合NN) that the lecture starts from."""

import chainer
import chainer.functions as F
import chainer.links as L

from nico2ai_cnn import _checks


class MLP(chainer.Chain):
    """Three-layer perceptron, 784-300-100-10 with ReLU (slide 2).

    The sizes are those of LeCun et al. 1998, section III.C.4, whose net erred on
    3.05% of the MNIST test digits; it has 266,610 parameters:

    ====== ========= ==========
    layer  output    parameters
    ====== ========= ==========
    fc1    300       235,500
    fc2    100        30,100
    fc3     10         1,010
    ====== ========= ==========

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
            self.fc1 = L.Linear(in_channels * 28 * 28, 300, initialW=initial)
            self.fc2 = L.Linear(300, 100, initialW=initial)
            self.fc3 = L.Linear(100, n_class, initialW=initial)

    def forward(self, x):
        """Returns logits of shape ``(N, n_class)``.

        Args:
            x: float32 images in [0, 1], ``(N, in_channels, 28, 28)`` or flat
                ``(N, in_channels * 784)``.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
        """
        _checks.images(self, x, (self.in_channels, 28, 28), (self.in_channels * 784,))
        h = F.relu(self.fc1(x))         # (N, 300); L.Linear flattens by itself
        h = F.relu(self.fc2(h))         # (N, 100)
        return self.fc3(h)              # (N, n_class)
