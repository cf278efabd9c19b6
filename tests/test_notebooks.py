"""What nbval does not look at: that a notebook is whole, and like the others."""

import ast
import builtins
import importlib
import re
import tomllib

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns

from tests.notebook_files import NOTEBOOKS, ROOT, SOLUTIONS, code_cells, exercise_cells, tagged

every_notebook = pytest.mark.parametrize(
    'path', NOTEBOOKS + SOLUTIONS, ids=lambda path: str(path.relative_to(ROOT / 'notebooks')))
every_lesson = pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)


def repository():
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    return project['urls']['Repository']


@every_notebook
def test_every_code_cell_was_run_in_order_and_without_error(path):
    cells = code_cells(nbformat.read(path, 4))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == 'error']
    assert not [output for cell in cells for output in cell.outputs if output.get('name') == 'stderr']


@every_lesson
def test_outputs_are_there_to_compare(path):
    cells = code_cells(nbformat.read(path, 4))
    with_text = [cell for cell in cells if any('text' in output for output in cell.outputs)]
    assert len(with_text) >= len(cells) / 2
    assert any('image/png' in output.get('data', {}) for cell in cells for output in cell.outputs)


@every_notebook
def test_no_cell_shows_an_object_with_an_address_or_axes(path):
    for cell in code_cells(nbformat.read(path, 4)):
        assert not cell.source.rstrip().endswith(';'), 'nbval runs cells without history, so ";" silences nothing'
        for output in cell.outputs:
            assert not re.search(r'<Axes| at 0x', str(output.get('data', {}).get('text/plain', '')))


@every_notebook
def test_size_format_and_paths(path):
    text = path.read_text(encoding='utf-8')
    nbformat.validate(nbformat.reads(text, 4))
    assert len(text) < 1_500_000
    found = re.search(r'/(?:home|Users|root|tmp)/|[A-Z]:\\\\|site-packages|\.venv', text)
    assert not found, f'names a path of one machine: {found}'


@every_notebook
def test_one_setup_cell_for_all(path):
    first, = tagged(nbformat.read(NOTEBOOKS[0], 4), 'setup')
    notebook = nbformat.read(path, 4)
    here, = tagged(notebook, 'setup')
    assert notebook.cells[1] is here and here.source == first.source
    assert repository() in here.source


@every_notebook
def test_stands_alone(path):
    """It reads no file, and no name that it has not bound before."""
    bound = set(dir(builtins)) | {'get_ipython'}
    for cell in code_cells(nbformat.read(path, 4)):
        tree = ast.parse(cell.source)
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        aliases = {(alias.asname or alias.name).split('.')[0] for node in ast.walk(tree)
                   if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
        definitions = {node.name for node in ast.walk(tree)
                       if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        bound |= arguments | aliases | definitions | stored
        assert not {node.id for node in names} - bound
        calls = {node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, 'attr', '')
                 for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert not calls & {'open', 'load', 'loadtxt', 'load_npz', 'read_text', 'run_line_magic'}


@every_lesson
def test_stored_steppers_are_the_package_s(path):
    """An HTML export of the stored notebook steps with the module that is stored in it."""
    widgets = nbformat.read(path, 4).metadata.get('widgets', {'application/vnd.jupyter.widget-state+json': {'state': {}}})
    for model in widgets['application/vnd.jupyter.widget-state+json']['state'].values():
        if '_anywidget_id' in model['state']:
            module, name = model['state']['_anywidget_id'].rsplit('.', 1)
            stepper = getattr(importlib.import_module(module), name)
            assert model['state']['_esm'] == stepper._esm, f'{name} has changed: run the notebook again'
            assert model['state']['_css'] == str(stepper._css)


@every_lesson
def test_first_and_last_cells(path):
    notebook = nbformat.read(path, 4)
    first = notebook.cells[0].source
    assert first.startswith(f'# {path.stem[:2]} · ')
    badge = repository().replace('https://github.com', 'https://colab.research.google.com/github')
    assert f'({badge}/blob/main/notebooks/{path.name})' in first
    assert '**Slides**' in first and '**Time**' in first and 'Afterwards you can' in first
    assert notebook.cells[-1].source.startswith('## Summary')
    assert '**Next:**' in notebook.cells[-1].source


@every_lesson
def test_solutions_hold_the_same_exercises(path):
    notebook = nbformat.read(path, 4)
    solutions = nbformat.read(path.parent / 'solutions' / path.name, 4)
    names = [re.search(r'(?:def|class) (\w+)', cell.source)[1] for cell in exercise_cells(notebook)]
    assert names == [re.search(r'(?:def|class) (\w+)', cell.source)[1]
                     for cell in exercise_cells(solutions)]
    assert len(code_cells(solutions)) == 2 + len(names)


def sanitized(text):
    config = (ROOT / 'tests' / 'nbval_sanitize.cfg').read_text()
    for regex, replacement in get_sanitize_patterns(config):
        text = re.sub(regex, replacement, text)
    return text


def test_sanitize_file_has_no_broken_pair():
    config = (ROOT / 'tests' / 'nbval_sanitize.cfg').read_text()
    assert len(get_sanitize_patterns(config)) == config.count('regex:') == config.count('replace:') == 3


@pytest.mark.parametrize('text, other', [
    ('Python 3.11.7\nNumPy 2.4.6\n', 'Python 3.13.0\nNumPy 2.5.0rc1\n'),
    ('computing on @numpy', 'computing on @cupy:0'),
    ('    1        0.1864      94.28%      0.0656      97.89%      19.1\n',
     '    1        1.1865      94.31%      0.0650     100.00%     119.3\n'),
    ('   12        0.1864      94.28%       1.0\n', '   12        0.2000       9.00%       3.5\n')])
def test_sanitize_hides_what_differs_between_machines(text, other):
    assert sanitized(text) == sanitized(other) != text


@pytest.mark.parametrize('text, other', [
    ('Chainer 7.8.1', 'Chainer 7.7.0'),
    ('    1        0.1864      94.28%      19.1\n', '    2        0.1864      94.28%      19.1\n'),
    ('    1        0.1864      94.28%      19.1\n', ''),
    ('    1        0.1864      94.28%      0.0656      97.89%      19.1\n',
     '    1           nan      94.28%      0.0656      97.89%      19.1\n'),
    ('shifted by 4 pixels: True', 'shifted by 4 pixels: False'),
    ('LeNet  61,706 parameters', 'LeNet  61,707 parameters')])
def test_sanitize_hides_nothing_else(text, other):
    assert sanitized(text) != sanitized(other)
