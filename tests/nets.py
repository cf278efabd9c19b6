"""Networks that tests put together."""

import os
import signal

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np

from nico2ai_cnn import links


class Net(chainer.Chain):
    """Layers by keyword, and a forward that is handed over."""

    def __init__(self, forward, **layers):
        super().__init__()
        self._forward = forward
        with self.init_scope():
            for name, layer in layers.items():
                setattr(self, name, layer)

    def forward(self, x):
        return self._forward(self, x)


def residual():
    def forward(net, x):
        h = F.relu(net.bn(net.conv1(x)))
        h = h + net.conv3(F.dropout(F.relu(net.conv2(h))))
        return F.average_pooling_2d(h, 3, 2)
    return Net(forward, conv1=L.Convolution2D(2, 4, 3, stride=2), bn=L.BatchNormalization(4),
               conv2=L.Convolution2D(4, 4, 3, pad=1), conv3=L.Convolution2D(4, 4, 3, pad=1))


class Tiny(chainer.Chain):
    """Takes digits, and has dropout; ``python -m nico2ai_cnn.train --model tests.nets:Tiny`` trains it.

    Args:
        dies_at (int): The training step at which the second of several processes is killed.
    """

    def __init__(self, dies_at=None, rng=None):
        super().__init__()
        self._dies_at, self._step = dies_at, 0
        with self.init_scope():
            self.fc = L.Linear(784, 10, initialW=chainer.initializers.LeCunNormal(rng=rng))

    def forward(self, x):
        self._step += chainer.config.train
        if self._step == self._dies_at and os.environ.get('PMI_RANK') == '1':
            os.kill(os.getpid(), signal.SIGKILL)
        return self.fc(F.dropout(x, 0.2))


class Dropping(chainer.Chain):
    """A perceptron with dropout, so that resuming must restore its masks too."""

    def __init__(self, seed=0):
        super().__init__()
        with self.init_scope():
            self.mlp = links.MLP(rng=np.random.default_rng(seed))

    def forward(self, x):
        return self.mlp(F.dropout(x, 0.3))


def weights(model):
    return np.concatenate([param.array.ravel() for param in model.params()])


def interrupt_after(model, n_step):
    """Returns the model with a forward that sends Ctrl-C during step n_step."""
    forward, calls = model.forward, []

    def counting(x):
        calls.append(1)
        if chainer.config.train and sum(calls) == n_step:
            signal.raise_signal(signal.SIGINT)
        return forward(x)

    model.forward = counting
    return model
