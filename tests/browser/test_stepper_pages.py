"""Every number that a stepper shows, read off the page and compared with Chainer's; and its mouse, keys and marks."""

import decimal
import re
import statistics

import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import datasets, filters, steppers

pytestmark = pytest.mark.browser

IN_TEXT = {'rtol': 6e-4, 'atol': 1e-6}      # four digits


def matches(shown, matrix, border=0):
    """Whether {(row, column): number} is the whole of a matrix whose first pixel is (-border, -border)."""
    matrix = np.asarray(matrix)
    assert shown.keys() == {(i - border, j - border) for i, j in np.ndindex(matrix.shape)}
    for (i, j), value in np.ndenumerate(matrix):
        text = shown[i - border, j - border]
        last_digit = 10.0 ** decimal.Decimal(text).as_tuple().exponent if np.isfinite(value) else 1
        assert float(text) == pytest.approx(value, rel=1e-5, abs=0.501 * last_digit)
        assert len(text) <= 3 or float(text) == pytest.approx(value, rel=0.05)


def evaluate(arithmetic):
    """The value of an arithmetic text such as '0.5×2 + (-1)×3'."""
    assert re.fullmatch(r'[-+×*/().\de ∞]+', arithmetic), arithmetic
    return eval(arithmetic.replace('×', '*'))


def fixed(shape, seed=0, low=-4, high=5):
    return np.random.default_rng(seed).integers(low, high, shape).astype('f') / 2


@pytest.mark.parametrize('stride, pad, dilate', [(1, 0, 1), (2, 1, 1), (3, 0, 1), (1, 2, 2), (4, 3, 3), (2, 4, 1)])
@pytest.mark.parametrize('channels', [1, 2])
def test_convolution_shows_chainers_numbers(show, stride, pad, dilate, channels):
    x, W, b = fixed((channels, 6, 7)), fixed((2, channels, 3, 2), 1), np.array([0.25, -3], 'f')
    page = show(steppers.ConvolutionStepper(x, W, b))
    for label, value in ('stride', stride), ('padding', pad), ('dilation', dilate), ('output map', '1'):
        page.set(label, value)
    y = F.convolution_2d(x[None], W, b, stride=stride, pad=pad, dilate=dilate).array[0, 1]
    matches(page.numbers('output'), y)
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    for c in range(channels):
        matches(page.numbers(f'input {c}'), padded[c], pad)
        matches(page.numbers(f'filter {c}'), W[1, c])
    page.press('Home')
    for n, (i, j) in enumerate(np.ndindex(y.shape)):
        assert page.text('.where') == f'output (row {i}, column {j}):'
        assert page.boxes('output', 'unit') == [(i, j, 1, 1)]
        assert page.boxes('input 0', 'window') == [(i * stride - pad, j * stride - pad, 2 * dilate + 1, dilate + 1)]
        sums = [float(text) for text in page.texts('.sum .value')]
        windows = padded[:, i * stride:, j * stride:][:, :2 * dilate + 1:dilate, :dilate + 1:dilate]
        np.testing.assert_allclose(sums, (windows * W[1]).sum(axis=(1, 2)), **IN_TEXT)
        np.testing.assert_allclose([evaluate(text) for text in page.texts('.terms')], sums, **IN_TEXT)
        total, = page.texts('.total')
        arithmetic, value = total.replace('(bias)', '').split('=')
        assert '(-3) (bias)' in total and evaluate(arithmetic) == pytest.approx(float(value), rel=1e-3)
        np.testing.assert_allclose(float(value), y[i, j], **IN_TEXT)
        page.press('ArrowRight') if j + 1 < y.shape[1] else (page.press('ArrowDown'), [
            page.press('ArrowLeft') for _ in range(y.shape[1] - 1)])


