import json
import sys

import numpy
import pytest

from benchmarks import __main__ as benchmark, mnist_error, recipe, scaling
from nico2ai_cnn import _device, inspection, links
from tests.notebook_files import ROOT

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
    for name in 'small', 'resnet':
        side('prepare', function='network_step', name=name, batch_size=2, device='cpu')
        assert side('measure', at_least=0.) > 0
    side('prepare', function='forward_pass', name='ResNet', size=224)
    assert side('measure', at_least=0.) > 0


@pytest.mark.skipif(not _device.why_no_gpu(), reason='there is a GPU here')
def test_without_a_gpu_its_figures_are_left_out(capsys):
    benchmark.gpu()
    assert 'gpu: left out, there is none (CuPy' in capsys.readouterr().out


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


def test_held_out_digits_are_not_learnt_and_test_digits_never_chosen_by():
    learn, held_out = mnist_error.digits(validate=True)
    assert len(learn[1]) == 50_000 and len(held_out[1]) == 10_000
    everything, test = mnist_error.digits(validate=False)
    assert len(everything[1]) == 60_000 and len(test[1]) == 10_000
    together = numpy.concatenate([learn[0], held_out[0]]).sum(axis=(1, 2, 3))
    numpy.testing.assert_allclose(numpy.sort(together), numpy.sort(everything[0].sum(axis=(1, 2, 3))))


def test_mnist_error_counts_wrong_answers_augments_and_looks_nine_times(monkeypatch):
    monkeypatch.setattr(mnist_error, 'EPOCHS', 1)
    p = numpy.eye(10, dtype='f')[[1, 2, 3, 4]]
    assert mnist_error.error(p, numpy.array([1, 2, 3, 5])) == 25
    network = mnist_error.WideLeNet(numpy.random.default_rng(0))
    x = numpy.random.default_rng(0).random((2, 1, 28, 28)).astype('f')
    assert network(x).shape == (2, 10)
    dot = numpy.zeros((1, 1, 9, 9), 'f')
    dot[0, 0, 4, 4] = 1
    views = mnist_error.views(dot)
    places = [divmod(int(view.argmax()), 9) for view in views]
    assert places[0] == (4, 4) and sorted(places) == [(i, j) for i in (3, 4, 5) for j in (3, 4, 5)]
    answers = mnist_error.probabilities(0, (x[:2], numpy.array([3, 5])), x, None)
    assert answers.shape == (9, 2, 10)
    numpy.testing.assert_allclose(answers.sum(axis=2), 1, rtol=1e-5)
    assert numpy.abs(mnist_error.AUGMENT(x, rng=numpy.random.default_rng(0)) - x).max() > .1


def test_scaling_s_estimates_follow_from_its_formula_and_stand_in_its_page():
    assert scaling.ring(8e6, 2, 1e9, 1e-3) == pytest.approx(8e6 / 1e9 + 2e-3)      # each sends all of it, in 2 halves
    assert scaling.ring(8e6, 1, 1e9, 1e-3) == 0
    assert scaling.efficiency(3., 1.) == .75
    page = (ROOT / 'benchmarks' / 'scaling.md').read_text()
    for row in scaling.estimates():
        assert f'| {" | ".join(map(str, row))} |' in page


def test_scaling_s_networks_are_those_of_the_course():
    for link, size, name in (links.AlexNet(), 227, 'AlexNet'), (links.ResNet(), 224, 'ResNet-50'):
        summary = inspection.summary(link, (3, size, size))
        assert scaling.LARGE[name][:2] == (summary.parameters, summary.macs)


def test_scaling_measures_one_process_too(monkeypatch, capsys):
    pytest.importorskip('mpi4py')
    monkeypatch.setattr(scaling, 'STEPS', 6)
    monkeypatch.setattr(scaling, 'BATCH_SIZE', 4)
    scaling.measure()
    found, sums = json.loads(capsys.readouterr().out)
    assert found.keys() == {'LeNet', 'WideLeNet'} and sums == {}
    for *parts, step in found.values():
        assert all(part >= 0 for part in parts) and step >= max(parts) > 0
