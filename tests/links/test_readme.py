"""README's table of networks says what the code counts."""

import re

import pytest

from nico2ai_cnn import links
from tests.notebook_files import ROOT

ROWS = re.findall(r'^\| `([A-Z]\w+(?:\([^)]*\))?)` \|[^|]*\| ?([^|]*?) \| ([\d,]+) \|$',
                  (ROOT / 'README.md').read_text(encoding='utf-8'), re.M)


def test_every_link_is_there():
    assert {call.split('(')[0] for call, _, _ in ROWS} == {name for name in links.__all__ if name[0].isupper()}


@pytest.mark.parametrize('call, published, counted', ROWS)
def test_counts(call, published, counted):
    network = eval(call if call.endswith(')') else f'{call}()', vars(links).copy())
    assert f'{network.count_params():,}' == counted
    assert not published[:1].isdigit() or published == counted
