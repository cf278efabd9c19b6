"""What is said in two places is the same in both."""

import hashlib
import gzip
import re
import runpy
import tomllib

import nbformat
import pytest

import nico2ai_cnn
from nico2ai_cnn import _revive, datasets
from tests.notebook_files import NOTEBOOKS, ROOT

PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())
PAGES = sorted(path for path in ROOT.glob('*.md')) + [ROOT / 'data/README.md', ROOT / 'notebooks/README.md']


def test_build_constraints():
    lines = (ROOT / 'build-constraints.txt').read_text().splitlines()
    assert [line for line in lines if not line.startswith('#')] == (
        PROJECT['tool']['uv']['build-constraint-dependencies'])


def test_versions():
    assert nico2ai_cnn.__version__ == PROJECT['project']['version']
    assert f'chainer=={_revive.CHAINER_VERSION}' in PROJECT['project']['dependencies']


def test_readme_names_the_repository_and_every_notebook():
    address = PROJECT['project']['urls']['Repository']
    assert f'git clone {address}\n' in (ROOT / 'README.md').read_text(encoding='utf-8')
    for page, folder in (ROOT / 'README.md', 'notebooks/'), (ROOT / 'notebooks/README.md', ''):
        text = page.read_text(encoding='utf-8')
        for path in NOTEBOOKS:
            assert f']({folder}{path.name})' in text


@pytest.mark.parametrize('page', PAGES + NOTEBOOKS, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding='utf-8')
    if page.suffix == '.ipynb':     # its markdown alone: code may have ](…) too
        text = '\n'.join(cell.source for cell in nbformat.reads(text, 4).cells if cell.cell_type == 'markdown')
    for target in re.findall(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', text):
        assert (page.parent / target).exists(), target


def test_data_readme_has_the_right_sums():
    text = (ROOT / 'data/README.md').read_text(encoding='utf-8')
    for name, (_, sha256, _) in datasets.FILES.items():
        packed = (datasets.LOCAL_FOLDER / name).read_bytes()
        content = gzip.decompress(packed)
        assert hashlib.sha256(content).hexdigest() == sha256
        assert (f'| `{name}` | {len(packed):,} | `{hashlib.md5(content).hexdigest()}` | `{sha256}` |'
                in text)


def test_minutes_agree():
    """README.md, notebooks/README.md and the notebook say the same time."""
    for path in NOTEBOOKS:
        row = re.compile(rf'\({re.escape(path.name)}\).*?\|(?:[^|\n]*\|)? ([\d.]+) \|')
        there = row.search((ROOT / 'notebooks/README.md').read_text(encoding='utf-8'))[1]
        row = re.compile(rf'\(notebooks/{re.escape(path.name)}\) \| ([\d.]+) \|')
        assert row.search((ROOT / 'README.md').read_text(encoding='utf-8'))[1] == there
        time = re.search(r'\*\*Time\*\* about ([\d.]+) (second|minute)s? of computing', path.read_text(encoding='utf-8'))
        assert abs(float(time[1]) / {'second': 60, 'minute': 1}[time[2]] - float(there)) <= 0.1, time[0]


def test_make_badges_writes_a_new_address_everywhere(tmp_path):
    old, new = PROJECT['project']['urls']['Repository'], 'https://github.com/some-body/some_course'
    for path in (ROOT / 'README.md', ROOT / 'pyproject.toml', *NOTEBOOKS[:2], ROOT / 'notebooks' / 'solutions' / NOTEBOOKS[1].name):
        there = tmp_path / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(path.read_text(encoding='utf-8'), encoding='utf-8')
    project = tmp_path / 'pyproject.toml'
    project.write_text(project.read_text(encoding='utf-8').replace(old, new), encoding='utf-8')
    badges = runpy.run_path(str(ROOT / '.ci' / 'address.py'))
    badges['main'](tmp_path)
    owner_and_name = old.removeprefix('https://github.com/')
    for path in tmp_path.rglob('*.*'):
        if path.is_file():
            text = path.read_text(encoding='utf-8')
            assert owner_and_name not in text and (new in text or path.parent.name == 'solutions')
    project.write_text(project.read_text(encoding='utf-8').replace(new, 'https://example.org/x'), encoding='utf-8')
    with pytest.raises(SystemExit, match='Repository must be https://github.com/OWNER/NAME'):
        badges['main'](tmp_path)
