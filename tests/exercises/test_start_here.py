import numpy as np
import pytest

from nico2ai_cnn import exercises


def raises(*args):
    raise ZeroDivisionError('division by zero')


WRONG = [
    (exercises.check_nearest_mean, lambda x, means: (x[:, None] - means).sum((2, 3)).argmin(1), 'cancel each other'),
    (exercises.check_nearest_mean, lambda x, means: abs((x[:, None] - means).sum((2, 3))).argmin(1), 'cancel each other'),
    (exercises.check_to_nchw, lambda x: x.reshape(-1, 28, 28), 'the channel axis is missing'),
    (exercises.check_to_nchw, lambda x: x.reshape(-1, 28, 28, 1), 'the channel axis comes second'),
    (exercises.check_to_nchw, lambda x: x.reshape(-1, 1, 28, 28).transpose(0, 1, 3, 2),
     'rows and columns are swapped'),
    (exercises.check_to_nchw, lambda x: x.reshape(3, 1, 28, 28), ', raised ValueError'),
    (exercises.check_to_nchw, lambda x: np.reshape(x, (-1, 1, 28, 28)), 'x.reshape works for both'),
    (exercises.check_to_nchw, raises, 'raised ZeroDivisionError: division by zero'),
    (exercises.check_mean_images, lambda x, t: np.stack([x[t == d].sum(axis=0) for d in range(10)]),
     'these are sums'),
    (exercises.check_mean_images, lambda x, t: np.stack([x[t == d].sum(axis=0) / len(x) for d in range(10)]),
     'divided by the number of all images'),
    (exercises.check_mean_images, lambda x, t: np.stack([x.mean(axis=0)] * 10),
     'every class got the mean of all'),
    (exercises.check_mean_images, lambda x, t: np.stack([x[t == d].mean() for d in range(10)]),
     r'shape (10,); wanted'),
    (exercises.check_nearest_mean, lambda x, m: ((x[:, None] - m) ** 2).sum((2, 3)).argmax(1),
     'the farthest means'),
    (exercises.check_nearest_mean, lambda x, m: (x[:, None] * m).sum((2, 3)).argmax(1),
     'the largest product'),
    (exercises.check_nearest_mean, lambda x, m: ((x[:, None] - m) ** 2).sum((2, 3)).min(1),
     'which class is nearest'),
    (exercises.check_nearest_mean, lambda x, m: abs(x[:, None] - m).sum((2, 3)).argmin(1),
     'sum of absolute differences'),
    (exercises.check_nearest_mean, lambda x, m: abs(x[:, None] - m).max((2, 3)).argmin(1),
     'the shape is right, but'),
    (exercises.check_nearest_mean,
     lambda x, m: ((x[:, None] * m).sum((2, 3)) / np.sqrt((m ** 2).sum((1, 2)))).argmax(1),
     'the shape is right, but')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out
