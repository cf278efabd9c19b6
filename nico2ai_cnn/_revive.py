"""Chainer 7.8.1 on current Python, NumPy and CuPy: the only file that adapts it.

``import nico2ai_cnn`` runs :func:`revive`, after which ``import chainer`` works
anywhere in the process. NumPy itself is left as it was found: what Chainer
misses in it is handed to the two Chainer modules that ask.

Known and left as they are:

* ``chainer.links.caffe`` and ``chainer.exporters`` to Caffe do not import beside
  protobuf 4 or newer: their generated code is protobuf 3's.
* float16 softmax cross entropy may differ from Chainer's own expected values in
  the last digit, because NumPy 2 keeps float16 where NumPy 1 widened (NEP 50).
"""

import contextlib
import importlib.metadata
import importlib.util
import sys
import types
import warnings

import numpy

from nico2ai_cnn._pkg_resources import PkgResourcesLender

CHAINER_VERSION = '7.8.1'
INSTALL_COMMAND = ("pip install 'setuptools<81' wheel && "
                   f'pip install --no-build-isolation chainer=={CHAINER_VERSION}')
_ENVIRONMENT_CHECK = 'chainer._environment_check'


def revive():
    """Imports Chainer with the adaptations that it needs; harmless when repeated.

    Raises:
        ImportError: If Chainer is missing, is another version than 7.8.1, or
            was half imported before (its failed import left modules behind).
    """
    _check_not_half_imported()
    _check_version()
    # chainer.testing.helper and .doctest_helper import pkg_resources, gone from
    # setuptools 81: chainer.testing and chainer.gradient_check fail to import.
    if not any(isinstance(finder, PkgResourcesLender) for finder in sys.meta_path):
        sys.meta_path.insert(0, PkgResourcesLender())
    _replace_environment_check()
    with _lend_sctypes(), _keep_cupy_quiet():
        import chainer
    _expect_version(chainer.__version__)  # a source tree has no metadata to read before
    _adapt_numpy_users()
    _adapt_pad_sequence()
    _adapt_concat_examples()
    _adapt_categorical()
    _mend_softmax_cross_entropy()
    _mend_deconvolution()
    _mend_average_pooling()
    _adapt_mnist()


def _check_not_half_imported():
    chainer = sys.modules.get('chainer')
    leftovers = any(name.startswith('chainer.') and name != _ENVIRONMENT_CHECK
                    for name in sys.modules)
    if (chainer is None and leftovers) or (
            chainer is not None and not hasattr(chainer, '__version__')):
        raise ImportError(
            "Chainer is half imported: an earlier 'import chainer' failed; "
            "restart Python (the kernel) and import nico2ai_cnn first")


def _check_version():
    if importlib.util.find_spec('chainer') is None:
        raise ImportError(f'Chainer is not installed; install it with: {INSTALL_COMMAND}')
    try:
        _expect_version(importlib.metadata.version('chainer'))
    except importlib.metadata.PackageNotFoundError:
        pass


def _expect_version(version):
    if version != CHAINER_VERSION:
        raise ImportError(f'Chainer {version} is installed, this course needs '
                          f'{CHAINER_VERSION}; install it with: {INSTALL_COMMAND}')


def _replace_environment_check():
    # chainer/_environment_check.py imports numpy.distutils and pkg_resources, both
    # gone, only to warn about macOS's BLAS and CuPy's version: import chainer fails.
    if _ENVIRONMENT_CHECK not in sys.modules:
        stand_in = types.ModuleType(_ENVIRONMENT_CHECK, 'Stand-in: nothing is left to check.')
        stand_in.check = lambda: None
        sys.modules[_ENVIRONMENT_CHECK] = stand_in


@contextlib.contextmanager
def _lend_sctypes():
    # chainer/functions/array/as_strided.py reads numpy.sctypes, gone from NumPy 2,
    # while it is imported: import chainer fails.
    if hasattr(numpy, 'sctypes'):
        yield
        return
    numpy.sctypes = _SCTYPES
    try:
        yield
    finally:
        del numpy.sctypes


@contextlib.contextmanager
def _keep_cupy_quiet():
    # Chainer advises, while it is imported and never again, to reinstall CuPy with cuDNN: CuPy 14 has
    # none to install. And it looks for NCCL, which only several processes with GPUs need: where there
    # is none, CuPy from pip tells everybody to install it.
    with warnings.catch_warnings():
        for message in 'cuDNN is not enabled', r'\s*nccl library could not be loaded':
            warnings.filterwarnings('ignore', message, UserWarning)
        yield


_SCTYPES = {'int': [numpy.int8, numpy.int16, numpy.int32, numpy.int64],
            'float': [numpy.float16, numpy.float32, numpy.float64, numpy.longdouble]}


