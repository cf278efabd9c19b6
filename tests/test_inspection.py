"""Shapes, parameters and multiply-adds by hand; what a summary leaves alone."""

import copy
import tracemalloc

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from tests.nets import Net, residual


@pytest.fixture(scope='module')
def alexnet():
    return links.AlexNet(rng=np.random.default_rng(0))


def table(summary):
    return [(row.name, row.out_shape, row.parameters, row.macs, row.receptive_field, row.jump)
            for row in summary if row.parameters or row.ksize]


def test_lenet():
    summary = inspection.summary(links.LeNet(), (1, 28, 28))
    assert table(summary) == [
        ('/conv1', (6, 28, 28), 156, 6 * 28 * 28 * 25, 5, 1),
        ('max_pooling_2d', (6, 14, 14), 0, 0, 6, 2),
        ('/conv2', (16, 10, 10), 2416, 16 * 10 * 10 * 6 * 25, 14, 2),
        ('max_pooling_2d_2', (16, 5, 5), 0, 0, 16, 4),
        ('/fc3', (120,), 48120, 48000, 28, None),
        ('/fc4', (84,), 10164, 10080, 28, None),
        ('/fc5', (10,), 850, 840, 28, None)]
    assert [row.name for row in summary if row.kind == 'relu'] == ['relu', 'relu_2', 'relu_3', 'relu_4']
    conv1, pool = summary['/conv1'], summary['max_pooling_2d']
    assert (conv1.kind, conv1.in_shape, conv1.ksize, conv1.stride, conv1.pad, conv1.dilate, conv1.groups,
            conv1.start) == ('Convolution2D', (1, 28, 28), 5, 1, 2, 1, 1, -2)
    assert (pool.ksize, pool.stride, pool.pad, pool.groups) == (2, 2, 0, None)
    assert summary['relu'].ksize is None and summary['/fc3'].in_shape == (16, 5, 5)
    assert summary.parameters == 61706 and summary.macs == 416520 and summary.notes == []


def test_lenet5_and_mlp():
    summary = inspection.summary(links.LeNet5(), (1, 32, 32))
    assert [row[:4] for row in table(summary)] == [
        ('/c1', (6, 28, 28), 156, 117600), ('/s2', (6, 14, 14), 12, 0), ('/c3', (16, 10, 10), 1516, 240000),
        ('/s4', (16, 5, 5), 32, 0), ('/c5', (120, 1, 1), 48120, 48000), ('/f6', (84,), 10164, 10080)]
    assert summary.parameters == sum(row.parameters for row in summary) == 60000
    assert summary.macs == 415680 and summary['/c3'].in_shape == (6, 14, 14)
    assert [summary[name].ksize for name in ('/s2', '/c3')] == [2, 5]
    assert [summary[name].receptive_field for name in ('/s2', '/c3', '/s4', '/c5')] == [6, 14, 16, 32]
    padded = inspection.summary(links.LeNet5(), (1, 28, 28))
    assert (padded[0].name, padded[0].start, padded['/c1'].start) == ('pad', -2, -2)

    for shape in (1, 28, 28), (784,):
        summary = inspection.summary(links.MLP(), shape)
        assert [(row.name, row.parameters, row.macs) for row in summary if row.macs] == [
            ('/fc1', 235500, 235200), ('/fc2', 30100, 30000), ('/fc3', 1010, 1000)]
        assert summary['/fc1'].receptive_field == (28 if len(shape) == 3 else None)


def test_alexnet(alexnet):
    summary = inspection.summary(alexnet, (3, 227, 227))
    pool = [f'max_pooling_2d{n}' for n in ('', '_2', '_3')]
    assert table(summary) == [
        ('/conv1', (96, 55, 55), 34944, 105415200, 11, 4), (pool[0], (96, 27, 27), 0, 0, 19, 8),
        ('/conv2', (256, 27, 27), 307456, 223948800, 51, 8), (pool[1], (256, 13, 13), 0, 0, 67, 16),
        ('/conv3', (384, 13, 13), 885120, 149520384, 99, 16),
        ('/conv4', (384, 13, 13), 663936, 112140288, 131, 16),
        ('/conv5', (256, 13, 13), 442624, 74760192, 163, 16), (pool[2], (256, 6, 6), 0, 0, 195, 32),
        ('/fc6', (4096,), 37752832, 37748736, 227, None), ('/fc7', (4096,), 16781312, 16777216, 227, None),
        ('/fc8', (1000,), 4097000, 4096000, 227, None)]
    assert summary.parameters == alexnet.count_params() == 60965224
    assert [summary[f'/conv{i}'].groups for i in range(1, 6)] == [1, 2, 1, 2, 2]
    assert not any(row.kind == 'dropout' for row in summary)


