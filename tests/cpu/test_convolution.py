from unittest import mock

import chainer
import chainer.functions as F
import numpy
import pytest
from chainer import gradient_check
from chainer.utils.conv import get_conv_outsize, get_deconv_outsize
from hypothesis import assume, given, strategies as st

from nico2ai_cnn.cpu import convolution, pool, side_by_side
from tests.cpu.compare import assert_same, both_ways, float32_arrays, property_test


@st.composite
def convolutions(draw, transposed=False):
    """Arrays and keyword arguments of a convolution that Chainer accepts."""
    small = st.integers(1, 3)
    groups = draw(small)
    in_channels, out_channels = groups * draw(small), groups * draw(small)
    ksize, stride, dilate = ((draw(small), draw(small)) for _ in range(3))
    pad = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    size = draw(st.integers(1, 11)), draw(st.integers(1, 11))
    options = {'stride': stride, 'pad': pad, 'dilate': dilate, 'groups': groups}
    if transposed:
        out_size = [get_deconv_outsize(*a, d=d)
                    for *a, d in zip(size, ksize, stride, pad, dilate)]
        W_shape = in_channels, out_channels // groups, *ksize
    else:
        options['cover_all'] = draw(st.booleans())
        out_size = [get_conv_outsize(*a, cover_all=options['cover_all'], d=d)
                    for *a, d in zip(size, ksize, stride, pad, dilate)]
        W_shape = out_channels, in_channels // groups, *ksize
    assume(min(out_size) > 0)
    arrays = [draw(float32_arrays((draw(st.integers(1, 5)), in_channels, *size))),
              draw(float32_arrays(W_shape))]
    if draw(st.booleans()):
        arrays.append(draw(float32_arrays((out_channels,))))
    return arrays, options


@property_test
@given(convolutions())
def test_convolution_is_chainers(case):
    arrays, options = case
    assert_same(*both_ways(lambda *v: F.convolution_2d(*v, **options), arrays))


@property_test
@given(convolutions(transposed=True))
def test_deconvolution_is_chainers(case):
    arrays, options = case
    assert_same(*both_ways(lambda *v: F.deconvolution_2d(*v, **options), arrays))


@pytest.mark.parametrize('shape, W_shape, options', [
    ((2, 3, 70, 70), (4, 3, 3, 3), {'pad': 1}),              # several tiles of rows
    ((2, 300, 30, 31), (8, 300, 3, 3), {}),                  # several blocks of channels
    ((1, 130, 40, 40), (70, 130, 5, 5), {'stride': 2}),      # one image, shared by channels
    ((3, 64, 20, 20), (64, 8, 3, 3), {'groups': 8, 'pad': 1}),
    ((2, 3, 67, 67), (96, 3, 11, 11), {'stride': 4}),        # AlexNet's first layer, smaller
    ((2, 5, 9, 9), (7, 5, 1, 1), {}),
    ((3, 6, 9, 8), (8, 3, 1, 1), {'groups': 2}),
    ((1, 40, 14, 14), (31, 40, 3, 3), {'pad': 1}),           # one image, shared by filters
    ((1, 40, 14, 14), (30, 20, 1, 1), {'groups': 2}), ((1, 64, 28, 28), (33, 64, 1, 1), {}),
    ((1, 16, 20, 20), (16, 16, 1, 1), {'stride': 2}), ((1, 16, 20, 20), (16, 16, 1, 1), {'pad': 1}),
    ((1, 8, 6, 6), (1, 8, 1, 1), {}),
])
def test_convolution_of_large_arrays_is_chainers(shape, W_shape, options):
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in (shape, W_shape, W_shape[:1])]
    assert_same(*both_ways(lambda *v: F.convolution_2d(*v, **options), arrays))


@st.composite
def many_channels(draw):
    """The same for images that lie side by side."""
    ksize, stride = ((draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2))
    pad = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    options = {'stride': stride, 'pad': pad, 'cover_all': draw(st.booleans())}
    size = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    out_size = [get_conv_outsize(*a, cover_all=options['cover_all'])
                for a in zip(size, ksize, stride, pad)]
    places = max(out_size[0] * out_size[1], size[0] * size[1])
    assume(min(out_size) > 0 and places <= 196 and (ksize, stride, pad) != ((1, 1), (1, 1), (0, 0)))
    n = pool.n_threads() + draw(st.sampled_from([0, 1, 17, 68]))
    channels = draw(st.sampled_from([(8, 16), (16, 8), (12, 11)]))
    rng = numpy.random.RandomState(draw(st.integers(0, 99)))
    shapes = (n, channels[0], *size), (channels[1], channels[0], *ksize), channels[1:]
    return [rng.randn(*s).astype('f') for s in shapes], options