class _NumPyAsChainerKnewIt:
    """NumPy with ``sctypes`` and ``float`` again, for one module's or function's use."""

    sctypes = _SCTYPES
    float = float

    def __getattr__(self, name):
        return getattr(numpy, name)


def _adapt_numpy_users():
    # as_strided's backward reads numpy.sctypes again: AttributeError on NumPy 2.
    sys.modules['chainer.functions.array.as_strided'].np = _NumPyAsChainerKnewIt()
    # F.resize_images calls numpy.float, gone from NumPy 1.24: AttributeError. Only
    # this function gets the old name, for its module asks 'xp is numpy' elsewhere.
    module = sys.modules['chainer.functions.array.resize_images']
    module.compute_indices_and_weights = types.FunctionType(
        module.compute_indices_and_weights.__code__,
        {**vars(module), 'numpy': _NumPyAsChainerKnewIt()})


def _adapt_pad_sequence():
    # F.pad_sequence writes its padding, -1 say, into unsigned arrays; NumPy 2
    # raises OverflowError where NumPy 1 wrapped around (NEP 50).
    def forward(original, self, xs):
        self.padding = numpy.asarray(self.padding).astype(xs[0].dtype).item()
        return original(self, xs)

    _wrap(sys.modules['chainer.functions.array.pad_sequence'].PadSequence, 'forward', forward)


def _adapt_concat_examples():
    # concat_examples(padding=-1) fails in the same way.
    import chainer
    from chainer import backend

    def concat_padded(arrays, padding):
        shape = len(arrays), *numpy.max([array.shape for array in arrays], axis=0)
        padding = numpy.asarray(padding).astype(arrays[0].dtype)
        device = backend.get_device_from_array(arrays[0])
        with chainer.using_device(device):
            result = device.xp.full(shape, device.send(padding), arrays[0].dtype)
            for i, array in enumerate(arrays):
                result[(i, *map(slice, array.shape))] = array
        return result

    sys.modules['chainer.dataset.convert']._concat_arrays_with_padding = concat_padded


def _adapt_categorical():
    # It adds a list to what numpy.meshgrid returns, a tuple since NumPy 2: TypeError.
    def log_prob(self, x):
        places = numpy.meshgrid(*map(range, self.batch_shape), indexing='ij')
        return self.log_p[(*places, getattr(x, 'array', x).astype(numpy.int32))]

    sys.modules['chainer.distributions.categorical'].Categorical.log_prob = log_prob


def _mend_softmax_cross_entropy():
    # Where shapes or types do not fit, its check asks for the truth of an expression, and RuntimeError says that.
    from chainer.utils import type_check

    def check_type_forward(self, in_types):
        type_check._argname(in_types, ('x', 't'))
        x, t = in_types
        type_check.expect(x.dtype.kind == 'f')
        if type_check.eval(t.dtype.kind) == 'f':
            type_check.expect(x.shape == t.shape)
        else:
            type_check.expect(t.dtype.kind == 'i', t.ndim == x.ndim - 1, x.shape[0] == t.shape[0],
                              x.shape[2:] == t.shape[1:])

    node = sys.modules['chainer.functions.loss.softmax_cross_entropy'].SoftmaxCrossEntropy
    node.check_type_forward = check_type_forward


def _mend_deconvolution():
    # Its backward fails where only the weights' gradient is asked for: it passes arrays on in place of shapes.
    node = sys.modules['chainer.functions.connection.deconvolution_2d'].Deconvolution2DFunction
    _wrap(node, '_set_cover_all', lambda original, self, x, W: original(
        self, getattr(x, 'shape', x), getattr(W, 'shape', W)))


def _mend_average_pooling():
    # With pad_value=None its backward changes the gradient that it is given, which others read too.
    node = sys.modules['chainer.functions.pooling.average_pooling_nd'].AveragePoolingNDGrad
    for name in 'forward_cpu', 'forward_gpu':
        _wrap(node, name, lambda original, self, gys: original(self, tuple(gy.copy() for gy in gys)))


def _wrap(cls, name, method):
    original = getattr(cls, name)
    if hasattr(original, '_original'):
        return

    def wrapper(self, *args):
        return method(original, self, *args)

    wrapper._original = original
    setattr(cls, name, wrapper)


def _adapt_mnist():
    # chainer/datasets/mnist.py downloads from yann.lecun.com, which answers 403.
    mnist = sys.modules['chainer.datasets.mnist']

    def retrieve(part):
        from nico2ai_cnn import datasets
        return datasets.load_mnist_arrays(part)

    mnist._retrieve_mnist_training = lambda: retrieve('train')
    mnist._retrieve_mnist_test = lambda: retrieve('test')