def test_prints_as_a_table():
    text = str(inspection.summary(links.LeNet(), (1, 28, 28)))
    assert repr(inspection.summary(links.LeNet(), (1, 28, 28))) == text
    lines = text.split('\n')
    assert lines[0] == 'LeNet, input 1x28x28'
    assert lines[2].split() == ['layer', 'input', 'output', 'k', 's', 'p', 'parameters', 'MACs',
                                'field', 'jump']
    assert lines[4].split() == ['/conv1', '1x28x28', '6x28x28', '5', '1', '2', '156',
                                '117,600', '5', '1']
    assert lines[-1].split() == ['total', '61,706', '416,520']
    assert len({len(line) for line in lines if line.startswith('---')}) == 1
    dilated = Net(lambda net, x: net.conv(x),
                  conv=L.Convolution2D(2, 4, (3, 1), pad=(2, 0), dilate=2, groups=2))
    line = str(inspection.summary(dilated, (2, 8, 9))).split('\n')[4]
    assert line.split() == ['/conv', '2x8x9', '4x8x9', '3x1', '1', '2x0', '2', '2', '16',
                            '864', '5x1', '1']


def test_is_a_sequence():
    summary = inspection.summary(links.LeNet(), (1, 28, 28))
    assert len(summary) == 11 and summary[0] is summary['/conv1'] and summary[-1].name == '/fc5'
    assert [row.name for row in summary[:2]] == ['/conv1', 'relu']
    with pytest.raises(KeyError, match="there is no layer 'conv1'; there are: /conv1, relu, max_pooling_2d"):
        summary['conv1']


def test_one_dimensional_nets():
    model = Net(lambda net, x: F.max_pooling_1d(net.conv(x), 2), conv=L.Convolution1D(2, 4, 5, stride=2, pad=1))
    summary = inspection.summary(model, (2, 21))
    assert [(row.name, row.out_shape, row.receptive_field, row.jump, row.start, row.macs) for row in summary] == [
        ('/conv', (4, 10), 5, 2, -1, 400), ('max_pooling_1d', (4, 5), 7, 4, -1, 0)]