def test_the_lectures_half(show):
    """Slide 11: the hollow square, and 0.5 at (row 1, column 0)."""
    square = np.pad(np.pad(np.zeros((4, 4)), 1, constant_values=1), 2)
    page = show(steppers.ConvolutionStepper(square, filters.DIFFERENCE_X))
    page.press('ArrowDown')
    assert page.text('.where') == 'output (row 1, column 0):'
    assert page.texts('.products') == [
        '0×0 + 0×0 + 0×0', '+ (-0.5)×0 + 0×0 + 0.5×1', '+ 0×0 + 0×0 + 0×1']
    assert page.texts('.sum') == ['= 0.5'] and page.numbers('output')[1, 0] == '0.5'


def test_unread_pixels_are_marked(show):
    page = show(steppers.ConvolutionStepper(np.zeros((6, 6)), filters.box(3), stride=2))
    assert set(page.boxes('input 0', 'hatch')) == {(i, j) for i in range(6) for j in range(6) if 5 in (i, j)}
    assert '11 pixels that no window reads' in page.text('.status')
    page.set('stride', 1)
    assert page.boxes('input 0', 'hatch') == []
    page.set('dilation', 2)     # taps at 0, 2, 4 and 1, 3, 5: all are read
    assert page.boxes('input 0', 'hatch') == []


def test_impossible_settings_say_why(show):
    x = {'grey': np.zeros((4, 4)), 'colour': np.zeros((3, 4, 4))}
    page = show(steppers.ConvolutionStepper(x, filters.box(3)))
    page.set('dilation', 2)
    assert page.text() == ('The 3 x 3 filter, its pixels 2 apart, spans 5 x 5, and the padded input is only 4 x 4: '
                           'it fits nowhere. More padding or less dilation would help.')
    assert page.numbers('output') == {}
    for key in 'ArrowRight', 'End', 'Home', 'ArrowUp':
        page.press(key)
    page.set('padding', 1)
    matches(page.numbers('output'), np.zeros((2, 2)))
    page.set('input', 'colour')
    assert page.text().startswith('The input has 3 channels, and this filter one channel')
    page.set('input', 'grey')
    assert page.text('.where') == 'output (row 0, column 0):'


def test_menus_keep_their_order_and_sliders_may_be_left_out(show):
    page = show(steppers.ConvolutionStepper({'z': np.eye(9), 'a': np.eye(9)}, {'Z': np.ones((7, 7)), 'B': np.eye(3)}, sliders=False))
    assert page.texts('label:not([hidden]) option') == ['z', 'a', 'Z', 'B']
    assert page.texts('input[type=range]') == [] and page.text('.status') == ''
    assert page.run('return root.querySelector(".right .arithmetic")') is None, '49 products take the whole width'
    page.set('filter', 'B')
    assert page.run('return root.querySelector(".right .arithmetic")')


def test_even_filters_are_explained(show):
    page = show(steppers.ConvolutionStepper(np.zeros((4, 4)), np.ones((2, 2))))
    assert 'an even filter has no middle pixel' in page.text('.status')


def test_pointing_at_an_input_pixel_shows_every_output_it_reaches(show):
    page = show(steppers.ConvolutionStepper(fixed((6, 6)), fixed((3, 3), 1), stride=2, dilate=2, pad=1))
    page.border = 1
    for at in (0, 0), (1, 3), (-1, -1), (5, 5), (2, 3):
        one_hot = np.zeros((1, 1, 8, 8), 'f')
        one_hot[0, 0, at[0] + 1, at[1] + 1] = 1
        reached = F.convolution_2d(one_hot, np.ones((1, 1, 3, 3), 'f'), stride=2, dilate=2).array[0, 0]
        page.point('input 0', *at)
        assert page.boxes('output', 'reach') == [(*map(int, where), 1, 1) for where in np.argwhere(reached)]
        assert f'is read by {int(reached.sum())} of the 4 outputs' in page.text()
    page.point('input 0', 0, 0, 'pointerleave')
    assert page.text('.where') == 'output (row 0, column 0):'


