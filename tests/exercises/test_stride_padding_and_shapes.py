import math

import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import exercises
from nico2ai_cnn.exercises.stride_padding_and_shapes import STACKS


def stack(up=True, pad=2, plus=1, keep=True, only=None, swap=False, conv_up=False):
    """Shapes by a rule that is right, or wrong in one way."""
    def stack_shape(shape, layers):
        d, *size = shape
        for kind, channels, k, s, p in layers[:only]:
            over = s - 1 if (up if kind == 'pool' else conv_up) else 0
            size = [(n + pad * p - k + over) // s + plus for n in size]
            d = d if kind == 'pool' and keep else channels
            size = size[::-1] if swap else size
        return d, *size
    return stack_shape


def costs(weights=lambda d, o, k: d * o * k * k, bias=lambda o: o, units=None):
    def conv_costs(shape, out, k, s, p):
        d, h, w = shape
        h, w = ((n + 2 * p - k) // s + 1 for n in (h, w))
        return weights(d, out, k) + bias(out), d * out * k * k * (units(*shape) if units else h * w)
    return conv_costs


def with_macs(macs):
    def conv_costs(shape, out, k, s, p):
        d, h, w = shape
        h, w = ((n + 2 * p - k) // s + 1 for n in (h, w))
        return (d * k * k + 1) * out, macs(d, out, k, h * w)
    return conv_costs


def field(dilate=True, early=False, stride=True, gaps=1, start=1):
    def field_of_stack(layers):
        size, jump = start, 1
        for k, s, d in layers:
            if early:
                jump *= s
            size += (k - gaps) * (d if dilate else 1) * (jump if stride else 1)
            if not early:
                jump *= s
        return size
    return field_of_stack


WRONG = [
    (exercises.check_conv_costs, lambda shape, out, k, s, p: (
        shape[0] * k * k * out + out,
        shape[0] * k * k * out * ((shape[1] + 2 * p - k) / s + 1) * ((shape[2] + 2 * p - k) / s + 1)), 'divide with //'),
    (exercises.check_stack_shape, stack(up=False), 'F.max_pooling_2d rounds up'),
    (exercises.check_stack_shape, stack(conv_up=True), 'a convolution rounds down'),
    (exercises.check_stack_shape, stack(pad=1), 'on both sides'),
    (exercises.check_stack_shape, stack(pad=0), 'the padding is left out'),
    (exercises.check_stack_shape, stack(plus=0), 'one position too few'),
    (exercises.check_stack_shape, stack(keep=False), 'so their number stays'),
    (exercises.check_stack_shape, stack(only=1), 'after the first layer'),
    (exercises.check_stack_shape, stack(swap=True), 'are swapped'),
    (exercises.check_stack_shape, lambda shape, layers: shape, 'the shape of the input'),
    (exercises.check_stack_shape, lambda *args: stack()(*args)[1:], 'wanted three numbers, (D, H, W)'),
    (exercises.check_stack_shape, lambda *args: tuple(map(float, stack()(*args))), 'sizes are integers'),
    (exercises.check_stack_shape, lambda shape, layers: (16, 6, 6), 'wanted (16, 5, 5)'),
    (exercises.check_same_pad, lambda k, d: d * (k - 1), 'half of it on each side'),
    (exercises.check_same_pad, lambda k, d: (k - 1) // 2, 'spans d * (k - 1) + 1'),
    (exercises.check_same_pad, lambda k, d: d * k // 2, 'has k - 1 gaps'),
    (exercises.check_same_pad, lambda k, d: (d * k - 1) // 2, 'd wide each'),
    (exercises.check_same_pad, lambda k, d: d * (k - 1) / 2, 'Chainer wants an integer'),
    (exercises.check_same_pad, lambda k, d: -d * (k - 1) // 2, 'the sign'),
    (exercises.check_same_pad, lambda k, d: 0, 'wanted 1'),
    (exercises.check_conv_costs, costs(bias=lambda o: 0), 'each output map has a bias too'),
    (exercises.check_conv_costs, costs(bias=lambda o: 1), 'a bias of its own'),
    (exercises.check_conv_costs, costs(weights=lambda d, o, k: o * k * k), 'parameters of (3, 227, 227)'),
    (exercises.check_conv_costs, costs(units=lambda d, h, w: h * w), 'not the pixels of the input'),
    (exercises.check_conv_costs, with_macs(lambda d, o, k, n: d * o * k * k), 'applied at every one'),
    (exercises.check_conv_costs, with_macs(lambda d, o, k, n: (d * k * k + 1) * o * n), 'no multiplication'),
    (exercises.check_conv_costs, with_macs(lambda d, o, k, n: d * k * k * n), 'this is one filter'),
    (exercises.check_conv_costs, with_macs(lambda d, o, k, n: 1), 'wanted 117,600'),
    (exercises.check_conv_costs, lambda *args: costs()(*args)[::-1], 'exchanged'),
    (exercises.check_conv_costs, lambda *args: sum(costs()(*args)), 'wanted two numbers'),
    (exercises.check_field_of_stack, field(dilate=False), 'the dilation is left out'),
    (exercises.check_field_of_stack, field(early=True), 'first the field, then the jump'),
    (exercises.check_field_of_stack, field(stride=False), 'the strides are left out'),
    (exercises.check_field_of_stack, field(gaps=0), 'adds k - 1, not k'),
    (exercises.check_field_of_stack, field(start=0), 'start from 1'),
    (exercises.check_field_of_stack, lambda layers: math.prod(k for k, _, _ in layers), 'do not multiply'),
    (exercises.check_field_of_stack, lambda layers: math.prod(s for _, s, _ in layers), 'that is the jump'),
    (exercises.check_field_of_stack, lambda layers: 99, 'wanted 5')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out


def test_right_answers(capsys):
    exercises.check_stack_shape(stack())
    exercises.check_stack_shape(lambda *args: list(stack()(*args)))
    exercises.check_same_pad(lambda k, d: d * (k // 2))
    exercises.check_conv_costs(costs())
    exercises.check_field_of_stack(field())
    assert capsys.readouterr().out.count('✓') == 5


def test_the_stacks_are_chainers():
    for shape, layers in STACKS:
        x = np.zeros((1, *shape), 'f')
        for kind, channels, k, s, p in layers:
            x = (F.max_pooling_2d(x, k, s, p) if kind == 'pool' else
                 F.convolution_2d(x, np.zeros((channels, x.shape[1], k, k), 'f'), stride=s, pad=p))
        assert x.shape[1:] == stack()(shape, layers)
