import chainer
import numpy as np
import pytest

from nico2ai_cnn import exercises


def in_place(x):
    x[...] = x[..., ::-1].copy()
    return x


def enlarged(rows=2, columns=2, start=0.5, cut=True, tile=False):
    def twice_as_large(image):
        _, H, W = image.shape
        large = np.tile(image, (1, 2, 2)) if tile else image.repeat(rows, axis=1).repeat(columns, axis=2)
        i, j = (int(start * side) if times > 1 else 0 for side, times in ((H, rows), (W, columns)))
        return large[:, i:i + H, j:j + W] if cut else large
    return twice_as_large


def crop(top=lambda rng, n: rng.integers(0, n + 1), left=None, twist=lambda y: y):
    def crop_anywhere(image, size, rng):
        _, H, W = image.shape
        i = top(rng, H - size)
        j = (left or (lambda rng, n, i: top(rng, n)))(rng, W - size, i)
        return twist(image[:, i:i + size, j:j + size])
    return crop_anywhere


def dropout(off=lambda ratio: ratio, factor=lambda ratio: 1 / (1 - ratio), test=1, shape=lambda h: h.shape, mask=True):
    def my_dropout(h, ratio, train, rng):
        if not train:
            return h * (test(ratio) if callable(test) else test)
        stays = rng.random(shape(h)) >= off(ratio) if mask else np.ones(h.shape)
        return h * stays * factor(ratio)
    return my_dropout


def dropout_in_place(h, ratio, train, rng):
    if train:
        h *= (rng.random(h.shape) >= ratio) / (1 - ratio)
    return h


def dropout_of_a_matrix(h, ratio, train, rng):
    if not train:
        return h
    y = np.zeros_like(h)
    rows, columns = h.shape
    for i in range(rows):
        for j in range(columns):
            y[i, j] = h[i, j] / (1 - ratio) if rng.random() >= ratio else 0
    return y


unseeded = np.random.default_rng(9)
def one_draw(image, size, rng):
    at = rng.integers(0, min(image.shape[1:]) - size + 1)
    return image[:, at:at + size, at:at + size]


def another_generator(image, size, rng):
    top, left = (np.random.randint(0, side - size + 1) for side in image.shape[1:])
    return image[:, top:top + size, left:left + size]


def in_training_only(h, ratio, train, rng):
    if train:
        return np.where(rng.random(h.shape) < ratio, 0, h / (1 - ratio))


WRONG = [
    (exercises.check_my_dropout, in_training_only, 'with train=False it returns None, with train=True an array'),
    (exercises.check_crop_anywhere, one_draw, 'top and left always go together'),
    (exercises.check_crop_anywhere, another_generator, 'draw from rng and from nothing else'),
    (exercises.check_mirror, lambda x: x, 'nothing has changed'),
    (exercises.check_mirror, lambda x: x[:, :, ::-1], 'top to bottom'),
    (exercises.check_mirror, lambda x: x[:, ::-1], 'turns the channels around'),
    (exercises.check_mirror, lambda x: x[::-1], 'the order of the images'),
    (exercises.check_mirror, lambda x: np.rot90(x, 2, (2, 3)), 'turned by 180 degrees'),
    (exercises.check_mirror, lambda x: x.swapaxes(2, 3), 'exchanges rows and columns'),
    (exercises.check_mirror, in_place, 'it changes x itself'),
    (exercises.check_twice_as_large, enlarged(cut=False), 'still has to be cut out'),
    (exercises.check_twice_as_large, enlarged(start=0), 'the top left corner'),
    (exercises.check_twice_as_large, enlarged(start=1), 'the bottom right corner'),
    (exercises.check_twice_as_large, enlarged(tile=True), 'side by side with itself'),
    (exercises.check_twice_as_large, enlarged(columns=1), 'only the rows are doubled'),
    (exercises.check_twice_as_large, lambda image: image, 'nothing has changed'),
    (exercises.check_crop_anywhere, crop(lambda rng, n: 0), 'always the same place'),
    (exercises.check_crop_anywhere, crop(lambda rng, n: rng.integers(0, n)), 'leaves its upper limit out'),
    (exercises.check_crop_anywhere, crop(lambda rng, n: rng.integers(1, n + 1)), 'begin at 0'),
    (exercises.check_crop_anywhere, crop(left=lambda rng, n, i: min(2 * i, n)), 'always go together'),
    (exercises.check_crop_anywhere, crop(lambda rng, n: rng.integers(0, n + 1) * (rng.random() < 0.5)), 'much more often'),
    (exercises.check_crop_anywhere, crop(lambda rng, n: unseeded.integers(0, n + 1)), 'another crop the second time'),
    (exercises.check_crop_anywhere, crop(twist=lambda y: y[:, :2]), 'it gives shape (2, 2, 3)'),
    (exercises.check_crop_anywhere, crop(twist=lambda y: y[:, ::-1]), 'no part of the image'),
    (exercises.check_my_dropout, dropout(factor=lambda ratio: 1), 'must be divided by the probability to stay'),
    (exercises.check_my_dropout, dropout(factor=lambda ratio: 1 / ratio), 'not by ratio'),
    (exercises.check_my_dropout, dropout(factor=lambda ratio: 1 - ratio), 'this multiplies'),
    (exercises.check_my_dropout, dropout(factor=lambda ratio: 3), 'must be h / (1 - ratio)'),
    (exercises.check_my_dropout, dropout(off=lambda ratio: 1 - ratio), 'ratio is the probability to be switched off'),
    (exercises.check_my_dropout, dropout(off=lambda ratio: ratio / 2), 'wanted about 30%'),
    (exercises.check_my_dropout, dropout(shape=lambda h: h.shape[1:]), 'whole rows, columns, maps'),
    (exercises.check_my_dropout, dropout(shape=lambda h: (*h.shape[:2], 1, 1)), 'whole rows, columns, maps'),
    (exercises.check_my_dropout, dropout_in_place, 'it changes h itself'),
    (exercises.check_my_dropout, dropout_of_a_matrix, 'raised ValueError'),
    (exercises.check_my_dropout, dropout(test=lambda ratio: ratio), 'multiplies by ratio'),
    (exercises.check_my_dropout, dropout(mask=False), 'no number becomes 0'),
    (exercises.check_my_dropout, dropout(test=lambda ratio: 1 - ratio), 'as the slide does'),
    (exercises.check_my_dropout, dropout(test=lambda ratio: 1 / (1 - ratio)), 'at test time nothing happens')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗') and message in out


def test_other_right_answers(capsys):
    exercises.check_mirror(lambda x: np.flip(x, 3).copy())
    exercises.check_twice_as_large(lambda image: np.kron(image, np.ones((1, 2, 2)))[
        :, image.shape[1] // 2:-(image.shape[1] // 2), image.shape[2] // 2:-(image.shape[2] // 2)])
    exercises.check_my_dropout(lambda h, ratio, train, rng: np.where(
        rng.random(h.shape) < ratio, 0, h / (1 - ratio)) if train else h)
    exercises.check_my_dropout(lambda h, ratio, train, rng: chainer.Variable(dropout()(h, ratio, train, rng)))
    assert capsys.readouterr().out.count('✓') == 4