class Own(chainer.Chain):
    """Parameters of a Chain itself, used by functions and by way of other functions."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.W = chainer.Parameter(chainer.initializers.Normal(1), (4, 1, 3, 3))
            self.scale = chainer.Parameter(1, (4, 1, 1))
            self.fc = L.Linear(4 * 26 * 26, 2)
            self.unused = L.Linear(3, 3)

    def forward(self, x):
        h = F.convolution_2d(x, F.concat([self.W, 0 * self.W[:1]], axis=0)[:4])
        h = 2 * h + 1
        return F.linear(h * F.broadcast_to(self.scale, h.shape), self.fc.W, self.fc.b)


def test_parameters_without_a_link_add_up():
    model = Own()
    summary = inspection.summary(model, (1, 28, 28))
    assert [(row.name, row.parameters) for row in summary] == [
        ('convolution_2d', 36), ('mul', 4), ('reshape', 0), ('linear', 4 * 26 * 26 * 2 + 2)]
    assert summary['convolution_2d'].macs == 4 * 26 * 26 * 9 and summary['linear'].macs == 4 * 26 * 26 * 2
    assert summary.parameters == model.count_params()
    assert summary.notes == ['12 parameters are in the total, but no layer above uses them '
                             '(such as heads that are there for training)']
    with inspection.record(model) as activations:
        model(np.zeros((2, 1, 28, 28), 'f'))
    assert list(activations) == [row.name for row in summary]


def test_shared_layers_count_once():
    model = Net(lambda net, x: net.conv(F.relu(net.conv(x))), conv=L.Convolution2D(2, 2, 3, pad=1))
    summary = inspection.summary(model, (2, 8, 8))
    assert [(row.name, row.parameters, row.macs, row.receptive_field) for row in summary] == [
        ('/conv', 38, 2304, 3), ('relu', 0, 0, 3), ('/conv_2', 0, 2304, 5)]
    assert summary.parameters == model.count_params() == 38


def test_layers_that_the_model_does_not_own_are_told():
    model = Net(lambda net, x: net.fc(net.lost(x)), fc=L.Linear(6 * 6 * 2, 3))
    model.lost = L.Convolution2D(1, 2, 3)
    summary = inspection.summary(model, (1, 8, 8))
    assert [(row.name, row.parameters) for row in summary] == [('Convolution2D', 0), ('/fc', 219)]
    assert summary.parameters == model.count_params() and len(summary.notes) == 1
    assert 'Convolution2D is not part of the model, so its 20 parameters are not counted' in summary.notes[0]


def waiting():
    return Net(lambda net, x: net.fc6(F.relu(net.bn(net.conv(x)))), conv=L.Convolution2D(None, 4, 3),
               bn=L.BatchNormalization(4), fc6=L.Linear(None, 10), never=L.Linear(None, 3))


def test_layers_that_wait_for_their_size_keep_waiting_and_are_told():
    model = waiting()
    state = np.random.get_state()[1].copy()
    summary = inspection.summary(model, (1, 50, 50))
    assert [(row.name, row.parameters) for row in summary if row.parameters] == [
        ('/conv', 40), ('/bn', 8), ('/fc6', 92170)]
    assert summary.notes == [
        '/conv gets its shape, (4, 1, 3, 3), at the first call: L.Convolution2D(None, …)',
        '/fc6 gets its size, 9216, at the first call: L.Linear(None, …)',
        '/never was never called, so its weights have no size yet and count as 0',
        '3 parameters are in the total, but no layer above uses them '
        '(such as heads that are there for training)']
    assert str(summary).endswith('\n'.join(f'Note: {note}' for note in summary.notes))
    still = [name for name, param in model.namedparams() if param.array is None]
    assert still == ['/conv/W', '/fc6/W', '/never/W']
    np.testing.assert_array_equal(np.random.get_state()[1], state, 'no random numbers are drawn')
    model(np.zeros((1, 1, 20, 20), 'f'))
    assert model.fc6.W.shape == (10, 4 * 18 * 18), 'it takes the size of what it is called with'


def test_nothing_of_the_model_changes():
    model = residual()
    model.rng, model.calls, model.last = np.random.default_rng(3), [], None

    def forward(net, x):
        net.calls.append(x.shape)
        net.rng.random()
        net.bn.avg_mean += 1
        net.last = h = F.relu(net.bn(net.conv1(x)))
        return h
    model._forward = forward
    chainer.optimizers.Adam().setup(model)
    model.cleargrads()
    F.sum(model(np.ones((2, 2, 9, 9), 'f')) ** 2).backward()
    model.calls.clear()
    before = copy.deepcopy({name: (param.array, param.grad) for name, param in model.namedparams()})
    arrays = {name: param.array for name, param in model.namedparams()}
    bn = model.bn.avg_mean.copy(), model.bn.avg_var.copy(), int(model.bn.N)
    last, train = model.last, chainer.config.train
    state = model.rng.bit_generator.state
    inspection.summary(model, (2, 9, 9))
    for name, param in model.namedparams():
        assert param.array is arrays[name] and param.update_rule is not None
        np.testing.assert_array_equal(param.array, before[name][0])
        np.testing.assert_array_equal(param.grad, before[name][1])
    np.testing.assert_array_equal(model.bn.avg_mean, bn[0])
    np.testing.assert_array_equal(model.bn.avg_var, bn[1])
    assert int(model.bn.N) == bn[2] and model.calls == [] and model.last is last
    assert model.rng.bit_generator.state == state and chainer.config.train is train


def test_parameters_are_shared_not_copied(alexnet):
    tracemalloc.start()
    inspection.summary(alexnet, (3, 227, 227))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6, 'the parameters alone are 244 MB'
