"""Where the notebooks are, and what a test reads off one."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))
SOLUTIONS = sorted((ROOT / 'notebooks' / 'solutions').glob('*.ipynb'))


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get('tags', [])]


def exercise_cells(notebook):
    return tagged(notebook, 'exercise')


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == 'code']