@property_test
@given(many_channels())
def test_convolution_side_by_side_is_chainers(case):
    arrays, options = case
    with mock.patch.object(side_by_side, 'forward', wraps=side_by_side.forward) as forward, \
            mock.patch.object(side_by_side, 'backward', wraps=side_by_side.backward) as backward:
        assert_same(*both_ways(lambda *v: F.convolution_2d(*v, **options), arrays))
    assert forward.call_count == backward.call_count == 1


@pytest.mark.parametrize('shape, W_shape, options, suits', [
    ((40, 16, 32, 32), (16, 16, 5, 5), {'pad': 2}, True), ((3, 256, 13, 13), (128, 256, 3, 3), {'stride': 2}, True),
    ((8, 16, 7, 7), (16, 16, 1, 1), {'stride': 2}, True), ((8, 8, 14, 14), (16, 8, 3, 3), {}, True),
    ((8, 16, 33, 32), (16, 16, 3, 3), {}, False), ((8, 16, 4, 4), (16, 16, 1, 1), {}, False),
    ((8, 7, 9, 9), (40, 7, 3, 3), {}, False), ((8, 8, 9, 9), (8, 8, 3, 3), {}, False),
    ((8, 12, 15, 14), (40, 12, 3, 3), {}, False), ((1, 16, 9, 9), (16, 16, 3, 3), {}, False),
    ((8, 16, 9, 9), (16, 16, 3, 3), {'dilate': 2}, False), ((8, 32, 9, 9), (32, 16, 3, 3), {'groups': 2}, False),
    ((2, 256, 8, 8), (256, 256, 3, 3), {}, False)])
def test_what_suits_side_by_side(shape, W_shape, options, suits, monkeypatch):
    monkeypatch.setattr(pool, 'n_threads', lambda: 2)
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in (shape, W_shape)]
    with mock.patch.object(side_by_side, 'forward', wraps=side_by_side.forward) as forward:
        assert_same(*both_ways(lambda *v: F.convolution_2d(*v, **options), arrays))
    assert forward.call_count == suits


@pytest.mark.parametrize('value', [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.parametrize('where', [0, 1, 2])
@pytest.mark.parametrize('shapes', [((2, 2, 6, 6), (3, 2, 3, 3), (3,)), ((70, 12, 6, 6), (12, 12, 3, 3), (12,))])
def test_nan_and_inf_pass_as_in_chainer(value, where, shapes):
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in shapes]
    for position in len(arrays[where].flat) // 2, -1:       # the last of W meets the padding
        arrays[where].flat[position] = value
        assert_same(*both_ways(lambda *v: F.convolution_2d(*v, pad=1), arrays))


@pytest.mark.parametrize('value', [numpy.nan, numpy.inf])
def test_nan_and_inf_in_the_gradient_pass_as_in_chainer(value):
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in ((70, 12, 6, 6), (12, 12, 3, 3), (12,))]
    factor = numpy.ones((70, 12, 6, 6), 'f')
    factor[3, 2, 0, 0] = value      # at the border, where it meets the padding
    assert_same(*both_ways(lambda *v: F.convolution_2d(*v, pad=1) * factor, arrays))


def test_many_equal_gradients_are_summed_up_well():
    x, W, b = (chainer.Variable(numpy.ones(s, 'f')) for s in ((1000, 16, 20, 20), (16, 16, 3, 3), (16,)))
    with mock.patch.object(side_by_side, 'backward', wraps=side_by_side.backward) as backward:
        y = F.convolution_2d(x, W, b)
        y.grad = numpy.full(y.shape, .1, 'f')
        y.backward()
    assert backward.call_count == 1
    numpy.testing.assert_allclose(b.grad, .1 * 1000 * 18 * 18, rtol=1e-6)


