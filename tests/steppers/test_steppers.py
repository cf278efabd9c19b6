"""What the kernel does: numbers for the page, the first frame, and messages. The page is tested in tests/browser."""

import base64
import functools
import json

import chainer
import chainer.functions as F
import chainer.links as L
import matplotlib.pyplot as plt
import numpy as np
import pytest

from nico2ai_cnn import filters, inspection, links, steppers

SQUARE = np.pad(np.zeros((4, 4)), 1, constant_values=1.0)
LENET = [('conv1', 5, 1, 2), ('pool1', 2, 2, 0), ('conv2', 5, 1, 0), ('pool2', 2, 2, 0)]


def every_stepper():
    return [steppers.ConvolutionStepper(SQUARE, filters.DIFFERENCE_X, pad=1), steppers.PoolingStepper(SQUARE),
            steppers.ConvolutionBackwardStepper(SQUARE, filters.LAPLACIAN, pad=1),
            steppers.PoolingBackwardStepper(SQUARE), steppers.ReceptiveFieldStepper(LENET, 28)]


@pytest.mark.parametrize('stepper', every_stepper(), ids=lambda stepper: type(stepper).__name__)
def test_output_holds_a_view_a_picture_and_stable_text(stepper):
    data, _ = stepper._repr_mimebundle_()
    assert data.keys() == {'text/plain', 'image/png', 'application/vnd.jupyter.widget-view+json'}
    assert base64.b64decode(data['image/png']).startswith(b'\x89PNG')
    assert data['text/plain'] == f'{stepper.title}: run this cell to step through it'
    assert not plt.get_fignums(), 'the first frame leaves no figure behind'
    json.dumps(stepper.scene, allow_nan=False)
    page = stepper.to_html()
    assert 'http' not in page.replace('http://www.w3.org/2000/svg', ''), 'it needs no network'


def numbers_of(ax):
    """The numbers written into a matrix, as {(row, column): number}."""
    return {(int(y), int(x)): float(text.get_text()) for text in ax.texts for x, y in [text.get_position()]}


def axes_titled(stepper):
    return {ax.get_title(): ax for ax in stepper.first_frame().axes}


def as_dict(matrix):
    return {at: pytest.approx(value, rel=0.01, abs=1e-6) for at, value in np.ndenumerate(matrix)}


def test_first_frame_of_convolution_is_chainers(rng):
    x, W = rng.integers(0, 9, (2, 6, 5)), rng.integers(-3, 4, (3, 2, 3, 2)).astype('f')
    axes = axes_titled(steppers.ConvolutionStepper(x, W, [0.5, 1, 2], stride=2, pad=1))
    y = F.convolution_2d(x[None].astype('f'), W, np.array([0.5, 1, 2], 'f'), stride=2, pad=1).array[0, 0]
    assert numbers_of(axes[f'output, {y.shape[0]} x {y.shape[1]}']) == as_dict(y)
    assert numbers_of(axes['filter, channel 1']) == as_dict(W[0, 1])
    assert numbers_of(axes['input, channel 1']) == as_dict(np.pad(x[1], 1))


def test_first_frame_says_the_sum():
    figure = steppers.ConvolutionStepper(np.arange(16).reshape(4, 4), filters.DIFFERENCE_X, 2).first_frame()
    assert figure.get_supxlabel() == ('output (row 0, column 0):\n0×0 + 0×1 + 0×2\n+ (-0.5)×4 + 0×5 + 0.5×6\n'
                                      '+ 0×8 + 0×9 + 0×10 + (2) = 3')


def hatched(ax):
    """The cells that are struck out: those through whose middle a line goes."""
    middles = [np.mean(line, axis=0) for lines in ax.collections for line in lines.get_segments()]
    return {(int(y), int(x)) for x, y in middles if (x % 1, y % 1) == (0, 0)}


