"""``inspection.record``."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import _device, inspection, links
from tests.nets import Net


def test_record(rng):
    lenet = links.LeNet(rng=rng)
    x = rng.random((5, 1, 28, 28), dtype=np.float32)
    with inspection.record(lenet) as activations:
        y = lenet(x)
    assert list(activations) == [row.name for row in inspection.summary(lenet, (1, 28, 28))]
    assert all(type(array) is np.ndarray for array in activations.values())
    conv1 = lenet.conv1(x)
    np.testing.assert_array_equal(activations['/conv1'], conv1.array)
    np.testing.assert_array_equal(activations['max_pooling_2d'], F.max_pooling_2d(F.relu(conv1), 2, 2).array)
    assert activations['/fc5'] is y.array
    F.sum(y).backward()     # recording leaves the graph alone
    assert lenet.conv1.W.grad is not None
    lenet(x)
    assert len(activations) == 11, 'only what is called inside counts'
    with pytest.raises(KeyError, match="there is no layer 'conv1'; there are: /conv1, relu"):
        activations['conv1']


def test_record_of_calls_again_and_of_others():
    lenet, other = links.LeNet(), links.LeNet()
    x = np.zeros((1, 1, 28, 28), 'f')
    with inspection.record(lenet) as activations:
        other(x)
        assert not activations
        lenet(x)
        lenet(np.ones_like(x))
    assert len(activations) == 22 and list(activations)[11:13] == ['/conv1_2', 'relu_5']
    assert not np.array_equal(activations['/conv1'], activations['/conv1_2'])
    with inspection.record(lenet) as activations:
        lenet.forward(x)
    with pytest.raises(KeyError, match=r'there are: none yet; call model\(x\) in the with block'):
        activations['/conv1']


def test_names_do_not_collide():
    model = Net(lambda net, x: net.a(net.a_2(net.a(x))), a=L.Linear(3, 3), a_2=L.Linear(3, 3))
    with inspection.record(model) as activations:
        model(np.zeros((1, 3), 'f'))
    assert list(activations) == ['/a', '/a_2', '/a_3']


def test_record_of_a_classifier_and_within_a_record(rng):
    model = L.Classifier(links.LeNet(rng=rng))
    x, t = rng.random((2, 1, 28, 28), dtype=np.float32), np.array([1, 2], 'i')
    with inspection.record(model) as outer, inspection.record(model.predictor) as inner:
        loss = model(x, t)
    loss.backward()
    assert list(outer) == list(inner) and outer['/fc5'].shape == (2, 10) and '/conv1' in outer
    assert inspection.summary(model, (1, 28, 28)).model_name == 'LeNet'


def test_sequential_chain_lists_and_functions_with_several_outputs():
    class Old(chainer.Function):
        def forward(self, inputs):
            return inputs[0] * 2,

    def forward(net, x):
        a, b = F.split_axis(net.stack(x), 2, axis=1)
        return Old()(a) * b
    stack = chainer.Sequential(L.Convolution2D(1, 2, 3), F.relu, L.Convolution2D(2, 2, 3), F.relu)
    model = Net(forward, stack=stack)
    with inspection.record(model) as activations:
        model(np.zeros((1, 1, 9, 9), 'f'))
    assert list(activations) == ['/stack/0', 'relu', '/stack/1', 'relu_2', 'split_axis', 'old', 'mul']
    assert [part.shape for part in activations['split_axis']] == [(1, 1, 5, 5)] * 2
    summary = inspection.summary(model, (1, 9, 9))
    assert [row.name for row in summary] == list(activations) and summary[-1].receptive_field == 5


@pytest.mark.gpu
@pytest.mark.skipif(_device.why_no_gpu() is not None, reason='needs a GPU')
def test_on_a_gpu():
    model = links.LeNet()
    model.to_device('@cupy:0')
    summary = inspection.summary(model, (1, 28, 28))
    assert summary.parameters == 61706 and summary.macs == 416520
    with inspection.record(model) as activations:
        model(model.device.send(np.zeros((1, 1, 28, 28), 'f')))
    assert isinstance(activations['/conv1'], model.xp.ndarray)


def test_record_after_an_error_within(rng):
    lenet = links.LeNet(rng=rng)
    model = Net(lambda net, x: net.lenet(x), lenet=lenet)
    with inspection.record(model) as activations:
        with pytest.raises(ValueError, match='x must have shape'):
            model(np.zeros((1, 1, 27, 27), 'f'))
        assert not activations
        model(np.zeros((1, 1, 28, 28), 'f'))
    assert len(activations) == 11
