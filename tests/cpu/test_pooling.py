import chainer
import chainer.functions as F
import numpy
import pytest
from chainer import gradient_check
from chainer.utils.conv import get_conv_outsize
from hypothesis import assume, given, strategies as st

from tests.cpu.compare import assert_same, both_ways, float32_arrays, property_test

VALUES = {'random': None, 'ties': [0, 1], 'nan': [0, 1, numpy.nan],
          'inf': [-1, 0, numpy.inf, -numpy.inf], 'all -inf': [-numpy.inf]}


@st.composite
def poolings(draw, cover_all=True):
    """An array and keyword arguments of a pooling that Chainer accepts."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    ksize, stride = draw(pair), draw(pair)
    pad = draw(st.integers(0, ksize[0] - 1)), draw(st.integers(0, ksize[1] - 1))
    # Rows of 32 windows and more have a kernel of their own.
    size = draw(st.integers(1, 11)), draw(st.integers(1, 11) | st.integers(60, 140))
    if draw(st.booleans()):  # the case with a kernel of its own
        ksize, stride, pad = (2, 2), (2, 2), (0, 0)
    options = {'ksize': ksize, 'stride': stride, 'pad': pad}
    if cover_all:
        options['cover_all'] = draw(st.booleans())
    out_size = [get_conv_outsize(*a, cover_all=options.get('cover_all', False))
                for a in zip(size, ksize, stride, pad)]
    assume(min(out_size) > 0)
    values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 3)), *size
    return draw(float32_arrays(shape, values)), options


@property_test
@given(poolings())
def test_max_pooling_is_chainers(case):
    x, options = case
    assert_same(*both_ways(lambda x: F.max_pooling_2d(x, **options), [x]), rtol=1e-6)


@property_test
@given(poolings())
def test_maxima_stand_where_chainer_finds_them(case):
    x, options = case
    indexes = []
    for setting in ('never', 'auto'):
        with chainer.using_config('use_compiled_cpu', setting):
            indexes.append(F.max_pooling_2d(x, **options, return_indices=True)[1])
    numpy.testing.assert_array_equal(*indexes)


@property_test
@given(poolings(cover_all=False))
def test_average_pooling_is_chainers(case):
    x, options = case
    assert_same(*both_ways(lambda x: F.average_pooling_2d(x, **options), [x]))


@pytest.mark.parametrize('options', [{'ksize': 2}, {'ksize': 3, 'stride': 2, 'pad': 1}])
@pytest.mark.parametrize('pooling', [F.max_pooling_2d, F.average_pooling_2d])
def test_large_arrays_shared_by_threads(pooling, options):
    x = numpy.random.RandomState(0).randn(8, 16, 64, 64).astype('f')
    assert_same(*both_ways(lambda x: pooling(x, **options), [x]))


@pytest.mark.parametrize('pooling', [F.max_pooling_2d, F.average_pooling_2d])
def test_gradient_check_and_double_backward(pooling):
    x = numpy.random.RandomState(0).permutation(72).reshape(1, 2, 6, 6).astype('f')
    gy, ggx = numpy.ones((1, 2, 3, 3), 'f'), numpy.ones_like(x)
    gradient_check.check_backward(lambda x: pooling(x, 2), x, gy, eps=.1, atol=1e-3)
    gradient_check.check_double_backward(lambda x: pooling(x, 2) ** 2, x, gy, ggx,
                                         eps=.1, atol=1e-1, rtol=1e-2)


def test_indices_serve_upsampling():
    x = numpy.random.RandomState(0).randn(1, 1, 4, 4).astype('f')
    y, indexes = F.max_pooling_2d(x, 2, return_indices=True)
    restored = F.upsampling_2d(y, indexes, 2, outsize=(4, 4)).array
    assert (restored[restored != 0] == x[restored != 0]).all() and (restored != 0).sum() == 4


def test_switching_between_forward_and_backward():
    x = chainer.Variable(numpy.random.RandomState(0).randn(1, 1, 4, 4).astype('f'))
    grads = []
    for forward, backward in (('auto', 'never'), ('never', 'auto'), ('never', 'never')):
        with chainer.using_config('use_compiled_cpu', forward):
            y = F.max_pooling_2d(F.relu(x), 2)
        y.grad = y.array
        x.cleargrad()
        with chainer.using_config('use_compiled_cpu', backward):
            y.backward()
        grads.append(x.grad)
    assert_same([grads[2]] * 2, grads[:2])


@pytest.mark.parametrize('pooling', [F.max_pooling_2d, F.average_pooling_2d])
def test_a_window_larger_than_the_image_is_chainers_error(pooling):
    with pytest.raises(AssertionError, match='should be positive'):
        pooling(numpy.zeros((1, 1, 2, 8), 'f'), ksize=4, stride=1,
                **({'cover_all': False} if pooling is F.max_pooling_2d else {}))