def test_first_frame_hatches_what_no_window_reads(rng):
    x, W = rng.random((2, 9, 8)), rng.random((1, 2, 3, 2))
    for stride, pad, dilate in (1, 0, 1), (3, 0, 1), (4, 1, 1), (2, 0, 3), (5, 2, 2), (1, 0, 2):
        stepper = steppers.ConvolutionStepper(x, W, stride=stride, pad=pad, dilate=dilate)
        variable = chainer.Variable(x[None].astype('f'))
        F.sum(F.convolution_2d(variable, W.astype('f'), stride=stride, pad=pad, dilate=dilate)).backward()
        unread = {(i + pad, j + pad) for i, j in np.argwhere(variable.grad[0, 0] == 0)}
        axes = axes_titled(stepper)
        assert hatched(axes['input, channel 0']) == hatched(axes['input, channel 1']) == unread
        says = f'hatched: {len(unread)} pixels that no window reads'
        assert (says in stepper.first_frame().get_supxlabel()) == bool(unread)
        assert (len(unread) > 0) == (stride > 1), 'the cases are worth a test'


@pytest.mark.parametrize('settings, unread', [
    ({'ksize': 2, 'method': 'average'}, {(i, j) for i in range(5) for j in range(5) if 4 in (i, j)}),
    ({'ksize': 2}, set()),          # cover_all: the last windows hang over
    ({'ksize': 1, 'stride': 2}, {(i, j) for i in range(5) for j in range(5) if i % 2 or j % 2}),
    ({'ksize': 2, 'stride': 4, 'pad': 1, 'cover_all': False},
     {(i + 1, j + 1) for i in range(5) for j in range(5) if not {i, j} <= {0, 3, 4}})])
def test_first_frame_of_pooling_hatches_what_no_window_reads(settings, unread):
    stepper = steppers.PoolingStepper(np.ones((5, 5)), **settings)
    assert hatched(axes_titled(stepper)['input']) == unread
    assert (f'hatched: {len(unread)} pixels' in stepper.first_frame().get_supxlabel()) == bool(unread)


@pytest.mark.parametrize('method', ['max', 'average'])
def test_first_frame_of_pooling_is_chainers(method, rng):
    x = rng.random((5, 5)).astype('f')
    axes = axes_titled(steppers.PoolingStepper(x, 3, 2, 1, method))
    pool = F.max_pooling_2d if method == 'max' else F.average_pooling_2d
    assert numbers_of(axes[f'{method}, 3 x 3']) == as_dict(pool(x[None, None], 3, 2, 1).array[0, 0])


def test_first_frame_of_backward_is_chainers(rng):
    x, W, gy = rng.random((1, 5, 5)), rng.random((1, 1, 3, 3)), rng.random((1, 3, 3))
    axes = axes_titled(steppers.ConvolutionBackwardStepper(x, W, gy))
    assert numbers_of(axes['gx']) == as_dict(np.pad(gy[0, 0, 0] * W[0, 0], (0, 2)))
    assert numbers_of(axes['gW']) == as_dict(gy[0, 0, 0] * x[0, :3, :3])
    axes = axes_titled(steppers.PoolingBackwardStepper(np.arange(16.0).reshape(4, 4), [[7, 1], [2, 3]]))
    assert numbers_of(axes['gx']) == as_dict(np.diag([0, 7, 0, 0]))
    for cover_all, side in (True, 3), (False, 2):
        stepper = steppers.PoolingBackwardStepper(np.arange(25.0).reshape(5, 5), cover_all=cover_all)
        assert axes_titled(stepper)['error gy'].images[0].get_array().shape == (side, side)


@pytest.mark.parametrize('net, shape', [
    (links.LeNet(), (1, 28, 28)), (links.AlexNet(10, 1, small=True), (1, 28, 28)), (links.NIN(10, 1, small=True), (1, 28, 28)),
    (chainer.Sequential(L.Convolution2D(3, 4, 3, dilate=2, pad=2), F.relu, functools.partial(F.max_pooling_2d, ksize=2)),
     (3, 9, 12))], ids=lambda each: type(each).__name__)
