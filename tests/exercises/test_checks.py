"""Each check turns down the stub and plausible wrong answers, and accepts the solution."""

import ast
import collections
import functools
import importlib
import pathlib
import re

import chainer
import chainer.functions as F
import chainer.links as L
import nbformat
import pytest

from nico2ai_cnn import exercises
from tests.notebook_files import NOTEBOOKS, code_cells, exercise_cells


def checked_answers(path):
    """The exercises that a notebook holds, as {name of the check: answer}."""
    notebook, namespace, found = nbformat.read(path, 4), {}, {}
    for cell in code_cells(notebook)[1:]:       # what the exercises may use is imported, and nothing else is run
        imports = [ast.unparse(node) for node in ast.parse(cell.source).body
                   if isinstance(node, (ast.Import, ast.ImportFrom))]
        exec('\n'.join(imports), namespace)
    for cell in exercise_cells(notebook):
        exec(cell.source, namespace)
        check, answer = re.search(r'^exercises\.(check_\w+)\((\w+)\)$', cell.source, re.M).groups()
        found[check] = namespace[answer]
    return found


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_stubs_wait_and_solutions_are_right(path, capsys):
    stubs = checked_answers(path)
    solutions = checked_answers(path.parent / 'solutions' / path.name)
    capsys.readouterr()
    assert 2 <= len(stubs) <= 4 and stubs.keys() == solutions.keys()
    for name in stubs:
        check = getattr(exercises, name)
        check(stubs[name])
        assert capsys.readouterr().out == (
            f'⏳ {stubs[name].__name__}: it returns None so far. Write your answer above; it ends in "return …". '
            'Then run this again.\n')
        check(solutions[name])
        assert capsys.readouterr().out == f'✓ {solutions[name].__name__}: right.\n'


def test_every_check_turns_down_two_wrong_answers_and_is_used():
    checks = {name for name in vars(exercises) if name.startswith('check_')}
    wrong = collections.Counter()
    for path in pathlib.Path(__file__).parent.glob('test_*.py'):
        module = importlib.import_module(f'tests.exercises.{path.stem}')
        wrong.update(check.__name__ for check, _, _ in getattr(module, 'WRONG', []))
    assert {name for name in checks if wrong[name] < 2} == set()
    assert checks == {name for path in NOTEBOOKS for name in checked_answers(path)}


def raises_in_its_own_code(x):
    rows = len(x)
    return x.reshape(rows, 1, 28, 29)


def returns_what_no_array_holds(x):
    return [[1, 2], [3]]


def test_an_error_names_the_line_of_the_answer(capsys):
    exercises.check_to_nchw(raises_in_its_own_code)
    first = raises_in_its_own_code.__code__.co_firstlineno
    assert capsys.readouterr().out == (
        f"✗ raises_in_its_own_code: line {first + 2} of the cell, 'return x.reshape(rows, 1, 28, 29)', raised ValueError: "
        'cannot reshape array of size 2352 into shape (3,1,28,29)\n')
    exercises.check_to_nchw(returns_what_no_array_holds)
    assert capsys.readouterr().out.startswith(
        '✗ returns_what_no_array_holds: what it returns cannot be checked (ValueError: ')


def test_an_error_in_a_class_names_the_line_too(capsys):
    class MyCNN:
        def __init__(self):
            self.width = 1 / 0
    exercises.check_my_cnn(MyCNN)
    assert "'self.width = 1 / 0', raised ZeroDivisionError: division by zero" in capsys.readouterr().out


def test_layers_in_a_list_that_are_trained_all_the_same(capsys):
    class MyCNN(chainer.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.conv, self.fc = L.Convolution2D(1, 4, 5), L.Linear(None, 10)
            self.layers = (self.conv, self.fc)

        def forward(self, x):
            return self.fc(F.max_pooling_2d(F.relu(self.conv(x)), 2))
    exercises.check_my_cnn(MyCNN)
    assert 'right' in capsys.readouterr().out


@pytest.mark.parametrize('answer', [functools.partial(raises_in_its_own_code), lambda: 1])
def test_whose_error_it_is(answer, capsys):
    exercises.check_to_nchw(answer)
    out = capsys.readouterr().out
    assert 'raised' in out and 'cannot be checked' not in out
