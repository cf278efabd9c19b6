import os
import pathlib
import subprocess
import sys

import chainer
import chainer.functions as F
import chainer.links as L
import numpy
import pytest

from nico2ai_cnn import cpu
from nico2ai_cnn.cpu import _compile, elementwise
from nico2ai_cnn.cpu._patches import PATCHES


def run_python(code, **environment):
    return subprocess.run([sys.executable, '-c', code], check=True, capture_output=True,
                          text=True, env={**os.environ, **environment})


def counting(monkeypatch):
    calls = []
    original = elementwise.relu
    monkeypatch.setattr(elementwise, 'relu', lambda x: calls.append(1) or original(x))
    return calls


def test_config_switches_the_kernels(monkeypatch):
    calls = counting(monkeypatch)
    x = numpy.ones((2, 2), 'f')
    for setting, expected in (('auto', 1), ('never', 1), ('auto', 2)):
        with chainer.using_config('use_compiled_cpu', setting):
            F.relu(x)
        assert len(calls) == expected


def test_an_unknown_setting_is_refused():
    with chainer.using_config('use_compiled_cpu', 'always'):
        with pytest.raises(ValueError, match="use_compiled_cpu.*'auto' or 'never'; got 'always'"):
            F.relu(numpy.ones((2, 2), 'f'))


@pytest.mark.parametrize('setting', ['auto', 'never'])
def test_the_environment_variable_sets_the_config(setting):
    code = ('import nico2ai_cnn, chainer, sys\n'
            'import chainer.functions as F, numpy\n'
            'F.relu(numpy.ones(3, "f"))\n'
            'print(chainer.config.use_compiled_cpu, "numba" in sys.modules)')
    output = run_python(code, CHAINER_USE_COMPILED_CPU=setting).stdout.split()
    assert output == [setting, str(setting == 'auto')]


def test_importing_the_package_does_not_import_numba():
    output = run_python('import nico2ai_cnn, sys; print("numba" in sys.modules)').stdout
    assert output.strip() == 'False'


def test_all_kernels_can_be_compiled_at_once():
    output = run_python(
        'import pkgutil, runpy, sys\n'
        'runpy.run_module("nico2ai_cnn.cpu", run_name="__main__")\n'
        'from nico2ai_cnn import cpu\n'
        'print({module.name for module in pkgutil.iter_modules(cpu.__path__, "nico2ai_cnn.cpu.")} - set(sys.modules))')
    assert output.stdout.strip() == str({'nico2ai_cnn.cpu.__main__'})


def test_without_numba_chainers_own_path_runs(monkeypatch):
    calls = counting(monkeypatch)
    monkeypatch.setitem(sys.modules, 'numba', None)  # makes its import fail
    cpu.has_numba.cache_clear()
    try:
        with chainer.using_config('use_compiled_cpu', 'auto'):
            with pytest.warns(UserWarning, match="Chainer's own CPU paths run.*numba") as warned:
                F.relu(numpy.ones((2, 2), 'f'))
                F.relu(numpy.ones((2, 2), 'f'))
            assert not cpu.is_used()
    finally:
        cpu.has_numba.cache_clear()
    assert not calls and len(warned) == 1


def test_installing_twice_changes_nothing():
    before = [getattr(node, method) for node, method, _ in PATCHES]
    cpu.install()
    assert [getattr(node, method) for node, method, _ in PATCHES] == before


def test_every_patch_has_its_adapter():
    adapters = cpu.compile_kernels()
    for node, method, adapter in PATCHES:
        assert callable(adapters[adapter])
        assert getattr(node, method).__wrapped__.__module__.startswith('chainer.')


