"""Notebook 08."""

import chainer
import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_mirror(mirror):
    """Notebook 08: a batch mirrored left to right."""
    x = numpy.arange(2 * 3 * 4 * 5, dtype='f').reshape(2, 3, 4, 5)
    before = x.copy()
    got = call(mirror, x)
    if not numpy.array_equal(x, before):
        raise Wrong('it changes x itself; the caller still needs that. Return a new array or a view.')
    expect_array(got, x[..., ::-1], hints=(
        (x, 'nothing has changed.'), (x[:, :, ::-1], 'that is top to bottom; the columns are the last axis.'),
        (x[:, ::-1], 'that turns the channels around; the columns are the last axis.'),
        (x[::-1], 'that turns the order of the images around; the columns are the last axis.'),
        (x[:, :, ::-1, ::-1], 'that is left to right and top to bottom: turned by 180 degrees.'),
        (x.transpose(0, 1, 3, 2), 'that exchanges rows and columns.')))


@says
def check_twice_as_large(twice_as_large):
    """Notebook 08: the middle of an image twice as large."""
    rng = numpy.random.default_rng(0)
    for shape in (2, 4, 4), (1, 6, 8):
        image = rng.random(shape).astype('f')
        large = image.repeat(2, axis=1).repeat(2, axis=2)
        _, height, width = shape
        i, j = height // 2, width // 2
        tiled = numpy.tile(image, (1, 2, 2))
        expect_array(call(twice_as_large, image.copy()), large[:, i:i + height, j:j + width], hints=(
            (large, 'it is twice as large, but the middle still has to be cut out.'),
            (large[:, :height, :width], 'that is the top left corner; the middle begins at row H/2, column W/2.'),
            (large[:, height:, width:], 'that is the bottom right corner; the middle begins at row H/2, column W/2.'),
            (tiled[:, i:i + height, j:j + width], 'that is the image side by side with itself (np.tile); np.repeat '
             'makes each pixel larger.'),
            (image.repeat(2, axis=1)[:, i:i + height], 'only the rows are doubled; the columns too.'),
            (image, 'nothing has changed.')))


@says
def check_crop_anywhere(crop_anywhere):
    """Notebook 08: a random crop, every place equally likely."""
    image = numpy.arange(2 * 5 * 7, dtype='f').reshape(2, 5, 7)
    size, n_draw = 3, 1500
    rng, seen = numpy.random.default_rng(0), {}
    for _ in range(n_draw):
        got = numpy.asarray(call(crop_anywhere, image, size, rng))
        if got.shape != (2, size, size):
            raise Wrong(f'for an image of 2 x 5 x 7 and size 3 it gives shape {got.shape}; wanted (2, 3, 3).')
        top, left = divmod(int(got[0, 0, 0]), 7)
        if top > 2 or left > 4 or not numpy.array_equal(got, image[:, top:top + size, left:left + size]):
            raise Wrong('that is no part of the image: take rows and columns that follow each other, all channels alike.')
        seen[top, left] = seen.get((top, left), 0) + 1
    tops, lefts = {top for top, _ in seen}, {left for _, left in seen}
    if len(seen) == 1:
        raise Wrong('it is always the same place; draw top and left from rng.')
    if all(top == left for top, left in seen):
        raise Wrong('top and left always go together; draw each of them by itself.')
    if max(tops) < 2 or max(lefts) < 4:
        raise Wrong('the last row or column of the image never comes; rng.integers leaves its upper limit out.')
    if min(tops) > 0 or min(lefts) > 0:
        raise Wrong('the first row or column of the image never comes; begin at 0.')
    if len(seen) < 15:
        raise Wrong('top and left always go together; draw each of them by itself.')
    if min(seen.values()) < 0.5 * n_draw / 15 or max(seen.values()) > 1.6 * n_draw / 15:
        raise Wrong('some places come much more often than others; wanted: all equally often.')
    twice = [[crop_anywhere(image, size, rng) for _ in range(20)]
             for rng in (numpy.random.default_rng(5), numpy.random.default_rng(5))]
    if not numpy.array_equal(*twice):
        raise Wrong('the same rng gives another crop the second time; draw from rng and from nothing else.')


@says
def check_my_dropout(my_dropout):
    """Notebook 08: dropout that divides in training."""
    # Four axes, as behind a convolution; so long that chance never switches off all along one of them.
    h, ratio = numpy.random.default_rng(0).random((20, 20, 20, 20)) + 1, 0.3

    def answer(train):
        given = h.copy()
        got = my_dropout(given, ratio, train, numpy.random.default_rng(1))
        if got is None:
            call(my_dropout, given, ratio, not train, numpy.random.default_rng(1))      # waits, if that is None too
            raise Wrong(f'with train={train} it returns None, with train={not train} an array; it must return one in both.')
        if not numpy.array_equal(given, h):
            raise Wrong('it changes h itself; the caller still needs that. Return a new array.')
        return got.array if isinstance(got, chainer.Variable) else numpy.asarray(got)

    expect_array(answer(train=False), h, hints=(
        (h * (1 - ratio), 'at test time it multiplies by the probability to stay, as the slide does; here the '
         'division in training makes up for that.'),
        (h * ratio, 'at test time it multiplies by ratio; but the division in training has made up for what is missing.'),
        (h / (1 - ratio), 'at test time nothing happens.')))
    got = answer(train=True)
    if got.shape != h.shape:
        raise Wrong(f'in training the result has shape {got.shape}; wanted {h.shape}.')
    zero = got == 0
    if not zero.any():
        raise Wrong('in training no number becomes 0.')
    if abs(zero.mean() - (1 - ratio)) < 0.03:
        raise Wrong(f'it switches off {zero.mean():.0%}; ratio is the probability to be switched off, {ratio:.0%}.')
    if abs(zero.mean() - ratio) > 0.03:
        raise Wrong(f'it switches off {zero.mean():.0%} of the numbers; wanted about {ratio:.0%}, each by itself.')
    if any(zero.all(axis=axis).any() for axis in range(h.ndim)):
        raise Wrong('whole rows, columns, maps or images are switched off together; draw for each number: '
                    'rng.random(h.shape).')
    factor = got[~zero] / h[~zero]
    for wrong, hint in ((1, 'what stays must be divided by the probability to stay.'),
                        (1 / ratio, 'divide by the probability to stay, 1 - ratio, not by ratio.'),
                        (1 - ratio, 'divide by the probability to stay; this multiplies.')):
        if numpy.allclose(factor, wrong):
            raise Wrong(f'in training: {hint}')
    if not numpy.allclose(factor, 1 / (1 - ratio)):
        raise Wrong('in training: what stays must be h / (1 - ratio).')
    if not numpy.array_equal(answer(train=True), got):
        raise Wrong('the same rng gives another mask the second time; draw from rng and from nothing else.')
