"""Each check turns down the stub and plausible wrong answers, and accepts the solution."""

import chainer
import chainer.functions as F
import chainer.links as L
import nbformat
import numpy as np
import pytest

from nico2ai_cnn import exercises
from tests.notebook_files import NOTEBOOKS, exercise_cells

EXERCISES = {'to_nchw': exercises.check_to_nchw, 'mean_images': exercises.check_mean_images,
             'nearest_mean': exercises.check_nearest_mean,
             'conv_parameters': exercises.check_conv_parameters,
             'error_rates': exercises.check_error_rates, 'MyCNN': exercises.check_my_cnn}


def answers(path):
    """The exercises' answers that a notebook holds, by name."""
    namespace = {'np': np, 'chainer': chainer, 'F': F, 'L': L, 'exercises': exercises}
    for cell in exercise_cells(nbformat.read(path, 4)):
        exec(cell.source, namespace)
    return {name: namespace[name] for name in EXERCISES if name in namespace}


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_stubs_wait_and_solutions_are_right(path, capsys):
    stubs = answers(path)
    solutions = answers(path.parent / 'solutions' / path.name)
    capsys.readouterr()
    assert 2 <= len(stubs) <= 4 and stubs.keys() == solutions.keys()
    for name in stubs:
        EXERCISES[name](stubs[name])
        assert capsys.readouterr().out == (
            f'⏳ {name}: nothing here yet. Write your answer above, then run this again.\n')
        EXERCISES[name](solutions[name])
        assert capsys.readouterr().out == f'✓ {name}: right.\n'


class Cnn(chainer.Chain):
    """Right; the wrong answers below change one thing each."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.conv = L.Convolution2D(1, 4, 5)
            self.fc = L.Linear(None, 10)

    def forward(self, x):
        return self.fc(F.max_pooling_2d(F.relu(self.conv(x)), 4))


class WithSoftmax(Cnn):
    def forward(self, x):
        return F.softmax(super().forward(x))


class Maps(Cnn):
    def forward(self, x):
        return self.conv(x)


class NoConvolution(Cnn):
    def forward(self, x):
        return self.fc(F.max_pooling_2d(x, 4))


class NoPooling(Cnn):
    def forward(self, x):
        return self.fc(self.conv(x))


class NoScope(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = L.Convolution2D(1, 4, 5), L.Linear(None, 10)

    def forward(self, x):
        return Cnn.forward(self, x)


class Big(Cnn):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.hidden = L.Linear(10, 30000)

    def forward(self, x):
        return self.hidden(super().forward(x))[:, :10]


class Unused(Cnn):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.extra = L.Linear(3, 3)


def raises(*args):
    raise ZeroDivisionError('division by zero')


@pytest.mark.parametrize('name, wrong, message', [
    ('to_nchw', lambda x: x.reshape(-1, 28, 28), 'the channel axis is missing'),
    ('to_nchw', lambda x: x.reshape(-1, 28, 28, 1), 'the channel axis comes second'),
    ('to_nchw', lambda x: x.reshape(-1, 1, 28, 28).transpose(0, 1, 3, 2), 'rows and columns are swapped'),
    ('to_nchw', lambda x: x.reshape(3, 1, 28, 28), 'your code raised'),
    ('to_nchw', raises, 'your code raised ZeroDivisionError: division by zero'),
    ('mean_images', lambda x, t: np.stack([x[t == d].sum(axis=0) for d in range(10)]), 'these are sums'),
    ('mean_images', lambda x, t: np.stack([x[t == d].sum(axis=0) / len(x) for d in range(10)]),
     'divided by the number of all images'),
    ('mean_images', lambda x, t: np.stack([x.mean(axis=0)] * 10), 'every class got the mean of all'),
    ('mean_images', lambda x, t: np.stack([x[t == d].mean() for d in range(10)]), r'shape (10,); wanted'),
    ('nearest_mean', lambda x, m: ((x[:, None] - m) ** 2).sum((2, 3)).argmax(1), 'the farthest means'),
    ('nearest_mean', lambda x, m: (x[:, None] * m).sum((2, 3)).argmax(1), 'the largest product'),
    ('nearest_mean', lambda x, m: ((x[:, None] - m) ** 2).sum((2, 3)).min(1), 'which class is nearest'),
    ('nearest_mean', lambda x, m: (x[:, None] - m).sum((2, 3)).argmin(1), 'the shape is right, but'),
    ('conv_parameters', lambda i, o, k: i * o * k * k, 'each output map also has one bias'),
    ('conv_parameters', lambda i, o, k: i * o * k * k + 1, 'each output map has its own'),
    ('conv_parameters', lambda i, o, k: o * k * k + o, 'it spans all input channels'),
    ('conv_parameters', lambda i, o, k: i * o * k + o, 'there are ksize x ksize'),
    ('conv_parameters', lambda i, o, k: 156, 'gives 156; wanted 2416'),
    ('error_rates', lambda c: np.diag(c) / c.sum(axis=1), 'the shares answered rightly'),
    ('error_rates', lambda c: 1 - np.diag(c) / c.sum(axis=0), 'summed over columns'),
    ('error_rates', lambda c: 1 - np.diag(c) / c.sum(), 'divided by all digits'),
    ('MyCNN', WithSoftmax, 'leave the softmax out'),
    ('MyCNN', Maps, 'wanted (4, 10), one logit a class'),
    ('MyCNN', NoConvolution, 'there is no convolution in it'),
    ('MyCNN', NoPooling, 'there is no pooling in it'),
    ('MyCNN', NoScope, 'inside "with self.init_scope():"'),
    ('MyCNN', Big, 'wanted fewer than the perceptron'),
    ('MyCNN', Unused, 'no gradient reaches /extra/W')])
def test_wrong_answers(name, wrong, message, capsys):
    EXERCISES[name](wrong)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out


def test_every_check_is_tested():
    assert {f'check_{name.lower().replace("mycnn", "my_cnn")}' for name in EXERCISES} == {
        name for name in vars(exercises) if name.startswith('check_')}
