"""What make says when the machine lacks something; nothing is installed here."""

import shutil
import subprocess
import sys

import pytest

from tests.notebook_files import ROOT

pytestmark = pytest.mark.skipif(shutil.which('make') is None, reason='there is no make')


def make(folder, *arguments):
    for name in 'Makefile', 'pyproject.toml', 'build-constraints.txt':
        shutil.copy(ROOT / name, folder / name)
    return subprocess.run(['make', *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def fake_python(path, refuses):
    """A Python that fails on the one-liner that mentions ``refuses``."""
    path.write_text(f'#!/bin/sh\ncase "$2" in *"{refuses}"*) exit 1;; esac\n'
                    f'case "$1" in --version) echo Python 3.8.18; exit;; esac\n'
                    f'exec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return f'PYTHON={path}'


@pytest.mark.parametrize('goal', ['lab', 'test'])
def test_python_too_old(tmp_path, goal):
    result = make(tmp_path, goal, fake_python(tmp_path / 'python', '3, 11'))
    assert result.returncode != 0
    assert 'The course needs Python 3.11, 3.12 or 3.13, and' in result.stdout
    assert 'is Python 3.8.18' in result.stdout and 'make lab PYTHON=python3.13' in result.stdout
    assert not (tmp_path / '.venv').exists()


@pytest.mark.parametrize('version, accepted', [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_versions_of_python(version, accepted, tmp_path):
    """Pythons whose ``sys.version_info`` says so; one that is accepted is refused further on, for it lacks venv."""
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo Python {version[0]}.{version[1]} && exit\n'
                      f'case "$2" in *ensurepip*) exit 1;; esac\n'
                      f'exec "{sys.executable}" -c "import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])" "$2"\n')
    python.chmod(0o755)
    says = make(tmp_path, 'setup', f'PYTHON={python}').stdout
    assert ('lacks venv or pip' in says) == accepted and ('The course needs Python 3.11' in says) != accepted


def test_no_python(tmp_path):
    result = make(tmp_path, 'lab', 'PYTHON=no-such-python')
    assert result.returncode != 0 and 'The course needs Python 3.11' in result.stdout


def test_no_venv_or_pip(tmp_path):
    result = make(tmp_path, 'lab', fake_python(tmp_path / 'python', 'ensurepip'))
    assert result.returncode != 0
    assert 'lacks venv or pip. On Debian and Ubuntu: apt install python3-venv' in result.stdout


def test_a_finished_environment_is_used_and_a_moved_one_is_not(tmp_path):
    (tmp_path / '.venv' / 'bin').mkdir(parents=True)
    (tmp_path / '.venv' / 'bin' / 'python').symlink_to(sys.executable)
    for folder, is_current in (tmp_path, True), (tmp_path / 'before the move', False):
        for name in 'Makefile', 'pyproject.toml', 'build-constraints.txt':
            shutil.copy(ROOT / name, tmp_path / name)
        (tmp_path / '.venv' / 'installed').write_text(f'{folder}\n')
        result = subprocess.run(['make', 'setup', 'PYTHON=no-such-python'] if not is_current else
                                ['make', 'setup'], cwd=tmp_path, capture_output=True, text=True)
        assert (result.returncode == 0) == is_current, result