@pytest.mark.parametrize('required', [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1)])
def test_only_the_gradients_asked_for(required):
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in ((2, 2, 6, 6), (3, 2, 3, 3), (3,))]
    grads = []
    for setting in ('never', 'auto'):
        with chainer.using_config('use_compiled_cpu', setting):
            inputs = [chainer.Variable(a, requires_grad=i in required)
                      for i, a in enumerate(arrays)]
            F.sum(F.convolution_2d(*inputs) ** 2).backward()
        grads.append([v.grad for i, v in enumerate(inputs) if i in required])
        assert all(v.grad is None for i, v in enumerate(inputs) if i not in required)
    assert_same(*grads)


@pytest.mark.parametrize('function', [F.convolution_2d, F.deconvolution_2d])
def test_gradient_check_and_double_backward(function):
    rng = numpy.random.RandomState(0)
    x, W, b = (rng.uniform(-1, 1, s).astype('f') for s in ((2, 4, 5, 5), (4, 2, 3, 3), (4,)))
    options = {'stride': 2, 'pad': 1, 'groups': 2}
    y = function(x, W, b, **options)
    gy = rng.uniform(-1, 1, y.shape).astype('f')
    tolerance = {'atol': 5e-3, 'rtol': 5e-3, 'eps': 1e-2}
    gradient_check.check_backward(lambda *v: function(*v, **options), (x, W, b), gy, **tolerance)
    gradient_check.check_double_backward(
        lambda *v: function(*v, **options), (x, W, b), gy,
        [rng.uniform(-1, 1, a.shape).astype('f') for a in (x, W, b)], **tolerance)


def test_double_backward_is_chainers():
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in ((2, 2, 7, 7), (3, 2, 3, 3))]

    def gradient_norm(x, W):
        y = F.max_pooling_2d(F.relu(F.convolution_2d(x, W)), 2)
        gx, = chainer.grad([F.sum(y ** 2)], [x], enable_double_backprop=True)
        return F.sum(gx ** 2)

    assert_same(*both_ways(gradient_norm, arrays))


def test_float64_and_empty_batches_are_left_to_chainer(monkeypatch):
    for name in ('forward', 'grad_x', 'grad_W', 'backward'):
        monkeypatch.setattr(convolution, name, None)
    rng = numpy.random.RandomState(0)
    x, W = chainer.Variable(rng.randn(2, 2, 5, 5)), rng.randn(3, 2, 3, 3)
    y = F.convolution_2d(x, W)
    y.grad = y.array
    y.backward()
    assert x.grad.dtype == numpy.float64
    assert F.convolution_2d(numpy.zeros((0, 2, 5, 5), 'f'), W.astype('f')).shape == (0, 3, 3, 3)


@pytest.mark.parametrize('function, shapes', [
    (F.convolution_2d, [(1, 2, 5, 5), (3, 4, 3, 3)]),
    (F.convolution_2d, [(1, 2, 5, 5), (3, 2, 3, 3), (2,)]),
    (F.deconvolution_2d, [(1, 2, 5, 5), (3, 2, 3, 3)]),
    (F.local_convolution_2d, [(1, 2, 5, 5), (3, 4, 4, 2, 3, 3)]),
    (F.local_convolution_2d, [(1, 2, 5, 5), (3, 3, 3, 1, 3, 3)]),
    (F.linear, [(2, 3), (4, 5)]), (F.linear, [(2, 3), (4, 3), (3,)])])
def test_what_does_not_fit_never_reaches_a_kernel(function, shapes):
    arrays = [numpy.zeros(shape, 'f') for shape in shapes]
    with chainer.using_config('type_check', False), pytest.raises((ValueError, RuntimeError)):
        function(*arrays)


def test_groups_must_divide_the_output_channels():
    x, W = numpy.zeros((1, 4, 5, 5), 'f'), numpy.zeros((3, 2, 3, 3), 'f')
    with pytest.raises(ValueError):
        F.convolution_2d(x, W, groups=2)


def test_errors_stay_chainers():
    x, W = numpy.zeros((1, 2, 5, 5), 'f'), numpy.zeros((3, 4, 3, 3), 'f')
    with pytest.raises(chainer.utils.type_check.InvalidType):
        F.convolution_2d(x, W)
    with pytest.raises(AssertionError, match='Height in the output should be positive'):
        F.convolution_2d(x, numpy.zeros((3, 2, 7, 3), 'f'))
