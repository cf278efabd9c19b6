"""The tables of layers in the docstrings of nico2ai_cnn.links, against what the code does."""

import inspect
import re

from nico2ai_cnn import inspection

ROW = re.compile(r'^(\w+) +(?:(\d+/\d/\d)(?:, (\d) groups)? +)?(\d+)(?: @ (\d+x\d+))?(?: +([\d,]+))?$',
                 re.M)
KINDS = {'pool': 'max_pooling_2d', 'mean': 'average'}


def check(table, model, shape):
    """Compares each row: name or kind, window, groups, output, parameters; and the total.

    Args:
        table (str): The part of a docstring that holds one table.
        model (chainer.Chain): The network that it tells about.
        shape: ``(D, H, W)`` of one image.
    """
    table = inspect.cleandoc(table)     # Python 3.13 does so by itself
    rows = ROW.findall(table)
    summary = inspection.summary(model, shape)
    layers = [row for row in summary if row.name.startswith('/') or row.kind in KINDS.values()]
    assert len(rows) == len(layers)
    for (name, window, groups, depth, size, parameters), row in zip(rows, layers):
        assert row.name == f'/{name}' or row.kind == KINDS.get(name)
        assert window == (f'{row.ksize}/{row.stride}/{row.pad}' if row.ksize else ''), name
        assert (groups or '1') == str(row.groups or 1), name
        assert row.out_shape == (int(depth), *map(int, size.split('x') if size else ())), name
        assert row.parameters == int((parameters or '0').replace(',', '')), name
    assert re.search(r'^total +(\S+)', table, re.M)[1] == f'{model.count_params():,}'