def test_compiling_is_announced_once_and_kept(tmp_path):
    code = 'import nico2ai_cnn; import nico2ai_cnn.cpu.elementwise, nico2ai_cnn.cpu.adam'
    first = run_python(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stderr.count('compiles its CPU kernels') == 1 and not first.stdout
    assert list(tmp_path.glob('kernels-*/**/*.nbc'))
    assert not run_python(code, NUMBA_CACHE_DIR=str(tmp_path)).stderr


def test_the_cache_moves_where_it_can_be_written(monkeypatch, tmp_path):
    package = pathlib.Path(_compile.__file__).parent
    monkeypatch.setattr(_compile.config, 'CACHE_DIR', '')
    assert _compile._cache_folder().parent == package / '__pycache__'
    monkeypatch.setattr(_compile.pooch, 'os_cache', lambda name: tmp_path / 'home' / name)
    refused = [package]
    real = pathlib.Path.mkdir

    def mkdir(path, *args, **kwargs):
        if any(path.is_relative_to(folder) for folder in refused):
            raise PermissionError(path)
        real(path, *args, **kwargs)

    monkeypatch.setattr(pathlib.Path, 'mkdir', mkdir)
    assert _compile._cache_folder().parent == tmp_path / 'home' / 'nico2ai_cnn'
    refused.append(tmp_path / 'home')
    assert _compile._cache_folder() is None
    monkeypatch.setattr(_compile.config, 'CACHE_DIR', str(tmp_path / 'chosen'))
    assert _compile._cache_folder().parent == tmp_path / 'chosen'


def test_kernels_work_without_a_cache(tmp_path):
    code = ('import numba, nico2ai_cnn\n'
            'from nico2ai_cnn.cpu import _compile\n'
            '_compile._CACHE_FOLDER = None\n'
            'from nico2ai_cnn.cpu import elementwise\n'
            'import numpy\n'
            'print(elementwise.relu(numpy.array([-1, 2], "f")))')
    result = run_python(code)
    assert result.stdout.strip() == '[0. 2.]'
    assert 'in every run' in result.stderr and 'NUMBA_CACHE_DIR' in result.stderr


def test_a_debugging_chainer_still_finds_nan():
    with chainer.using_config('debug', True), pytest.raises(RuntimeError, match='NaN'):
        F.relu(numpy.array([[numpy.nan]], 'f'))


def test_function_hooks_see_the_kernels():
    with chainer.function_hooks.TimerHook() as hook:
        F.max_pooling_2d(F.relu(numpy.ones((1, 1, 4, 4), 'f')), 2)
    assert [name for name, _ in hook.call_history] == ['ReLU', 'MaxPoolingND']


def test_numba_that_may_not_compile(monkeypatch):
    import numba
    monkeypatch.setattr(numba.config, 'DISABLE_JIT', 1)
    cpu.has_numba.cache_clear()
    try:
        with chainer.using_config('use_compiled_cpu', 'auto'), pytest.warns(UserWarning, match='NUMBA_DISABLE_JIT'):
            assert not cpu.is_used()
    finally:
        cpu.has_numba.cache_clear()


class Countdown(chainer.optimizers.adam.AdamRule):
    def update_core_cpu(self, param):
        param.array -= 1


@pytest.mark.parametrize('on_instance', [False, True])
def test_an_update_rule_of_ones_own_is_called(on_instance):
    layer = L.Linear(2, 2, initialW=0)
    rule = (chainer.optimizers.adam.AdamRule if on_instance else Countdown)(chainer.optimizers.Adam().hyperparam)
    if on_instance:
        rule.update_core = lambda param: param.array.__isub__(1)
    layer.W.update_rule = rule
    for _ in range(3):
        layer.W.grad = numpy.ones((2, 2), 'f')
        layer.W.update_rule.update(layer.W)
    assert (layer.W.array == -3).all()


def test_static_graph_finds_what_it_writes_down():
    from chainer.graph_optimizations.static_graph import static_graph

    class Static(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.first, self.last = L.Linear(5, 4, initialW=numpy.eye(4, 5)), L.Linear(4, 3, initialW=numpy.eye(3, 4))

        @static_graph
        def forward(self, x):
            return self.last(F.relu(self.first(x)))
    x, t = numpy.random.RandomState(0).randn(4, 5).astype('f'), numpy.zeros(4, 'i')
    found = []
    for setting in 'never', 'auto':
        with chainer.using_config('use_compiled_cpu', setting):
            model = L.Classifier(Static())
            optimizer = chainer.optimizers.SGD().setup(model)
            for _ in range(3):
                optimizer.update(model, x, t)
            found.append(model.predictor.first.W.array)
    numpy.testing.assert_allclose(*found, atol=1e-6)
