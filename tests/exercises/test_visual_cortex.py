import re

import numpy as np
import pytest

from nico2ai_cnn import exercises


def width(level=lambda rates: rates.max() / 2, scale=.5, of=lambda strong: strong[-1] - strong[0]):
    return lambda angles, rates: scale * of(angles[rates >= level(rates)])


def s_cell(length=lambda w: np.linalg.norm(w.ravel()), clip=True, divide=True, inhibit=True):
    def response(window, reference, theta):
        y = (window * reference).sum() - inhibit * theta * length(window)
        return (max(0, y) if clip else y) / (1 - theta if divide else 1)
    return response


WRONG = [
    (exercises.check_energy, lambda e, o: e + o, 'not squared'),
    (exercises.check_energy, lambda e, o: (e + o) ** 2, 'first square'),
    (exercises.check_energy, lambda e, o: np.hypot(e, o), 'root of the energy'),
    (exercises.check_energy, lambda e, o: np.maximum(e, 0) ** 2 + np.maximum(o, 0) ** 2, 'no ReLU'),
    (exercises.check_energy, lambda e, o: abs(e) + abs(o), 'absolute values'),
    (exercises.check_energy, lambda e, o: np.maximum(e * e, o * o), 'not the larger one'),
    (exercises.check_energy, lambda e, o: (e * e + o * o) / 2, 'not the mean'),
    (exercises.check_half_width, width(scale=1), 'whole width'),
    (exercises.check_half_width, width(of=len, scale=1), 'number of angles'),
    (exercises.check_half_width, width(of=len), 'half the number of angles'),
    (exercises.check_half_width, width(level=lambda rates: .5), 'compares with 0.5'),
    (exercises.check_half_width, lambda angles, rates: angles[rates.argmax()], 'preferred angle'),
    (exercises.check_half_width, lambda a, r: a[r >= r.max() / 2][-1] - a[r.argmax()], 'one side only'),
    (exercises.check_half_width, lambda a, r: a[r.argmax()] - a[r >= r.max() / 2][0], 'one side only'),
    (exercises.check_half_width, width(level=lambda rates: rates.mean()), 'wanted'),
    (exercises.check_half_width, lambda angles, rates: angles[rates >= rates.max() / 2], 'one number'),
    (exercises.check_s_cell, s_cell(clip=False), 'below 0'),
    (exercises.check_s_cell, s_cell(divide=False), 'division by 1 - theta'),
    (exercises.check_s_cell, s_cell(length=lambda w: 1), 'not yet multiplied'),
    (exercises.check_s_cell, s_cell(length=lambda w: (w * w).sum()), 'root of the sum of squares'),
    (exercises.check_s_cell, s_cell(length=lambda w: np.sqrt((w * w).mean())), 'not of their mean'),
    (exercises.check_s_cell, s_cell(inhibit=False, divide=False), 'inhibition is missing'),
    (exercises.check_s_cell, lambda w, r, theta: max(0, (w * r).sum() / np.linalg.norm(w.ravel()) - theta) / (1 - theta),
     'contrast is lost')]

RIGHT = [
    (exercises.check_energy, lambda e, o: abs(e + 1j * o) ** 2),
    (exercises.check_half_width, lambda a, r: np.ptp(a[np.flatnonzero(2 * r >= r.max())]) / 2),
    (exercises.check_s_cell, lambda w, r, theta: np.maximum(np.vdot(w, r) - theta * np.vdot(w, w) ** .5, 0) / (1 - theta))]


@pytest.mark.parametrize('check, answer, said', WRONG)
def test_wrong_answers(check, answer, said, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗') and re.search(said, out), out


@pytest.mark.parametrize('check, answer', RIGHT)
def test_other_right_answers(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith('✓')
