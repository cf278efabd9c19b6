import signal

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest

import nico2ai_cnn  # (revives Chainer before a test imports it)

nico2ai_cnn.cpu.compile_kernels()  # here, so that no notebook shows that it happens

matplotlib.use('Agg')


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close('all')


@pytest.fixture(scope='session')
def digits():
    """Small train and test sets of real digits, as (x, t) arrays."""
    from chainer.dataset import concat_examples
    from nico2ai_cnn import datasets
    train, test = datasets.get_mnist(ndim=3)
    return concat_examples(train[:600]), concat_examples(test[:200])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def python_handles_ctrl_c():
    """A job in the background starts with Ctrl-C ignored; tests of it need it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
