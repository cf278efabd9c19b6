import numpy as np
from hypothesis import given, settings, strategies as st

from nico2ai_cnn.cpu.mirror import mirror


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[st.integers(1, 6)] * 2, *[st.integers(1, 40)] * 2), st.integers(0, 9), st.booleans())
def test_as_numpy_s_slices(shape, seed, transposed):
    rng = np.random.default_rng(seed)
    x = rng.random(shape, dtype='f')
    x = x.transpose(0, 1, 3, 2) if transposed else x
    before = x.copy()
    down, across = rng.random((2, len(x))) < 0.5
    y = mirror(x, down, across)
    for image, result, i, j in zip(x, y, down, across):
        np.testing.assert_array_equal(result, image[:, ::-1 if i else 1, ::-1 if j else 1])
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(x, y)
