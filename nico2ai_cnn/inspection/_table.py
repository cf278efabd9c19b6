"""What ``inspection`` hands out: rows, and how they print."""

import collections.abc
import dataclasses


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of a :class:`Summary`.

    ``ksize``, ``stride``, ``pad`` and ``dilate`` are numbers, or (height, width) where
    the two differ; None where there is no window.
    """

    name: str
    """Path of the link, such as ``/conv1``, or name of the function: ``relu``, ``relu_2``."""
    kind: str
    """Class of the link or name of the function."""
    in_shape: tuple
    """Of its (first) input, without N: ``(D, H, W)``."""
    out_shape: tuple
    ksize: object = None
    stride: object = None
    pad: object = None
    dilate: object = None
    groups: int = None
    parameters: int = 0
    """Weights and biases that no layer above has counted."""
    macs: int = 0
    """Multiply-adds for one image; see :func:`nico2ai_cnn.inspection.summary`."""
    receptive_field: object = None
    """Input pixels that a unit sees along each side, those in the padding included; of
    layers whose units all see the same, such as ``L.Linear``, without the padding. Behind a
    deconvolution, at most so many."""
    jump: object = None
    """Input pixels from the field of one unit to the next one's; None where all see the same."""
    start: object = None
    """First input row and column that the first unit sees; negative in the padding."""


class Summary(collections.abc.Sequence):
    """The layers of a network in order of execution; prints as a table.

    ``summary[0]`` is the first :class:`Layer`, ``summary['/conv1']`` the one of that name.

    Attributes:
        parameters (int): Of the whole model: ``model.count_params()``.
        macs (int): Multiply-adds for one image.
        shape (tuple): Of the image.
        notes (list of str): What a reader of the table should know besides.
    """

    def __init__(self, model_name, shape, rows, parameters, notes):
        self.model_name, self.shape, self.parameters, self.notes = model_name, shape, parameters, notes
        self.macs = sum(row.macs for row in rows)
        self._rows = tuple(rows)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, index):
        if not isinstance(index, str):
            return self._rows[index]
        return Named((row.name, row) for row in self._rows)[index]

    def __str__(self):
        columns = {
            'layer': [row.name for row in self],
            'input': [by(row.in_shape) for row in self], 'output': [by(row.out_shape) for row in self],
            'k': [by(row.ksize) for row in self], 's': [by(row.stride) for row in self],
            'p': [by(row.pad) for row in self],
            'd': [by(row.dilate) for row in self], 'g': [by(row.groups) for row in self],
            'parameters': [f'{row.parameters:,}' if row.parameters else '' for row in self],
            'MACs': [f'{row.macs:,}' if row.macs else '' for row in self],
            'field': [by(row.receptive_field) for row in self], 'jump': [by(row.jump) for row in self]}
        for name in 'd', 'g':       # dilate and groups: only where one of them is not 1
            if not set(columns[name]) - {'', '1'}:
                del columns[name]
        totals = {'layer': 'total', 'parameters': f'{self.parameters:,}', 'MACs': f'{self.macs:,}'}
        lines = [list(columns), *zip(*columns.values()), [totals.get(name, '') for name in columns]]
        widths = [max(map(len, column)) for column in zip(*lines)]
        aligned = ['  '.join(text.ljust(width) if i == 0 else text.rjust(width)
                             for i, (text, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
        rule = '-' * max(map(len, aligned))
        title = f'{self.model_name}, input {by(self.shape)}'
        notes = [f'Note: {note}' for note in self.notes]
        return '\n'.join([title, rule, aligned[0], rule, *aligned[1:-1], rule, aligned[-1], *notes])

    __repr__ = __str__


class Named(dict):
    """A dict whose KeyError tells which names there are."""

    def __missing__(self, name):
        known = ', '.join(self) or 'none yet; call model(x) in the with block, not model.forward(x)'
        raise KeyError(f'there is no layer {name!r}; there are: {known}')


def equal(values):
    """Returns one number for numbers that are all the same, such as height and width; else a tuple."""
    if not values:
        return None
    values = [int(value) if value == int(value) else float(value) for value in values]
    return values[0] if len(set(values)) == 1 else tuple(values)


def by(value):
    """Returns a shape, a number or a pair as text: ``3x227x227``."""
    return '' if value is None else 'x'.join(map(str, value)) if isinstance(value, tuple) else str(value)
