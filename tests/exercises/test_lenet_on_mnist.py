import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import exercises


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


class PartlyInScope(Cnn):
    def __init__(self):
        super().__init__()
        self.hidden = L.Linear(None, 10)

    def forward(self, x):
        return self.hidden(super().forward(x))


class ReturnsArray(Cnn):
    def forward(self, x):
        return super().forward(x).array


class Average(Cnn):
    """As right as the first: another pooling, a layer in a Sequential, dropout."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.end = chainer.Sequential(L.Linear(None, 20), F.relu, L.Linear(20, 10))
            del self.fc

    def forward(self, x):
        return self.end(F.dropout(F.average_pooling_2d(F.relu(self.conv(x)), 2)))


class InAList(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.convs = [L.Convolution2D(1, 4, 5)]
            self.fc = L.Linear(None, 10)

    def forward(self, x):
        return self.fc(F.max_pooling_2d(F.relu(self.convs[0](x)), 2))


WRONG = [
    (exercises.check_my_cnn, InAList, 'convs is a list of layers'),
    (exercises.check_conv_parameters, lambda i, o, k: i * o * k * k,
     'each output map also has one bias'),
    (exercises.check_conv_parameters, lambda i, o, k: i * o * k * k + 1,
     'each output map has its own'),
    (exercises.check_conv_parameters, lambda i, o, k: o * k * k + o, 'it spans all input channels'),
    (exercises.check_conv_parameters, lambda i, o, k: i * o * k + o, 'there are ksize x ksize'),
    (exercises.check_conv_parameters, lambda i, o, k: 156, 'gives 156; wanted 2416'),
    (exercises.check_conv_parameters, lambda i, o, k: i * o * k * k + i, 'gives 2406; wanted 2416'),
    (exercises.check_error_rates, lambda c: np.diag(c) / c.sum(axis=1),
     'the shares answered rightly'),
    (exercises.check_error_rates, lambda c: 1 - np.diag(c) / c.sum(axis=0), 'summed over columns'),
    (exercises.check_error_rates, lambda c: 1 - np.diag(c) / c.sum(), 'divided by all digits'),
    (exercises.check_error_rates, lambda c: (c.sum(axis=1) - np.diag(c)) / c.sum(), 'divided by all digits'),
    (exercises.check_error_rates, lambda c: c.sum(axis=1) - np.diag(c), 'these are counts'),
    (exercises.check_error_rates, lambda c: 100 - 100 * np.diag(c) / c.sum(axis=1), 'per cent'),
    (exercises.check_my_cnn, PartlyInScope, 'hidden is created outside'),
    (exercises.check_my_cnn, ReturnsArray, 'forward returns ndarray; wanted a Variable'),
    (exercises.check_my_cnn, WithSoftmax, 'leave the softmax out'),
    (exercises.check_my_cnn, Maps, 'wanted (4, 10), one logit a class'),
    (exercises.check_my_cnn, NoConvolution, 'there is no convolution in it'),
    (exercises.check_my_cnn, NoPooling, 'there is no pooling in it'),
    (exercises.check_my_cnn, NoScope, 'inside "with self.init_scope():"'),
    (exercises.check_my_cnn, Big, 'wanted fewer than the perceptron'),
    (exercises.check_my_cnn, Unused, 'no gradient reaches /extra/W')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out


@pytest.mark.parametrize('check, answer', [
    (exercises.check_my_cnn, Cnn), (exercises.check_my_cnn, Average),
    (exercises.check_conv_parameters, lambda i, o, k: L.Convolution2D(i, o, k).count_params()),
    (exercises.check_error_rates, lambda c: [1 - row[i] / sum(row) for i, row in enumerate(c)])])
def test_other_right_answers(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith('✓')
