import chainer
import chainer.functions as F
import chainer.links as L
import numpy
import pytest
from chainer import gradient_check
from hypothesis import given, strategies as st

from nico2ai_cnn.cpu import batch_normalization as bn
from tests.cpu.compare import assert_same, both_ways, float32_arrays, property_test

sizes = st.integers(1, 9)


@property_test
@given(st.data())
def test_linear_is_chainers(data):
    n, n_in, n_out = (data.draw(sizes) for _ in range(3))
    arrays = [data.draw(float32_arrays(s)) for s in ((n, n_in), (n_out, n_in), (n_out,))]
    arrays = arrays[:data.draw(st.integers(2, 3))]
    assert_same(*both_ways(F.linear, arrays))


@pytest.mark.parametrize('n, n_in, n_out', [(100, 800, 500), (1, 4096, 300), (300, 70, 1000)])
def test_large_linear_is_chainers(n, n_in, n_out):
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in ((n, n_in), (n_out, n_in), (n_out,))]
    assert_same(*both_ways(F.linear, arrays))


@property_test
@given(st.data())
def test_relu_is_chainers(data):
    shape = data.draw(st.lists(sizes, min_size=1, max_size=4))
    values = data.draw(st.sampled_from([None, [-1, -0., 0, 1, numpy.nan, numpy.inf, -numpy.inf]]))
    assert_same(*both_ways(F.relu, [data.draw(float32_arrays(shape, values))]))


@property_test
@given(st.data())
def test_dropout_is_chainers(data):
    x = data.draw(float32_arrays((data.draw(sizes), data.draw(sizes))))
    ratio = data.draw(st.floats(0, .9))
    assert_same(*both_ways(lambda x: F.dropout(x, ratio), [x]))


@property_test
@given(st.data())
def test_local_response_normalization_is_chainers(data):
    shape = (data.draw(sizes), data.draw(sizes), *data.draw(st.lists(sizes, max_size=2)))
    options = {'n': data.draw(st.integers(1, 7)), 'k': data.draw(st.floats(1, 3)),
               'alpha': data.draw(st.floats(1e-4, .1)),
               'beta': data.draw(st.sampled_from([.75, .5, 1.3]))}
    x = data.draw(float32_arrays(shape))
    assert_same(*both_ways(lambda x: F.local_response_normalization(x, **options), [x]))


def test_local_response_normalization_of_many_positions():
    x = numpy.random.RandomState(0).randn(3, 6, 40, 41).astype('f')
    assert_same(*both_ways(F.local_response_normalization, [x]))


@property_test
@given(st.data())
def test_batch_normalization_is_chainers(data):
    n_channel = data.draw(sizes)
    n = data.draw(st.integers(2, 9))
    shape = (n, n_channel, *data.draw(st.sampled_from([(), (3, 4), (5, 1)])))
    arrays = [data.draw(float32_arrays(s)) for s in (shape, (n_channel,), (n_channel,))]
    expected, actual = both_ways(F.batch_normalization, arrays)
    assert_same([expected[0], *expected[2:]], [actual[0], *actual[2:]], rtol=1e-4)
    # x's gradient is a difference of nearly equal numbers where n is small.
    scale = abs(arrays[1]).max() * abs(expected[1]).max() + abs(expected[3]).max()
    assert abs(expected[1] - actual[1]).max() <= 1e-4 * scale


@property_test
@given(st.data())
def test_fixed_batch_normalization_is_chainers(data):
    n_channel = data.draw(sizes)
    shape = (data.draw(sizes), n_channel, *data.draw(st.sampled_from([(), (3, 4), (5, 1), (2, 2, 2)])))
    arrays = [data.draw(float32_arrays(s)) for s in (shape, *[(n_channel,)] * 4)]
    arrays[4] = abs(arrays[4]) + numpy.float32(0.1)
    expected, actual = both_ways(F.fixed_batch_normalization, arrays)
    for want, got in zip(expected, actual):
        numpy.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * (1 + abs(want).max()))


def test_batch_normalization_over_other_axes_is_left_to_chainer():
    rng = numpy.random.RandomState(0)
    arrays = [rng.rand(*s).astype('f') + 1 for s in ((4, 3, 5), *[(3, 5)] * 4)]
    assert_same(*both_ways(lambda *v: F.fixed_batch_normalization(*v, axis=(0,)), arrays))


