"""Chainer 7.8.1 on current Python, NumPy and CuPy: the only file that adapts it.

``import nico2ai_cnn`` runs :func:`revive`, after which ``import chainer`` works
anywhere in the process. NumPy itself is left as it was found: what Chainer
misses in it is handed to the two Chainer modules that ask.

Known and left as they are:

* ``chainer.links.caffe`` and ``chainer.exporters`` to Caffe do not import beside
  protobuf 4 or newer: their generated code is protobuf 3's.
* ``Deconvolution2D(..., requires_x_grad=False)`` fails, on old NumPy as well.
* float16 softmax cross entropy may differ from Chainer's own expected values in
  the last digit, because NumPy 2 keeps float16 where NumPy 1 widened (NEP 50).
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import types
import warnings

import numpy

CHAINER_VERSION = '7.8.1'
INSTALL_COMMAND = ("pip install 'setuptools<81' wheel && "
                   f'pip install --no-build-isolation chainer=={CHAINER_VERSION}')
_ENVIRONMENT_CHECK = 'chainer._environment_check'
_NEEDS_PKG_RESOURCES = ('chainer.testing.helper', 'chainer.testing.doctest_helper')


def revive():
    """Imports Chainer with the adaptations that it needs; harmless when repeated.

    Raises:
        ImportError: If Chainer is missing, is another version than 7.8.1, or
            was half imported before (its failed import left modules behind).
    """
    _check_not_half_imported()
    _check_version()
    if not any(isinstance(finder, _PkgResourcesLender) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PkgResourcesLender())
    _replace_environment_check()
    with _lend_sctypes(), _keep_cupy_quiet():
        import chainer
    _expect_version(chainer.__version__)  # a source tree has no metadata to read before
    _adapt_numpy_users()
    _adapt_pad_sequence()
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
    node = sys.modules['chainer.functions.array.pad_sequence'].PadSequence
    if hasattr(node.forward, '_original'):
        return
    original = node.forward

    def forward(self, xs):
        self.padding = numpy.asarray(self.padding).astype(xs[0].dtype).item()
        return original(self, xs)

    forward._original = original
    node.forward = forward


def _adapt_mnist():
    # chainer/datasets/mnist.py downloads from yann.lecun.com, which answers 403.
    mnist = sys.modules['chainer.datasets.mnist']

    def retrieve(part):
        from nico2ai_cnn import datasets
        return datasets.load_mnist_arrays(part)

    mnist._retrieve_mnist_training = lambda: retrieve('train')
    mnist._retrieve_mnist_test = lambda: retrieve('test')


class _PkgResourcesLender(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    # chainer.testing.helper and .doctest_helper import pkg_resources, gone from
    # setuptools 81: chainer.testing and chainer.gradient_check fail to import.

    def __init__(self):
        self._loaders = {}

    def find_spec(self, fullname, path, target=None):
        if fullname not in _NEEDS_PKG_RESOURCES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        self._loaders[fullname] = spec.loader
        spec.loader = self
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        before = sys.modules.get('pkg_resources')
        sys.modules['pkg_resources'] = _PkgResources('pkg_resources')
        try:
            self._loaders[module.__name__].exec_module(module)
        finally:
            if before is None:
                del sys.modules['pkg_resources']
            else:
                sys.modules['pkg_resources'] = before


class _PkgResources(types.ModuleType):
    """The two names that ``chainer.testing`` takes from pkg_resources."""

    class ResolutionError(Exception):
        pass

    class WorkingSet:
        def require(self, *requirements):
            from packaging.requirements import Requirement
            for requirement in map(Requirement, requirements):
                try:
                    version = importlib.metadata.version(requirement.name)
                except importlib.metadata.PackageNotFoundError:
                    version = None
                if version is None or not requirement.specifier.contains(
                        version, prereleases=True):
                    raise _PkgResources.ResolutionError(str(requirement))
