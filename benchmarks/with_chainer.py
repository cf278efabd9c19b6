"""Chainer's side of the benchmark: stock, or with the course's kernels.

Which of the two is decided by the environment variable CHAINER_USE_COMPILED_CPU.
"""

import time

import nico2ai_cnn
import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer.dataset import concat_examples

from benchmarks import recipe
from nico2ai_cnn import datasets, gpu, links, training


class WideLeNet(chainer.Chain):
    """LeNet with 20 and 50 maps and 500 units, as Caffe's example has it: 431,080 parameters."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.conv1 = L.Convolution2D(1, 20, 5)
            self.conv2 = L.Convolution2D(20, 50, 5)
            self.fc3 = L.Linear(800, 500)
            self.fc4 = L.Linear(500, 10)

    def forward(self, x):
        h = F.max_pooling_2d(F.relu(self.conv1(x)), 2)
        h = F.max_pooling_2d(F.relu(self.conv2(h)), 2)
        return self.fc4(F.relu(self.fc3(h)))


def describe():
    kernels = 'with its kernels' if nico2ai_cnn.cpu.is_used() else 'stock'
    return f'Chainer {chainer.__version__}, {kernels}, NumPy {np.__version__}'


def network_step(name, batch_size, device='cpu'):
    """Returns a training step: forward, backward, Adam."""
    device = training.choose_device(device)
    network = {'wide': WideLeNet, 'small': links.LeNet,
               'resnet': lambda: links.ResNet(20, 10, 1, small=True)}[name]()
    network.to_device(device)
    optimizer = chainer.optimizers.Adam().setup(network)
    rng = np.random.RandomState(0)
    x = rng.rand(batch_size, 1, 28, 28).astype('f')
    t = rng.randint(0, 10, batch_size).astype('i')
    x, t = device.send((x, t))

    loss_of = gpu.RecordedStep(lambda x, t: F.softmax_cross_entropy(network(x), t), network)

    def step():
        loss = loss_of(x, t)
        network.cleargrads()
        loss.backward()
        optimizer.update()
        _wait(device)
    return step


def _wait(device):
    if device.xp is not np:
        device.xp.cuda.Stream.null.synchronize()


def configure(**settings):
    """Sets ``chainer.config``, in this process."""
    for name, value in settings.items():
        setattr(chainer.global_config, name, value)


def layer_step(in_channels, out_channels, size, ksize, stride, pad, groups, batch_size, device='cpu'):
    """Returns forward and backward of one convolution; a first layer needs no gradient of x."""
    device = training.choose_device(device)
    rng = np.random.RandomState(0)
    x = chainer.Variable(device.send(rng.rand(batch_size, in_channels, size, size).astype('f')),
                         requires_grad=in_channels != 3)
    layer = L.Convolution2D(in_channels, out_channels, ksize, stride, pad, groups=groups)
    layer.to_device(device)
    out_size = (size + 2 * pad - ksize) // stride + 1
    gy = device.xp.ones((batch_size, out_channels, out_size, out_size), 'f')

    def step():
        x.cleargrad()
        layer.cleargrads()
        y = layer(x)
        y.grad = gy
        y.backward()
        _wait(device)
    return step


def forward_pass(name, size):
    """Returns the forward pass of a network of the paper's size, on one image, in test mode."""
    network = getattr(links, name)(rng=np.random.default_rng(0))
    x = np.random.RandomState(0).rand(1, 3, size, size).astype('f')

    def step():
        with chainer.using_config('train', False), chainer.no_backprop_mode():
            network(x)
    return step


def train_to_99(seed, device='cpu'):
    """Trains by the recipe; returns the seconds of training and the test accuracy."""
    device = training.choose_device(device)
    train, test = datasets.get_mnist(ndim=3)
    x, t = concat_examples(train)
    x, t = device.send((x, t.astype('i')))
    network = links.LeNet(rng=np.random.default_rng(seed))
    network.to_device(device)
    optimizer = chainer.optimizers.Adam(beta2=recipe.BETA2).setup(network)
    loss_of = gpu.RecordedStep(lambda x, t: F.softmax_cross_entropy(network(x), t), network)
    start = time.perf_counter()
    for indexes, alpha in recipe.steps(seed, len(x)):
        optimizer.alpha = alpha
        indexes = device.xp.asarray(indexes)
        loss = loss_of(x[indexes], t[indexes])
        network.cleargrads()
        loss.backward()
        optimizer.update()
    _wait(device)
    seconds = time.perf_counter() - start
    return seconds, training.evaluate(network, test)['accuracy']