@pytest.mark.parametrize('shape', [(64, 4, 56, 56), (500, 3), (4, 2, 224, 224)])
def test_batch_normalization_of_large_or_equal_numbers(shape):
    rng = numpy.random.RandomState(0)
    axis = (0, *range(2, len(shape)))
    for x in numpy.full(shape, 1000.1, 'f'), (rng.randn(*shape) + 1e4).astype('f'):
        gamma, beta = numpy.ones(shape[1], 'f'), numpy.zeros(shape[1], 'f')
        y, mean, var, _ = bn.forward(x, gamma, beta, 1e-3)
        exact = x.astype('d')
        numpy.testing.assert_allclose(mean, exact.mean(axis=axis), rtol=1e-7)
        numpy.testing.assert_allclose(var, exact.var(axis=axis), rtol=1e-6, atol=1e-12)
        assert abs(y).max() < (1e-6 if x.max() == x.min() else 6)


def test_batch_normalization_keeps_its_running_averages():
    x = numpy.random.RandomState(0).randn(20, 3, 5, 5).astype('f') * 3 + 7
    averages = []
    for setting in ('never', 'auto'):
        link = L.BatchNormalization(3)
        with chainer.using_config('use_compiled_cpu', setting):
            for _ in range(3):
                link(x)
        averages.append([link.avg_mean, link.avg_var])
    assert_same(*averages)


@property_test
@given(st.data())
def test_local_convolution_is_chainers(data):
    n, n_in, n_out, out_h, out_w, kh, kw, sy, sx = (
        data.draw(st.integers(1, 3)) for _ in range(9))
    x_shape = n, n_in, (out_h - 1) * sy + kh, (out_w - 1) * sx + kw
    arrays = [data.draw(float32_arrays(s)) for s in
              (x_shape, (n_out, out_h, out_w, n_in, kh, kw), (n_out, out_h, out_w))]
    arrays = arrays[:data.draw(st.integers(2, 3))]
    assert_same(*both_ways(lambda *v: F.local_convolution_2d(*v, stride=(sy, sx)), arrays))


def test_large_local_convolution_is_chainers():
    rng = numpy.random.RandomState(0)
    arrays = [rng.randn(*s).astype('f') for s in
              ((5, 8, 21, 21), (16, 13, 13, 8, 9, 9), (16, 13, 13))]
    assert_same(*both_ways(F.local_convolution_2d, arrays))


@property_test
@given(st.data())
def test_softmax_cross_entropy_is_chainers(data):
    n, n_class = data.draw(sizes), data.draw(st.integers(2, 9))
    values = data.draw(st.sampled_from([None, [0, 1, 200, -200], [0, numpy.nan], [0, numpy.inf]]))
    x = data.draw(float32_arrays((n, n_class), values))
    t = numpy.array(data.draw(st.lists(st.integers(-1, n_class - 1), min_size=n, max_size=n)), 'i')
    options = {'normalize': data.draw(st.booleans()), 'cache_score': data.draw(st.booleans())}
    assert_same(*both_ways(lambda x: F.softmax_cross_entropy(x, t, **options), [x]))


def test_softmax_cross_entropy_with_options_is_left_to_chainer():
    rng = numpy.random.RandomState(0)
    x, t = rng.randn(6, 4).astype('f'), numpy.array([0, 1, 2, 3, 0, 1], 'i')
    for options in ({'reduce': 'no'}, {'class_weight': numpy.array([1, 2, 3, 4], 'f')},
                    {'ignore_label': 2}):
        assert_same(*both_ways(lambda x: F.softmax_cross_entropy(x, t, **options), [x]))
    with pytest.raises(IndexError):
        F.softmax_cross_entropy(x, t + 1)


@pytest.mark.parametrize('function, shape', [
    (F.relu, (3, 4)), (lambda x: F.linear(x, numpy.ones((2, 4), 'f')), (3, 4)),
    (F.local_response_normalization, (2, 5, 3, 3)),
    (lambda x: F.softmax_cross_entropy(x, numpy.array([0, 3, 1], 'i')), (3, 4))])
def test_gradient_check(function, shape):
    x = numpy.random.RandomState(0).uniform(.2, 1, shape).astype('f')
    gy = numpy.ones(function(x).shape, 'f')
    gradient_check.check_backward(function, x, gy, eps=1e-2, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize('options', [
    {}, {'alpha': .1, 'beta1': .5, 'eps': 1e-3}, {'eta': .3, 'weight_decay_rate': .1},
    {'amsgrad': True}, {'adabound': True}])
def test_adam_is_chainers(options):
    parameters = []
    for setting in ('never', 'auto'):
        rng = numpy.random.RandomState(0)
        link = L.Linear(400, 300, initialW=rng.randn(300, 400).astype('f'))
        optimizer = chainer.optimizers.Adam(**options).setup(link)
        optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(1e-3))
        with chainer.using_config('use_compiled_cpu', setting):
            for _ in range(4):
                for parameter in link.params():
                    parameter.grad = rng.randn(*parameter.shape).astype('f')
                optimizer.update()
        rule = link.W.update_rule
        parameters.append([link.W.array, link.b.array, rule.state['m'], rule.state['v']])
        assert rule.t == 4
    assert_same(*parameters)