def test_pointing_and_clicking_at_an_output_shows_its_window(show):
    page = show(steppers.ConvolutionStepper(fixed((6, 6)), fixed((3, 3), 1)))
    page.point('output', 2, 3)
    assert page.boxes('input 0', 'window') == [(2, 3, 3, 3)]
    page.point('output', 2, 3, 'pointerleave')
    assert page.boxes('input 0', 'window') == [(0, 0, 3, 3)], 'pointing alone does not move'
    page.point('output', 1, 3, 'click')
    page.point('output', 1, 3, 'pointerleave')
    assert page.boxes('input 0', 'window') == [(1, 3, 3, 3)], 'a click does'


def test_space_plays_and_steps_answer_within_50_ms(show):
    photo, digit = datasets.get_photo('chelsea', 96, grey=True), datasets.get_mnist(ndim=3)[1][0][0]
    page = show(steppers.ConvolutionStepper({'photo': photo, 'digit': digit}, filters.NAMED))
    answers = [page.press(key) for key in ['ArrowRight', 'ArrowDown'] * 10]
    page.set('input', 'digit')
    answers += [page.press(key) for key in ['ArrowRight', 'ArrowDown'] * 10]
    assert statistics.median(answers) < 50
    page.press('End')
    page.press(' ')             # from the end it starts again
    assert page.text('.where') == 'output (row 0, column 0):'
    assert page.run('return new Promise(done => setTimeout(() => done(root.querySelector(".where").textContent), 900))') == (
        'output (row 0, column 1):')
    page.press(' ')


@pytest.mark.parametrize('method', ['max', 'average'])
@pytest.mark.parametrize('k, s, p, cover_all', [(2, 2, 0, True), (3, 2, 0, True), (3, 2, 1, False), (2, 2, 0, False), (2, 3, 1, True)])
def test_pooling_shows_chainers_numbers(show, method, k, s, p, cover_all):
    x = fixed((2, 5, 5))
    page = show(steppers.PoolingStepper(x))
    for label, value in ('method', method), ('ksize', k), ('stride', s), ('padding', p), ('cover_all', cover_all):
        page.set(label, value)
    if method == 'max':
        y = F.max_pooling_2d(x[None], k, s, p, cover_all=cover_all).array[0]
    else:
        y = F.average_pooling_2d(x[None], k, s, p).array[0]
    for c in 0, 1:
        matches(page.numbers(f'output {c}'), y[c])
    for i, j in np.ndindex(y.shape[1:]):
        page.point('output 0', i, j)
        for c, text in enumerate(page.texts('.products')):
            if y[c, i, j] == -np.inf:
                assert text.endswith('max() = -∞: the window lies wholly outside')
                continue
            arithmetic, value = text.split(': ', 1)[1].split(' = ')
            np.testing.assert_allclose(float(value.split()[0]), y[c, i, j], **IN_TEXT)
            if method == 'max':
                (row, column, *_), = page.boxes(f'input {c}', 'winner')
                assert x[c, row, column] == y[c, i, j]
                assert max(map(float, arithmetic[4:-1].split(', '))) == pytest.approx(y[c, i, j], rel=1e-3)
                assert f'from (row {row}, column {column})' in text
            else:
                assert evaluate(arithmetic) == pytest.approx(y[c, i, j], rel=1e-3, abs=1e-6)


def test_pooling_impossible_and_unread(show):
    page = show(steppers.PoolingStepper(np.zeros((3, 3))))
    page.set('padding', 2)
    assert page.text() == 'Padding 2 with a window of 2: windows at the border would hold no pixel at all. Padding must be smaller than ksize.'
    page.set('padding', 0)
    page.set('ksize', 4)
    assert page.numbers('output 0') == {(0, 0): '0'}, 'with cover_all one window hangs over'
    page.set('cover_all', False)
    assert page.text().startswith('The 4 x 4 window is larger than the padded input, 3 x 3.')
    page.set('ksize', 2)
    assert '5 pixels that no window reads' in page.text('.status')
    page.point('input 0', 0, 0)
    assert page.text() == 'input pixel (row 0, column 0) is read by 1 of the 1 windows and wins 1'