def test_receptive_fields_of_a_summary_are_its_own(net, shape):
    rows = [row for row in inspection.summary(net, shape) if row.ksize and len(row.out_shape) == 3]
    layers = steppers.ReceptiveFieldStepper(inspection.summary(net, shape)).scene['layers']
    assert [tuple(layer['size']) for layer in layers] == [row.out_shape[1:] for row in rows]
    field = jump = 1
    for layer, row in zip(layers, rows):
        field, jump = field + layer['dilate'] * (layer['ksize'] - 1) * jump, jump * layer['stride']
        assert (field, jump) == (row.receptive_field, row.jump)


@pytest.mark.parametrize('net, says', [
    (links.ResNet(8, 10, 1, small=True), 'does not follow from the windows before it'),
    (links.GoogLeNet(10, 1, small=True), 'does not follow from the windows before it'),
    (L.Convolution2D(1, 4, (1, 7)), r'has ksize \(1, 7\), and only square'),
    (L.Deconvolution2D(1, 4, 3, stride=2), 'does not follow from the windows before it')], ids=lambda each: type(each).__name__)
def test_a_summary_that_is_no_chain_of_square_windows(net, says):
    net = net if isinstance(net, chainer.Chain) else chainer.Sequential(net)
    with pytest.raises(ValueError, match=says):
        steppers.ReceptiveFieldStepper(inspection.summary(net, (1, 28, 28)))


def test_first_frame_of_receptive_field():
    stepper = steppers.ReceptiveFieldStepper(LENET, 28, np.zeros((1, 28, 28)))
    assert [layer['size'] for layer in stepper.scene['layers']] == [[28, 28], [14, 14], [10, 10], [5, 5]]
    assert stepper.first_frame().get_supxlabel() == 'the middle unit of pool2 sees 16 x 16 pixels of the input'


def test_takes_variables_images_and_dicts():
    variable = chainer.Variable(SQUARE[None, None].astype('f'))
    link = L.Convolution2D(1, 2, 3)
    scene = steppers.ConvolutionStepper({'square': variable, 'ints': np.eye(6, dtype=np.uint8)}, link.W, link.b).scene
    assert scene['inputs'][0] == ['square', [SQUARE.tolist()]] and scene['inputs'][1][0] == 'ints'
    np.testing.assert_array_equal(np.array(scene['filters'][0][1]['W'], 'f'), link.W.array)
    assert steppers.PoolingStepper(np.full((2, 2), 0.1)).scene['inputs'] == [['input', [[[0.1, 0.1], [0.1, 0.1]]]]]


