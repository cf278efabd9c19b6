import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import exercises


def layer(W, b, **kwargs):
    out_channels, in_channels, *ksize = W.shape
    return L.Convolution2D(in_channels, out_channels, ksize, initialW=W, initial_bias=b, **kwargs)


def separate(x, kernel):
    n, d, height, width = x.shape
    return F.convolution_2d(F.reshape(x, (n * d, 1, height, width)), kernel[None, None])


def replace_parameter(W, b):
    answer = layer(W, b)
    answer.W = W
    return answer


def back(x, y):
    return F.reshape(y, (*x.shape[:2], *y.shape[2:]))


def shape(x, W):
    return x[0], W[0], x[2] - W[2] + 1, x[3] - W[3] + 1


WRONG = [
    (exercises.check_filter_each_map, lambda x, kernel: F.convolution_2d(x, kernel[None, None]),
     'First reshape x to (N · D, 1, H, W)'),
    (exercises.check_output_shape, lambda x, W: (x[0], W[0], x[2] - W[2], x[3] - W[3]),
     'one position too few'),
    (exercises.check_output_shape, lambda x, W: (x[0], W[0], x[2], x[3]), 'must stay inside'),
    (exercises.check_output_shape, lambda x, W: (x[0], x[1], *shape(x, W)[2:]), 'How many filters are'),
    (exercises.check_output_shape, lambda x, W: (W[0], *shape(x, W)[1:]), 'with N images'),
    (exercises.check_output_shape, lambda x, W: shape(x, (*W[:2], W[3], W[2])), 'are swapped'),
    (exercises.check_output_shape, lambda x, W: shape(x, (*W[:2], W[2], W[2])), 'need not be square'),
    (exercises.check_output_shape, lambda x, W: shape(x, W)[2:], 'wanted four numbers'),
    (exercises.check_output_shape, lambda x, W: (x[0], W[0], shape(x, W)[2:]), 'wanted four numbers'),
    (exercises.check_output_shape, lambda x, W: (1, 1, 8, 8), 'wanted (5, 8, 28, 20)'),
    (exercises.check_make_layer, lambda W, b: layer(W, None), "the biases are 0; wanted b's"),
    (exercises.check_make_layer, lambda W, b: layer(W, b, nobias=True), 'leave nobias out'),
    (exercises.check_make_layer, lambda W, b: layer(W[:, :, ::-1, ::-1], b), 'turned by 180 degrees'),
    (exercises.check_make_layer, lambda W, b: layer(W, b, pad=1), 'stride 1, no pad'),
    (exercises.check_make_layer, lambda W, b: L.Convolution2D(W.shape[0], W.shape[1], W.shape[2:]),
     'the second in_channels'),
    (exercises.check_make_layer,
     lambda W, b: L.Convolution2D(W.shape[1], W.shape[0], W.shape[2:], initial_bias=b),
     "the layer's weights are not W"),
    (exercises.check_make_layer, lambda W, b: L.Convolution2D(*W.shape[:3], initialW=W, initial_bias=b),
     'first axis is out_channels'),
    (exercises.check_make_layer,
     lambda W, b: L.Convolution2D(W.shape[1], W.shape[0], 3, initialW=W, initial_bias=b), 'the last two are ksize'),
    (exercises.check_make_layer, lambda W, b: W.reshape(7), 'raised ValueError'),
    (exercises.check_make_layer, replace_parameter, 'layer.W is no longer a parameter'),
    (exercises.check_make_layer, lambda W, b: F.convolution_2d(np.ones((2, 3, 8, 9), np.float32), W, b),
     'wanted an L.Convolution2D'),
    (exercises.check_filter_each_map,
     lambda x, kernel: F.convolution_2d(x, np.stack([kernel] * x.shape[1])[None]), 'that is one 3-D filter'),
    (exercises.check_filter_each_map,
     lambda x, kernel: F.convolution_2d(x, np.stack([np.stack([kernel] * x.shape[1])] * x.shape[1])),
     'every map is the sum over the channels'),
    (exercises.check_filter_each_map,
     lambda x, kernel: F.reshape(separate(x, kernel), (*x.shape[:2], x.shape[2] - 2, x.shape[3] - 2)),
     'raised InvalidType'),
    (exercises.check_filter_each_map, separate, 'reshape them back to (2, 3, 4, 5)'),
    (exercises.check_filter_each_map,
     lambda x, kernel: back(x, separate(x, kernel)).transpose(1, 0, 2, 3), 'batch and channels are swapped'),
    (exercises.check_filter_each_map,
     lambda x, kernel: back(x, separate(x, kernel)).array, 'it returns an array'),
    (exercises.check_filter_each_map,
     lambda x, kernel: back(x, separate(chainer.Variable(x.array), kernel)), 'no gradient reaches x')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out