@pytest.mark.parametrize('stride, pad, dilate', [(1, 0, 1), (2, 1, 1), (1, 2, 2)])
def test_convolution_backward_shows_chainers_gradients(show, stride, pad, dilate):
    x, W = chainer.Variable(fixed((1, 2, 6, 5))), chainer.Variable(fixed((2, 2, 3, 3), 1))
    y = F.convolution_2d(x, W, stride=stride, pad=pad, dilate=dilate)
    gy = fixed(y.shape, 2)
    page = show(steppers.ConvolutionBackwardStepper(x, W, gy, stride, pad, dilate))
    n_step = 0
    for o in 0, 1:
        for i, j in np.ndindex(y.shape[2:]):
            n_step += 1
            if n_step not in (1, 2, 5, y.size):
                continue
            page.set('output map', str(o))
            page.point('gy', i, j, 'click')
            sent = np.where(np.arange(y.size).reshape(y.shape) < n_step, gy, 0).astype('f')
            y.grad = sent
            x.cleargrad(), W.cleargrad()
            y.backward()
            assert f'step {n_step} of {y.size}: the error' in page.text('.where')
            assert float(page.text('.error')) == pytest.approx(gy[0, o, i, j])
            matches(page.numbers('gy'), gy[0, o])
            for c in 0, 1:
                inside = {at: value for at, value in page.numbers(f'gx {c}').items()
                          if 0 <= at[0] < 6 and 0 <= at[1] < 5}
                matches(inside, x.grad[0, c])
                matches(page.numbers(f'gW {c}'), W.grad[o, c])
                matches(page.numbers(f'W {c}'), W.array[o, c])
            for cell in page.texts('td'):
                arithmetic, value = cell.split(' = ')
                assert evaluate(arithmetic) == pytest.approx(float(value), rel=1e-3, abs=1e-3)
            assert float(page.texts('.total .value')[0]) == pytest.approx(sent[0, o].sum(), rel=1e-3)
    page.border = pad
    page.point('gx 1', 2, 3)
    arithmetic, value = page.text('.products').split(' = ')
    assert evaluate(arithmetic) == pytest.approx(float(value), rel=1e-3)
    np.testing.assert_allclose(float(value), x.grad[0, 1, 2, 3], **IN_TEXT)
    page.point('gx 1', 2, 3, 'pointerleave')
    page.set('accumulate', False)
    alone = np.zeros_like(gy)
    alone[0, 1, -1, -1] = gy[0, 1, -1, -1]
    y.grad = alone
    x.cleargrad()
    y.backward()
    matches({at: v for at, v in page.numbers('gx 0').items() if 0 <= at[0] < 6 and 0 <= at[1] < 5}, x.grad[0, 0])


@pytest.mark.parametrize('method', ['max', 'average'])
@pytest.mark.parametrize('k, s, p', [(2, 2, 0), (3, 2, 0), (3, 1, 1)])
def test_pooling_backward_shows_chainers_gradients(show, method, k, s, p):
    x = chainer.Variable(fixed((1, 2, 6, 6)))       # halves: with ties
    y = F.max_pooling_2d(x, k, s, p) if method == 'max' else F.average_pooling_2d(x, k, s, p)
    gy = fixed(y.shape, 2)
    page = show(steppers.PoolingBackwardStepper(x, gy, k, s, p, method))
    for n in range(y.shape[2] * y.shape[3]):
        y.grad = np.where(np.arange(gy[0, 0].size).reshape(gy.shape[2:]) <= n, gy, 0).astype('f')
        x.cleargrad()
        y.backward()
        for c in 0, 1:
            matches(page.numbers(f'gx {c}'), x.grad[0, c])
            matches(page.numbers(f'gy {c}'), gy[0, c])
            matches(page.numbers(f'x {c}'), x.array[0, c])
        for each in page.texts('.products'):
            arithmetic, value = each.rsplit(': ', 1)[1].split(' = ')
            assert evaluate(arithmetic) == pytest.approx(float(value), rel=1e-3, abs=1e-3)
        page.run('root.querySelectorAll("button")[2].click()')
    page.point('gx 1', 2, 3)
    np.testing.assert_allclose(float(page.texts('.products .value')[0]), x.grad[0, 1, 2, 3], **IN_TEXT)
    assert page.boxes('gy 1', 'reach') or x.grad[0, 1, 2, 3] == 0


