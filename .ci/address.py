"""make badges: writes the repository's address and the setup cell into every notebook, and the address into README.md.

The address stands in pyproject.toml, the setup cell in notebooks/00_start_here.ipynb; all else follows.
"""

import pathlib
import re
import sys
import tomllib

import nbformat

ADDRESS = r'https://github\.com/[\w.-]+/[\w.-]+'


def main(root):
    address = tomllib.loads((root / 'pyproject.toml').read_text(encoding='utf-8'))['project']['urls']['Repository']
    if not re.fullmatch(ADDRESS, address):
        sys.exit(f'pyproject.toml: Repository must be https://github.com/OWNER/NAME; got {address!r}')
    notebooks = sorted((root / 'notebooks').glob('*.ipynb')) + sorted((root / 'notebooks' / 'solutions').glob('*.ipynb'))
    setup = next(cell for cell in nbformat.read(notebooks[0], 4).cells if 'setup' in cell.metadata.get('tags', []))
    old = re.search(ADDRESS, setup.source)[0]
    for path in notebooks:
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if 'setup' in cell.metadata.get('tags', []):
                cell.source = setup.source
            cell.source = replaced(cell.source, old, address)
        write(path, nbformat.writes(notebook) + '\n')
    readme = root / 'README.md'
    write(readme, replaced(readme.read_text(encoding='utf-8'), old, address))


def replaced(text, old, new):
    colab = 'https://colab.research.google.com/github'
    for a, b in (old, new), (old.replace('https://github.com', colab), new.replace('https://github.com', colab)):
        text = re.sub(re.escape(a) + r'(?![\w-])', b, text)
    return text


def write(path, text):
    if path.read_text(encoding='utf-8') != text:
        path.write_text(text, encoding='utf-8')
        print(path)


if __name__ == '__main__':
    main(pathlib.Path(__file__).resolve().parent.parent)
