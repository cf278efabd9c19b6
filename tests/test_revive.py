"""Chainer is revived in processes of their own: what is imported stays imported."""

import os
import subprocess
import sys
import textwrap

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import _revive


def run(code, *options, path=()):
    """Runs code in a fresh Python and returns (exit code, stdout, stderr)."""
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, path))}
    result = subprocess.run([sys.executable, *options, '-c', textwrap.dedent(code)], env=env,
                            capture_output=True, text=True, timeout=120)
    return result.returncode, result.stdout.strip(), result.stderr.strip()


def last_line(code, **kwargs):
    returncode, _, stderr = run(code, **kwargs)
    assert returncode == 1
    return stderr.splitlines()[-1]


def test_import_needs_no_shim_and_warns_of_nothing():
    assert run('import nico2ai_cnn, chainer; print(chainer.__version__)', '-W', 'error') == (
        0, '7.8.1', '')


def test_numpy_is_left_as_found():
    code = '''
        import numpy
        names = ['sctypes', 'float', 'int', 'bool', 'object']
        before = [hasattr(numpy, name) for name in names]
        contents = set(vars(numpy))
        import nico2ai_cnn
        assert [hasattr(numpy, name) for name in names] == before
        import sys
        new = set(vars(numpy)) - contents
        assert all(('numpy.' + name) in sys.modules for name in new), new
        assert 'pkg_resources' not in sys.modules
        '''
    assert run(code, '-W', 'ignore')[0] == 0


def test_running_it_again_changes_nothing():
    node = sys.modules['chainer.functions.array.pad_sequence'].PadSequence
    forward, finders = node.forward, list(sys.meta_path)
    _revive.revive()
    assert node.forward is forward and sys.meta_path == finders


@pytest.mark.parametrize('import_chainer', ['import chainer', ''])
def test_after_somebody_elses_shim(import_chainer):
    code = f'''
        import sys, types, numpy
        numpy.sctypes = dict(int=[numpy.int8, numpy.int16, numpy.int32, numpy.int64],
                             float=[numpy.float32, numpy.float64])
        numpy.float = float
        check = types.ModuleType('chainer._environment_check')
        check.check = lambda: None
        sys.modules['chainer._environment_check'] = check
        {import_chainer}
        import nico2ai_cnn, chainer
        assert numpy.float is float and len(numpy.sctypes['float']) == 2
        x = chainer.Variable(numpy.ones((1, 1, 2, 2), 'f'))
        print(chainer.functions.resize_images(x, (3, 3)).shape)
        '''
    assert run(code, '-W', 'ignore')[1] == '(1, 1, 3, 3)'


def test_chainer_missing():
    code = '''
        import sys
        import importlib.util
        find_spec = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *a: None if name == 'chainer' else find_spec(name, *a)
        import nico2ai_cnn
        '''
    assert last_line(code) == (
        "ImportError: Chainer is not installed; install it with: pip install 'setuptools<81' wheel "
        '&& pip install --no-build-isolation chainer==7.8.1')


def test_another_chainer(tmp_path):
    (tmp_path / 'chainer').mkdir()
    (tmp_path / 'chainer' / '__init__.py').write_text('__version__ = "6.0.0"')
    (tmp_path / 'chainer-6.0.0.dist-info').mkdir()
    (tmp_path / 'chainer-6.0.0.dist-info' / 'METADATA').write_text(
        'Metadata-Version: 2.1\nName: chainer\nVersion: 6.0.0\n')
    line = last_line('import nico2ai_cnn', path=[tmp_path])
    assert line.startswith('ImportError: Chainer 6.0.0 is installed, this course needs 7.8.1')


def test_another_chainer_without_metadata(monkeypatch):
    monkeypatch.setattr(chainer, '__version__', '7.9.0')
    with pytest.raises(ImportError, match='Chainer 7.9.0 is installed, this course needs 7.8.1'):
        _revive.revive()


@pytest.mark.skipif(hasattr(np, 'sctypes'), reason='plain import chainer works on NumPy 1')
def test_chainer_half_imported():
    code = '''
        try:
            import chainer
        except Exception:
            pass
        import nico2ai_cnn
        '''
    assert last_line(code).startswith('ImportError: Chainer is half imported')


def test_testing_and_gradient_check_import_without_pkg_resources():
    code = '''
        import sys
        class NoPkgResources:
            def find_spec(self, name, path=None, target=None):
                if name == 'pkg_resources':
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, NoPkgResources())
        import nico2ai_cnn
        import chainer.gradient_check, chainer.testing, chainer.testing.doctest_helper
        skips = lambda decorator: getattr(decorator(lambda: 0), '__unittest_skip__', False)
        print(skips(chainer.testing.with_requires('numpy>=1.26')), skips(chainer.testing.with_requires('numpy<1')),
              skips(chainer.testing.without_requires('no-such-package')), 'pkg_resources' in sys.modules)
        '''
    assert run(code)[1] == 'False True False False'