def empirical_field(layers, size, unit):
    """Rows that one unit sees, measured with ones for weights; convolution has the same axes as pooling."""
    x = chainer.Variable(np.zeros((1, 1, size, size), 'f'))
    h = x
    for _, k, s, p, d in layers:
        h = F.convolution_2d(h, np.ones((1, 1, k, k), 'f'), stride=s, pad=p, dilate=d)
    h[0, 0, unit, unit].backward()
    return np.flatnonzero(x.grad[0, 0].any(axis=1))


@pytest.mark.parametrize('layers, size', [
    ([('conv1', 5, 1, 2, 1), ('pool1', 2, 2, 0, 1), ('conv2', 5, 1, 0, 1), ('pool2', 2, 2, 0, 1)], 28),
    ([('sparse', 1, 2, 0, 1), ('conv', 3, 1, 1, 1)], 12), ([('dilated', 3, 1, 2, 2), ('conv', 3, 2, 1, 1)], 15)])
def test_receptive_field_is_what_the_gradient_sees(show, layers, size):
    page = show(steppers.ReceptiveFieldStepper(layers, size))
    name = layers[-1][0]
    for unit in range(page.run('return root.querySelector(`[data-grid="${arguments[1]}"] canvas`).width', name)):
        page.point(name, unit, unit)
        seen = empirical_field(layers, size, unit)
        shown = [row for top, left, high, _ in page.boxes('input', 'window') if left == seen[0] for row in range(top, top + high)]
        assert shown == seen.tolist()
        pixel = int(seen[0])
        page.point(name, unit, unit, 'pointerleave')
        page.point('input', pixel, pixel, 'pointerleave')
        page.point('input', pixel, pixel)
        reached = [u for top, left, high, wide in page.boxes(name, 'reach') for u in range(top, top + high)]
        assert unit in reached
        assert all(pixel in empirical_field(layers, size, u) for u in set(reached))


def test_receptive_field_numbers_and_layers(show):
    layers = [('conv1', 5, 1, 2), ('pool1', 2, 2, 0), ('conv2', 5, 1, 0), ('pool2', 2, 2, 0)]
    page = show(steppers.ReceptiveFieldStepper(layers, 28))
    page.point('pool2', 0, 0, 'click')
    fields = dict(zip(['conv2', 'pool1', 'conv1', 'input'], page.texts('td.field')))
    assert fields == {'conv2': '2 x 2', 'pool1': '6 x 6', 'conv1': '12 x 12', 'input': '16 x 16'}
    assert page.texts('td.span')[-1] == 'rows -2 to 13, columns -2 to 13'
    assert page.texts('.total .value') == ['4']
    page.press('ArrowRight')
    assert page.texts('td.span')[-1] == 'rows -2 to 13, columns 2 to 17', 'one jump further'
    page.set('unit of', 'conv1')
    page.point('conv1', 4, 5, 'click')
    assert page.texts('td.field') == ['5 x 5'] and page.boxes('input', 'window') == [(2, 3, 5, 5)]


def test_legible_in_the_dark(show, browser):
    """Text follows the theme of whatever page the stepper is in."""
    page = show(steppers.PoolingStepper(np.eye(4)))
    for ink, paper in ('rgb(255, 255, 255)', 'rgb(17, 17, 17)'), ('rgb(0, 0, 0)', 'rgb(255, 255, 255)'):
        page.run('document.body.style.setProperty("--jp-content-font-color1", arguments[1]);'
                 'document.body.style.background = arguments[2]', ink, paper)
        for selector in '.arithmetic', '.heading', 'button', 'select', '.status':
            assert page.run('return getComputedStyle(root.querySelector(arguments[1])).color', selector) == ink
        assert page.run('return getComputedStyle(root).backgroundColor') == 'rgba(0, 0, 0, 0)'
