"""Runs a function of Chainer with its own CPU path and with the kernels."""

import chainer
import numpy
from hypothesis import HealthCheck, settings, strategies as st

# The first example compiles, and CI machines are shared: no deadline.
property_test = settings(deadline=None, max_examples=60,
                         suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def both_ways(function, arrays, seed=0):
    """Returns outputs and gradients by Chainer, and by the kernels.

    Args:
        function: Takes Variables, one per array, and returns one.
        arrays: float32, whose memory layout is kept.
    """
    results = []
    for setting in ('never', 'auto'):
        numpy.random.seed(seed)  # dropout draws from the global generator
        with chainer.using_config('use_compiled_cpu', setting):
            variables = [chainer.Variable(array) for array in arrays]
            y = function(*variables)
            y.grad = numpy.asarray(numpy.random.RandomState(1).randn(*y.shape), 'f')
            y.backward()
        results.append([y.array, *(variable.grad for variable in variables)])
    return results


def assert_same(expected, actual, rtol=1e-5):
    """Asserts equality to float32 rounding, relative to the largest number of an array."""
    for i, (a, b) in enumerate(zip(expected, actual, strict=True)):
        assert a.shape == b.shape and a.dtype == b.dtype, i
        numpy.testing.assert_array_equal(numpy.isfinite(a), numpy.isfinite(b))
        finite = numpy.isfinite(a)
        numpy.testing.assert_array_equal(a[~finite], b[~finite])
        if finite.any():
            scale = max(abs(a[finite]).max(), .1)   # terms of about 1 may cancel each other
            assert abs(a[finite] - b[finite]).max() <= rtol * scale, i


@st.composite
def float32_arrays(draw, shape, values=None):
    """Random numbers of a shape, in one of several memory layouts."""
    rng = numpy.random.RandomState(draw(st.integers(0, 2 ** 16)))
    array = rng.randn(*shape) if values is None else rng.choice(values, shape)
    array = array.astype('f')
    layout = draw(st.sampled_from(['C', 'F', 'reversed', 'strided', 'read-only']))
    if layout == 'F':
        array = numpy.asfortranarray(array)
    elif layout == 'reversed':
        array = array[..., ::-1]
    elif layout == 'strided':
        array = numpy.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == 'read-only':
        array.setflags(write=False)
    return array
