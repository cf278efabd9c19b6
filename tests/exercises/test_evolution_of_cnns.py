import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import exercises


def stack(field=lambda n: 2 * n + 1, each=lambda n, c: n * 9 * c * c, one=lambda k, c: k * k * c * c):
    return lambda n, C: (field(n), each(n, C), one(2 * n + 1, C))


def macs(per_map=lambda window, n_in, n_out: window * n_in * n_out, reduce=True, direct=False, pooled=1,
         positions=True):
    def inception_macs(in_channels, H, W, n1, n3_reduce, n3, n5_reduce, n5, n_pool):
        total = per_map(1, in_channels, n1)
        for window, n_reduce, n in (9, n3_reduce, n3), (25, n5_reduce, n5):
            total += reduce * per_map(1, in_channels, n_reduce)
            total += per_map(window, in_channels if direct else n_reduce, n)
        total += pooled * per_map(1, in_channels, n_pool)
        return (H * W if positions else 1) * total
    return inception_macs


def block(between=F.relu, added=lambda h: h, end=F.relu, shortcut=True, pad=1, swap=False, same=False):
    def residual_block(x, W1, W2):
        W1, W2 = (W2, W1) if swap else (W1, W1) if same else (W1, W2)
        h = added(F.convolution_2d(between(F.convolution_2d(x, W1, pad=pad)), W2, pad=pad))
        return end(h + x if shortcut else h)
    return residual_block


def as_array(x, W1, W2):
    return block()(x, W1, W2).array


def cut_off(x, W1, W2):
    return block()(getattr(x, 'array', x), W1, W2)


def pyramid(up=True, take=np.max, swap=False, start=None):
    def pyramid_pooling(maps, n):
        C, H, W = maps.shape
        y = np.zeros((C, n, n))
        for i in range(n):
            for j in range(n):
                ends = [-(-(k + 1) * size // n) if up else (k + 1) * size // n for k, size in ((i, H), (j, W))]
                cell = maps[:, i * H // n:ends[0], j * W // n:ends[1]]
                y[:, i, j] = take(cell, axis=(1, 2)) if start is None else np.maximum(start, cell.max(axis=(1, 2)))
        return y.swapaxes(1, 2) if swap else y
    return pyramid_pooling


def without_pad(x, W1, W2):
    return F.relu(F.convolution_2d(F.relu(F.convolution_2d(x, W1)), W2) + x)


def narrow_cells(maps, n):
    _, height, width = maps.shape
    high, wide = height // n, width // n
    return np.array([[[channel[i * high:i * high + high, j * wide:j * wide + wide].max()
                       for j in range(n)] for i in range(n)] for channel in maps])


WRONG = [
    (exercises.check_residual_block, without_pad, 'give both convolutions pad=1'),
    (exercises.check_pyramid_pooling, narrow_cells, 'leave the last rows out'),
    (exercises.check_stack_of_3x3, stack(field=lambda n: 3 * n), 'each layer after the first adds 2 pixels'),
    (exercises.check_stack_of_3x3, stack(field=lambda n: 2 * n), 'one pixel too few'),
    (exercises.check_stack_of_3x3, stack(field=lambda n: n + 2), 'one on each side'),
    (exercises.check_stack_of_3x3, stack(each=lambda n, c: 9 * c * c), 'that is one layer; there are n'),
    (exercises.check_stack_of_3x3, stack(each=lambda n, c: n * 9 * c), 'sees all C maps'),
    (exercises.check_stack_of_3x3, stack(each=lambda n, c: n * (9 * c * c + c)), 'without biases'),
    (exercises.check_stack_of_3x3, stack(one=lambda k, c: k * c * c), 'the window is square'),
    (exercises.check_stack_of_3x3, stack(one=lambda k, c: 81 * c), 'wanted'),
    (exercises.check_stack_of_3x3, lambda n, C: 2 * n + 1, 'wanted three numbers'),
    (exercises.check_inception_macs, macs(positions=False), 'there are H x W'),
    (exercises.check_inception_macs, macs(reduce=False), 'in front of 3x3 and 5x5 multiply too'),
    (exercises.check_inception_macs, macs(reduce=False, direct=True), 'see the reduced maps'),
    (exercises.check_inception_macs, macs(direct=True), 'see the reduced maps'),
    (exercises.check_inception_macs, macs(pooled=0), 'behind the pooling'),
    (exercises.check_inception_macs, macs(pooled=9), 'pooling compares'),
    (exercises.check_inception_macs, macs(lambda k, i, o: k ** 0.5 * i * o), 'has 9 pixels'),
    (exercises.check_inception_macs, macs(lambda k, i, o: (k * i + 1) * o), 'wanted'),
    (exercises.check_residual_block, block(shortcut=False), 'there is no shortcut'),
    (exercises.check_residual_block, block(end=lambda h: h), 'the last ReLU is missing'),
    (exercises.check_residual_block, block(between=lambda h: h), 'between the two convolutions is missing'),
    (exercises.check_residual_block, block(added=F.relu, end=lambda h: h), 'after the sum, not before'),
    (exercises.check_residual_block, block(added=F.relu), 'one ReLU too many'),
    (exercises.check_residual_block, block(swap=True), 'W1 comes first'),
    (exercises.check_residual_block, block(same=True), 'weights of its own'),
    (exercises.check_residual_block, block(pad=0, shortcut=False), 'give both convolutions pad=1'),
    (exercises.check_residual_block, as_array, 'it returns an array'),
    (exercises.check_residual_block, cut_off, 'no gradient reaches x'),
    (exercises.check_pyramid_pooling, pyramid(up=False), 'rounded up'),
    (exercises.check_pyramid_pooling, pyramid(take=np.mean), 'these are means'),
    (exercises.check_pyramid_pooling, pyramid(start=0), 'do not start from 0'),
    (exercises.check_pyramid_pooling, pyramid(swap=True), 'rows and columns'),
    (exercises.check_pyramid_pooling, lambda maps, n: maps[:, :n, :n], 'for 6 x 6 pixels and n = 3')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗') and message in out