def test_as_strided_backward():
    x = chainer.Variable(np.arange(6, dtype=np.float32))
    F.sum(F.as_strided(x, (4, 3), (1, 1))).backward()
    np.testing.assert_array_equal(x.grad, [1, 2, 3, 3, 2, 1])


@pytest.mark.parametrize('mode, align_corners', [('bilinear', True), ('bilinear', False),
                                                 ('nearest', False)])
def test_resize_images(mode, align_corners):
    image = np.array([[[[0, 1], [2, 3]]]], dtype=np.float32)
    x = chainer.Variable(image)
    y = F.resize_images(x, (2, 2), mode=mode, align_corners=align_corners)
    np.testing.assert_allclose(y.array, image)
    F.sum(y).backward()
    np.testing.assert_allclose(x.grad, np.ones_like(image))


def test_pad_sequence_wraps_around_in_unsigned_arrays():
    xs = [np.array([1, 2], np.uint8), np.array([3], np.uint8)]
    np.testing.assert_array_equal(F.pad_sequence(xs, padding=-1).array, [[1, 2], [3, 255]])
    floats = F.pad_sequence([np.ones(2, 'f'), np.ones(1, 'f')], padding=-0.5).array
    np.testing.assert_array_equal(floats, [[1, 1], [1, -0.5]])


def test_cupy_without_cudnn_brings_no_warning():
    code = '''
        import sys
        from unittest.mock import MagicMock
        cupy = MagicMock(__version__='14.2.0', ndarray=type('ndarray', (), {}))
        cupy.memoize.return_value = lambda function: function
        for name in ('', '.cuda', '.cuda.cublas', '._util', 'x', 'x.scipy', 'x.scipy.linalg', 'x.scipy.special'):
            sys.modules[f'cupy{name}'] = cupy
        import nico2ai_cnn
        from chainer.backends import cuda
        cuda.check_cuda_available()
        print(cuda.available, cuda.cudnn_enabled)
        '''
    assert run(code, '-W', 'error') == (0, 'True False', '')


def test_concat_examples_pads_unsigned_arrays():
    examples = [np.array([[1, 2]], np.uint8), np.array([[3], [4]], np.uint8)]
    padded = chainer.dataset.concat_examples(examples, padding=-1)
    assert padded.dtype == np.uint8 and padded.tolist() == [[[1, 2], [255, 255]], [[3, 255], [4, 255]]]


@pytest.mark.parametrize('as_variable', [False, True])
def test_categorical_log_prob(as_variable):
    p = np.array([[.3, .7], [.9, .1], [.5, .5]], 'f')
    x = np.array([0, 1, 1])
    found = chainer.distributions.Categorical(p=p).log_prob(chainer.Variable(x) if as_variable else x)
    np.testing.assert_allclose(found.array, np.log(p[range(3), x]), rtol=1e-6)


@pytest.mark.parametrize('x, t', [
    (np.zeros((3, 2), 'f'), np.zeros(2, 'i')), (np.zeros((3, 2), 'f'), np.zeros(3, np.uint8)),
    (np.zeros((3, 2), 'f'), np.zeros((3, 2), 'i')), (np.zeros((3, 2), 'f'), np.zeros((3, 3), 'f')),
    (np.zeros((3, 2), 'i'), np.zeros(3, 'i'))])
def test_softmax_cross_entropy_says_what_does_not_fit(x, t):
    with pytest.raises(chainer.utils.type_check.InvalidType, match='(?s)Expect: .*Actual: '):
        F.softmax_cross_entropy(x, t)


def test_deconvolution_of_an_array():
    layer = L.Deconvolution2D(2, 3, 3)
    x = np.ones((1, 2, 5, 5), 'f')
    layer.cleargrads()
    F.sum(layer(x)).backward()
    of_array = layer.W.grad
    layer.cleargrads()
    F.sum(layer(chainer.Variable(x))).backward()
    np.testing.assert_allclose(layer.W.grad, of_array)


def test_average_pooling_without_padding_leaves_the_gradient_that_it_gets():
    x = chainer.Variable(np.ones((1, 2, 5, 5), 'f'))
    y = F.average_pooling_nd(x, 3, 2, 1, pad_value=None)
    y.grad = np.ones(y.shape, 'f')
    y.backward(retain_grad=True)
    assert (y.grad == 1).all()
    assert x.grad.sum() == pytest.approx(y.array.size)      # each output is a mean, wherever it lies
