"""Notebook 11."""

import math

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_stack_of_3x3(stack_of_3x3):
    """Notebook 11: field and weights of n layers of 3 x 3, and of one layer that sees as much."""
    names = 'the field', 'the weights of the n layers', 'the weights of the one layer'
    for n, channels in (1, 4), (2, 64), (3, 5), (5, 2):
        got = call(stack_of_3x3, n, channels)
        if numpy.shape(got) != (3,):
            raise Wrong(f'it gives {got!r}; wanted three numbers.')
        field, square = 2 * n + 1, channels ** 2
        right = field, 9 * n * square, field ** 2 * square
        hints = [{3 * n: 'the fields of two layers overlap: each layer after the first adds 2 pixels.',
                  2 * n: 'one pixel too few: with no layer at all the field is 1.',
                  3 + n - 1: 'each layer adds 2 pixels, one on each side.'},
                 {9 * square: 'that is one layer; there are n.', 9 * n * channels: 'each of the C filters sees all C maps.',
                  9 ** n * square: 'layers stand one behind the other: their weights add up.',
                  n * (9 * square + channels): 'without biases.'},
                 {field ** 2 * channels: 'each of the C filters sees all C maps.', field * square: 'the window is square.',
                  field ** 2 * square + channels: 'without biases.'}]
        for name, value, wanted, hint in zip(names, got, right, hints):
            if value != wanted:
                raise Wrong(f'for n = {n}, C = {channels} {name} comes out as {value}; '
                            + hint.get(value, f'wanted {wanted}.'))


@says
def check_inception_macs(inception_macs):
    """Notebook 11: the multiply-adds of an inception module."""
    for case in (192, 28, 28, 64, 96, 128, 16, 32, 32), (10, 3, 5, 7, 11, 13, 17, 19, 23):
        n_in, height, width, n1, n3_reduce, n3, n5_reduce, n5, n_pool = case
        got = call(inception_macs, *case)

        def macs(positions=height * width, sum_of=sum, three=9, five=25, pooled=n_in * n_pool, reduce=True, direct=False):
            return positions * sum_of([
                n_in * n1, pooled, n_in * n3_reduce * reduce, n_in * n5_reduce * reduce,
                three * (n_in if direct else n3_reduce) * n3, five * (n_in if direct else n5_reduce) * n5])

        right = macs()
        if got == right:
            continue
        what = f'inception_macs{case} gives {got!r}'
        for value, hint in (
                (macs(positions=1), 'that is at one position; there are H x W.'),
                (macs(reduce=False), 'the 1x1 convolutions in front of 3x3 and 5x5 multiply too.'),
                (macs(reduce=False, direct=True), '3x3 and 5x5 see the reduced maps, not all that come in.'),
                (macs(direct=True), '3x3 and 5x5 see the reduced maps, not all that come in.'),
                (macs(three=3, five=5), 'a 3x3 window has 9 pixels, a 5x5 window 25.'),
                (macs(pooled=0), 'behind the pooling there is a 1x1 convolution.'),
                (macs(pooled=9 * n_in * n_pool), 'pooling compares; it does not multiply.'),
                (macs(pooled=n_in * n_pool + 9 * n_in), 'pooling compares; it does not multiply.')):
            if got == value:
                raise Wrong(f'{what}: {hint}')
        raise Wrong(f'{what}; wanted {right:,}.')


@says
def check_residual_block(residual_block):
    """Notebook 11: a residual block, and its gradient."""
    rng = numpy.random.default_rng(1)
    x = rng.standard_normal((2, 3, 5, 6)).astype('f')
    W1, W2 = (rng.standard_normal((2, 3, 3, 3, 3)) * 0.4).astype('f')
    smaller = 'x and what it is added to have not equally many pixels; give both convolutions pad=1.'
    try:
        got = call(residual_block, x, W1, W2)
    except (chainer.utils.type_check.InvalidType, ValueError) as error:
        if 'broadcast' not in str(error):
            raise
        raise Wrong(smaller) from None

    def block(first=F.relu, inner=lambda h: h, last=F.relu, shortcut=x, order=(W1, W2)):
        h = F.convolution_2d(first(F.convolution_2d(x, order[0], pad=1)), order[1], pad=1)
        return last(inner(h) + shortcut).array

    if numpy.shape(getattr(got, 'array', got)) == (2, 3, 1, 2):
        raise Wrong(smaller)
    expect_array(got, block(), hints=(
        (block(shortcut=0), 'x is not added: there is no shortcut.'),
        (block(last=lambda h: h), 'the last ReLU is missing: it comes after the sum.'),
        (block(first=lambda h: h), 'the ReLU between the two convolutions is missing.'),
        (block(inner=F.relu, last=lambda h: h), 'the last ReLU comes after the sum, not before it.'),
        (block(inner=F.relu), 'one ReLU too many: what is added to x may be negative.'),
        (block(order=(W2, W1)), 'W1 comes first, then W2.'),
        (block(order=(W1, W1)), 'the second convolution has weights of its own, W2.')))
    variable = chainer.Variable(x)
    y = call(residual_block, variable, W1, W2)
    if not isinstance(y, chainer.Variable):
        raise Wrong('the numbers are right, but it returns an array; with F.convolution_2d and F.relu it can be trained.')
    F.sum(y).backward()
    if variable.grad is None:
        raise Wrong('the numbers are right, but no gradient reaches x; keep x and h Variables (no .array inside).')


@says
def check_pyramid_pooling(pyramid_pooling):
    """Notebook 11: the maxima of n x n cells, whatever the size of the maps."""
    rng = numpy.random.default_rng(2)
    for height, width, n in (6, 6, 3), (7, 7, 3), (13, 10, 6), (4, 9, 1), (5, 5, 2):
        maps = (rng.standard_normal((2, height, width)) - 2).astype('f')    # nearly all below 0

        def pooled(end=lambda a, n, i: math.ceil((i + 1) * a / n), take=numpy.max, start=lambda a, n, i: i * a // n):
            return numpy.array([[[take(channel[start(height, n, i):end(height, n, i), start(width, n, j):end(width, n, j)])
                                  for j in range(n)] for i in range(n)] for channel in maps])

        try:
            expect_array(call(pyramid_pooling, maps.copy(), n), pooled(), hints=(
                (pooled(lambda a, n, i: (i + 1) * a // n), 'the end of a cell is rounded up, not down.'),
                (pooled(lambda a, n, i: (i + 1) * (a // n), start=lambda a, n, i: i * (a // n)),
                 'cells of H // n rows leave the last rows out; they go from ⌊i·H/n⌋ to ⌈(i+1)·H/n⌉.'),
                (numpy.broadcast_to(pooled().max(axis=0), pooled().shape),
                 'these are the maxima over all maps; each map has its own: axis=(1, 2).'),
                (pooled().max(axis=0), 'these are the maxima over all maps; each map has its own: axis=(1, 2).'),
                (pooled(take=numpy.mean), 'these are means; wanted maxima.'),
                (pooled(take=lambda cell: max(0, cell.max())), 'a maximum may be negative; do not start from 0.'),
                (pooled().swapaxes(1, 2), 'rows and columns are swapped.')))
        except Wrong as wrong:
            raise Wrong(f'for {height} x {width} pixels and n = {n}: {wrong}') from None
