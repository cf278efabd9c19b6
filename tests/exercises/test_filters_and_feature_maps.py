import re

import numpy as np
import pytest

from nico2ai_cnn import exercises


def strongest_of(values):
    return lambda h, channel: np.unravel_index(values(h[:, channel]).argmax(), h[:, channel].shape)


def over_all(h, channel):
    return np.delete(np.unravel_index(h.argmax(), h.shape), 1)


def step(size=lambda g: np.sqrt((g ** 2).mean()), sign=1, clip=True, add=True):
    def ascend(x, gradient, step_size):
        y = add * x + sign * step_size * gradient / size(gradient)
        return np.clip(y, 0, 1) if clip else y
    return ascend


def cam(weights=lambda g: g.mean((1, 2), keepdims=True), last=lambda y: np.maximum(0, y), total=lambda y: y.sum(0)):
    return lambda maps, gradient: last(total(weights(gradient) * maps))


WRONG = [
    (exercises.check_strongest, strongest_of(np.abs), 'largest absolute value'),
    (exercises.check_strongest, lambda h, c: np.unravel_index(h[c].argmax(), h[c].shape), r'it gives \(\d+, \d+, \d+\);'),
    (exercises.check_strongest, strongest_of(np.negative), 'absolute value, here also the smallest'),
    (exercises.check_strongest, over_all, 'largest of all maps'),
    (exercises.check_strongest, lambda h, channel: h[:, channel].argmax(), 'unravel_index'),
    (exercises.check_strongest, lambda h, channel: np.array(strongest_of(np.array)(h, channel))[[0, 2, 1]], 'swapped|it gives'),
    (exercises.check_strongest, lambda h, channel: strongest_of(np.array)(h, channel)[:2], r'shape \(2,\)'),
    (exercises.check_ascend, step(clip=False), 'numpy.clip'),
    (exercises.check_ascend, step(sign=-1), 'downhill'),
    (exercises.check_ascend, step(size=lambda g: 1), 'not yet divided'),
    (exercises.check_ascend, step(size=np.linalg.norm), 'root of the sum of squares'),
    (exercises.check_ascend, step(size=lambda g: (g ** 2).mean()), 'its root is missing'),
    (exercises.check_ascend, step(size=np.std), 'standard deviation'),
    (exercises.check_ascend, step(size=np.abs), 'signs alone'),
    (exercises.check_ascend, step(add=False), 'add the step to x'),
    (exercises.check_evidence, cam(last=np.array), 'not dropped yet'),
    (exercises.check_evidence, cam(last=np.abs), 'become 0, not positive'),
    (exercises.check_evidence, cam(weights=np.array), 'one number'),
    (exercises.check_evidence, cam(total=lambda y: np.maximum(0, y).sum(0)), 'first sum'),
    (exercises.check_evidence, cam(weights=lambda g: np.maximum(0, g.mean((1, 2), keepdims=True))), 'speak against'),
    (exercises.check_evidence, cam(total=lambda y: y.mean(0)), 'not their mean'),
    (exercises.check_evidence, cam(weights=lambda g: g.sum((1, 2), keepdims=True)), 'wanted its mean'),
    (exercises.check_evidence, cam(last=lambda y: np.maximum(0, y) / y.max()), 'do not scale'),
    (exercises.check_evidence, cam(total=np.array), 'sum over the maps is missing'),
    (exercises.check_evidence, cam(weights=np.ones_like), 'weights are missing')]

RIGHT = [
    (exercises.check_strongest, lambda h, c: tuple(np.argwhere(h[:, c] == h[:, c].max())[0])),
    (exercises.check_strongest, lambda h, c: list(map(int, np.unravel_index(h[:, c].argmax(), h[:, c].shape)))),
    (exercises.check_ascend, lambda x, g, s: np.minimum(1, np.maximum(0, x + s * g / np.mean(g * g) ** 0.5))),
    (exercises.check_ascend, step(size=lambda g: np.sqrt((g ** 2).mean()) + 1e-5)),
    (exercises.check_evidence, lambda m, g: np.einsum('d,dhw->hw', g.mean((1, 2)), m).clip(0))]


@pytest.mark.parametrize('check, answer, said', WRONG)
def test_wrong_answers(check, answer, said, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗') and re.search(said, out), out


@pytest.mark.parametrize('check, answer', RIGHT)
def test_other_right_answers(check, answer, capsys):
    check(answer)
    assert capsys.readouterr().out.startswith('✓')
