"""A Colab rehearsal (make test-colab): Colab's versions, a stand-in for google.colab, and the setup cell for real.

The cell clones this repository's last commit, not the working tree. Its "uv pip install --system" would reach for a Python
outside of any environment, so a stand-in for uv says --python instead.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sysconfig

import nbformat
import pytest

from tests.notebook_files import NOTEBOOKS, ROOT, tagged

pytestmark = pytest.mark.colab

# What Colab had in August 2026 and before that (googlecolab/backend-info), Python: NumPy.
NUMPY = {'3.13': '2.1.3', '3.12': '2.0.2', '3.11': '2.0.2'}
FIXED = 'matplotlib==3.10.0', 'ipywidgets==7.7.1', 'setuptools==75.2.0'
THERE = ('ipykernel', 'numba', 'packaging', 'pillow', 'protobuf', 'safetensors', 'scikit-image', 'scikit-learn', 'scipy',
         'threadpoolctl', 'tqdm')
FETCHED = 'chainer', 'anywidget', 'pooch'
LESSONS = '00', '02', '07'

ENVIRONMENT = ROOT / '.venv-colab'
PYTHON = ENVIRONMENT / 'bin' / 'python'
UV = pathlib.Path(sysconfig.get_path('scripts')) / 'uv'
SETUP, = tagged(nbformat.read(NOTEBOOKS[0], 4), 'setup')
ADDRESS = next(word.strip("',") for word in SETUP.source.split() if word.startswith("'https://"))


def run(*command, check=True, **environment):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={
        **os.environ, 'PATH': f'{ENVIRONMENT / "bin"}{os.pathsep}{UV.parent}{os.pathsep}{os.environ["PATH"]}',
        'VIRTUAL_ENV': '', 'PYTHONPATH': '', **environment})
    assert not check or result.returncode == 0, result.stdout + result.stderr
    return result


def versions():
    listed = json.loads(run(UV, 'pip', 'list', '--python', PYTHON, '--format', 'json').stdout)
    return {package['name']: package['version'] for package in listed}


@pytest.fixture(scope='session')
def colab():
    """Makes the environment anew if it is not there, and takes out of it what Colab lacks."""
    made = ENVIRONMENT / 'made'
    if not made.exists():
        for version, numpy in NUMPY.items():
            pyenv = pathlib.Path(os.environ.get('PYENV_ROOT', '~/.pyenv')).expanduser() / 'versions'
            if any(run(UV, 'venv', '--clear', '--no-python-downloads', '--python', python, ENVIRONMENT,
                       check=False).returncode == 0 for python in (version, *pyenv.glob(f'{version}.*/bin/python'))):
                break
        run(UV, 'pip', 'install', '--python', PYTHON, f'numpy=={numpy}', *FIXED, *THERE, 'nbval', 'pytest')
        packages = pathlib.Path(run(PYTHON, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').stdout.strip())
        (packages / 'google' / 'colab').mkdir(parents=True, exist_ok=True)
        (packages / 'google' / 'colab' / '__init__.py').touch()
        (packages / 'google' / 'colab' / 'output.py').write_text('def enable_custom_widget_manager():\n    pass\n')
        stand_in = ENVIRONMENT / 'bin' / 'uv'
        stand_in.write_text(f'#!{PYTHON}\nimport os, sys\nargs = [arg for arg in sys.argv[1:] if arg != "--system"]\n'
                            f'assert len(args) < len(sys.argv) - 1\n'
                            f'os.execv("{UV}", ["uv", *args, "--python", "{PYTHON}"])\n')
        stand_in.chmod(0o755)
        (packages / 'colab.pth').write_text('import google.colab\n')
        made.touch()
    run(UV, 'pip', 'uninstall', '--python', PYTHON, *FETCHED)


@pytest.fixture(scope='session')
def content(tmp_path_factory):
    """Returns a place for Colab's /content: itself, where it can be made."""
    place = pathlib.Path('/content')
    try:
        place.mkdir(exist_ok=True)
        assert not (place / 'course').exists(), f'{place}/course is there already; move it away'
    except OSError:
        place = tmp_path_factory.mktemp('content')
    yield place
    shutil.rmtree(place / 'course', ignore_errors=True)
    if not any(place.iterdir()):
        place.rmdir()


def run_setup_cell(content, origin, check=True):
    code = SETUP.source.replace('/content', str(content)) + '\nprint(nico2ai_cnn.__file__)'
    return run(PYTHON, '-c', code, check=check, GIT_CONFIG_COUNT='1',
               GIT_CONFIG_KEY_0=f'url.{origin}.insteadOf', GIT_CONFIG_VALUE_0=ADDRESS)


def test_without_a_network_the_cell_says_what_to_do(colab, content, tmp_path):
    result = run_setup_cell(content, f'file://{tmp_path}/nowhere', check=False)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert 'internet' in last and 'run this cell again' in last
    assert not (content / 'course').exists()


def test_the_cell_leaves_what_colab_has(colab, content):
    before = versions()
    assert not set(FETCHED) & set(before) and before['ipywidgets'] == '7.7.1'
    said = run_setup_cell(content, f'file://{ROOT}')
    assert said.stdout.strip() == str(content / 'course' / 'nico2ai_cnn' / '__init__.py') and not said.stderr
    after = versions()
    assert before.items() <= after.items() and set(FETCHED) <= set(after)
    print('the cell has brought:', *sorted(set(after) - set(before)))
    again = run_setup_cell(content, f'file://{ROOT}')       # it is safe to run twice
    assert again.stdout == said.stdout and not again.stderr and versions() == after


@pytest.fixture(scope='session')
def compiled(content):
    """Compiles the kernels, so that no notebook says that it does."""
    assert (content / 'course').exists(), 'the setup cell has not run'
    run(PYTHON, '-P', '-m', 'nico2ai_cnn.cpu', PYTHONPATH=str(content / 'course'))


@pytest.mark.parametrize('lesson', LESSONS)
def test_a_notebook_passes(lesson, colab, content, compiled, tmp_path):
    path, = (path for path in NOTEBOOKS if path.name.startswith(lesson))
    (tmp_path / path.name).write_text(path.read_text(encoding='utf-8').replace('/content', str(content)), encoding='utf-8')
    run(PYTHON, '-m', 'pytest', '--nbval', '--nbval-current-env', '-p', 'no:cacheprovider', '--rootdir', tmp_path,
        '--nbval-sanitize-with', ROOT / 'tests' / 'nbval_sanitize.cfg', tmp_path / path.name,
        GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0=f'url.file://{ROOT}.insteadOf', GIT_CONFIG_VALUE_0=ADDRESS)
