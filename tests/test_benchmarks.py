import sys

import numpy
import pytest

from benchmarks import __main__ as benchmark, recipe

LAYER = benchmark.layer_arguments((2, 4, 8, 3, 1, 1, 1), 2)


@pytest.fixture(params=['ours', 'stock', 'pytorch'])
def side(request):
    if request.param == 'pytorch':
        pytest.importorskip('torch')
    side = getattr(benchmark, request.param)()
    yield side
    side.close()


def test_a_side_answers(side):
    assert isinstance(side('describe'), str)
    seconds = benchmark.alternate([side], 'layer_step', rounds=2, at_least=0., **LAYER)
    assert len(seconds[0]) == 2 and all(0 < s < 10 for s in seconds[0])
    side('prepare', function='network_step', name='small', batch_size=2)
    assert side('measure', at_least=0.) > 0
    side('prepare', function='forward_pass', name='ResNet', size=224)
    assert side('measure', at_least=0.) > 0


def test_stock_is_stock_and_ours_is_ours():
    sides = [benchmark.ours(), benchmark.stock()]
    assert ['stock' in side('describe') for side in sides] == [False, True]
    for side in sides:
        side.close()


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_the_kernels_take_less_memory():
    arguments = benchmark.layer_arguments((16, 32, 64, 3, 1, 1, 1), 8)
    sides = [benchmark.ours(), benchmark.stock()]
    ours, stock = (side('peak_memory', function='layer_step', **arguments) for side in sides)
    for side in sides:
        side.close()
    assert 8 * 32 * 64 * 64 * 4 < ours < stock


def test_the_recipe_sees_every_digit_and_ends_at_zero():
    n = 4 * recipe.BATCH_SIZE
    steps = list(recipe.steps(seed=0, n_example=n))
    assert len(steps) == 4 * recipe.EPOCHS
    first_epoch = numpy.concatenate([indexes for indexes, _ in steps[:4]])
    assert sorted(first_epoch) == list(range(n))
    alphas = [alpha for _, alpha in steps]
    assert alphas[0] == 0 and max(alphas) <= recipe.ALPHA and alphas[-1] < max(alphas) / 5


def test_a_ratio_is_the_median_of_the_rounds():
    assert benchmark.ratio([1, 2, 9], [2, 2, 3]) == 1
