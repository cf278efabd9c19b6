import chainer.functions as F
import numpy as np
import pytest
from scipy import ndimage, signal

from nico2ai_cnn import exercises, filters


def maps(image, *kernels):
    return F.convolution_2d(image[None, None], np.stack(kernels)[:, None]).array[0]


def strength(image, across, down):
    return np.hypot(*maps(image, across, down))


def kernel(row, column, weight=1.0):
    answer = np.zeros((3, 3))
    answer[row, column] = weight
    return lambda: answer


WRONG = [
    (exercises.check_by_hand, lambda: [[-2, 5], [3, 0]], 'turned by 180 degrees'),
    (exercises.check_by_hand, lambda: [[-1, 4], [1, -1]], 'rows and columns of the filter are swapped'),
    (exercises.check_by_hand, lambda: [[9, 1], [0, 7]], 'rows and columns of the result are swapped'),
    (exercises.check_by_hand, lambda: [[9, 2], [5, 7]], 'the sign is lost'),
    (exercises.check_by_hand, lambda: [9, 0, 1, 7], 'wanted two rows of two'),
    (exercises.check_by_hand, lambda: [[9, 0], [1, 5]], 'at index (1, 1) there is 5; wanted 7'),
    (exercises.check_by_hand, lambda: ndimage.correlate(
        exercises.filtering.HAND_IMAGE, exercises.filtering.HAND_KERNEL, mode='constant'), 'the window left'),
    (exercises.check_move_right, kernel(1, 2), 'moves it left'),
    (exercises.check_move_right, kernel(0, 1), 'moves it down'),
    (exercises.check_move_right, kernel(2, 1), 'moves it up'),
    (exercises.check_move_right, kernel(1, 1), 'leaves the image where it is'),
    (exercises.check_move_right, kernel(1, 0, 0.5), 'the weight is 0.5'),
    (exercises.check_move_right, lambda: np.ones((3, 3)) / 9, 'it mixes that many pixels'),
    (exercises.check_move_right, lambda: [1, 0, 0], 'has shape (3,); wanted (3, 3)'),
    (exercises.check_edge_strength, lambda *args: strength(*args) ** 2, 'the square root is missing'),
    (exercises.check_edge_strength, lambda x, a, d: abs(maps(x, a, d)).sum(axis=0),
     'sum of the absolute values'),
    (exercises.check_edge_strength, lambda x, a, d: maps(x, a, d).sum(axis=0), 'with their signs'),
    (exercises.check_edge_strength, lambda x, a, d: abs(maps(x, a)[0]), 'only the first filter'),
    (exercises.check_edge_strength, lambda x, a, d: abs(maps(x, d)[0]), 'only the second filter'),
    (exercises.check_edge_strength, lambda *args: strength(*args)[None, None], 'axes are still there'),
    (exercises.check_edge_strength, lambda x, a, d: np.hypot(
        *(ndimage.correlate(x, k, mode='constant') for k in (a, d))), 'a border of pixels'),
    (exercises.check_edge_strength, lambda x, a, d: strength(x, filters.SOBEL_X, filters.SOBEL_Y),
     'whatever it is given'),
    (exercises.check_edge_strength,
     lambda x, a, d: np.hypot(*(signal.convolve2d(x, k, mode='valid') for k in (a, d))),
     'turned by 180 degrees'),
    (exercises.check_edge_strength, lambda *args: strength(*args).reshape(7, 10),
     'raised ValueError')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out