@pytest.mark.parametrize('call, message', [
    (lambda: steppers.ConvolutionStepper(SQUARE, np.ones((7, 7))), 'ksize 7 x 7 is larger than the padded input 6 x 6'),
    (lambda: steppers.ConvolutionStepper(SQUARE, np.ones((4, 4)), dilate=2),
     'ksize 4 x 4 with dilate 2 spans 7 x 7, which is larger than the padded input 6 x 6'),
    (lambda: steppers.ConvolutionStepper(SQUARE, filters.box(3), stride=0),
     'stride must be an integer of at least 1; got 0'),
    (lambda: steppers.ConvolutionStepper(SQUARE, filters.box(3), pad=-1), 'pad must be an integer of at least 0; got -1'),
    (lambda: steppers.ConvolutionStepper(SQUARE, filters.box(3), dilate=1.5), 'dilate must be an integer'),
    (lambda: steppers.ConvolutionStepper(np.ones((3, 6, 6)), filters.box(3)),
     r'x has 3 channels, and W 1: a filter spans all channels of its input, so W must have shape \(out, 3, kh, kw\)'),
    (lambda: steppers.ConvolutionStepper(np.array([[1, np.nan], [0, 0]]), np.ones((1, 1))),
     r'x holds nan at index \(0, 1\), and every window that reads it'),
    (lambda: steppers.ConvolutionStepper(SQUARE, L.Convolution2D(None, 2, 3).W), 'W has no values yet: a link made with'),
    (lambda: steppers.ConvolutionStepper(SQUARE, filters.box(3), [1, 2]), 'b must hold one bias per output map, 1; got 2'),
    (lambda: steppers.ConvolutionStepper(np.ones((2, 1, 6, 6)), filters.box(3)), r'x must be one image .* got \(2, 1, 6, 6\)'),
    (lambda: steppers.ConvolutionStepper(np.ones((300, 451)), filters.box(3)), r'x\[..., ::4, ::4\] takes every 4th pixel'),
    (lambda: steppers.ConvolutionStepper(np.ones((28, 28, 28)), filters.box(3)), 'at most 16. In Chainer the channels come first'),
    (lambda: steppers.ConvolutionStepper({}, filters.box(3)), 'x is an empty dict'),
    (lambda: steppers.ConvolutionStepper({'a': np.zeros((0, 3))}, filters.box(3)), r"x\['a'\] must hold at least one number"),
    (lambda: steppers.ConvolutionStepper(SQUARE, np.ones(3)), r'W must have shape \(kh, kw\)'),
    (lambda: steppers.ConvolutionStepper(SQUARE, np.ones((17, 17))), 'at most 15 x 15 products'),
    (lambda: steppers.PoolingStepper(SQUARE, 7, cover_all=False), 'ksize 7 is larger than the padded input 6 x 6'),
    (lambda: steppers.PoolingStepper(SQUARE, 9, 2), 'ksize 9 is larger than the padded input 6 x 6'),
    (lambda: steppers.PoolingStepper(SQUARE, 2, pad=2), 'pad must be smaller than ksize, 2'),
    (lambda: steppers.PoolingStepper(SQUARE, 2, -1), 'stride must be an integer of at least 1; got -1'),
    (lambda: steppers.PoolingStepper(SQUARE, method='median'), "method must be 'max' or 'average'; got 'median'"),
    (lambda: steppers.ConvolutionBackwardStepper(SQUARE, filters.box(3), np.ones((3, 3))),
     r'gy must have the shape of the output, \(1, 4, 4\); got \(1, 3, 3\)'),
    (lambda: steppers.ConvolutionBackwardStepper(np.ones((99, 99)), filters.box(3)), 'gy holds 9409 errors, too many'),
    (lambda: steppers.PoolingBackwardStepper(SQUARE, np.full((3, 3), np.inf)), 'gy holds inf at index'),
    (lambda: steppers.ReceptiveFieldStepper([], 28), 'layers is empty'),
    (lambda: steppers.ReceptiveFieldStepper([('conv', 5, 1)], 28), r"each of layers must be \(name, ksize, stride, pad\)"),
    (lambda: steppers.ReceptiveFieldStepper([('conv', 5, 0, 0)], 28), 'stride of conv must be an integer of at least 1; got 0'),
    (lambda: steppers.ReceptiveFieldStepper(LENET, 8), 'conv2: ksize 5 is larger than its padded input 4 x 4'),
    (lambda: steppers.ReceptiveFieldStepper([('a', 1, 1, 0)] * 2, 8), "layers must have names of their own; 'a' comes twice"),
    (lambda: steppers.ReceptiveFieldStepper(LENET, (28, 28, 1)), r'size must be one integer or \(H, W\)'),
    (lambda: steppers.ReceptiveFieldStepper(LENET, 28, np.zeros((27, 28))), 'x must be 28 x 28 pixels, as size says; got 27 x 28')])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize('value', ['digit', None, [['a']], object()])
def test_not_numbers(value):
    with pytest.raises(TypeError, match='x must be an array of numbers or a Variable; got'):
        steppers.PoolingStepper(value)
