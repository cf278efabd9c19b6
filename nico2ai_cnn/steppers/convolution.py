"""Convolution, window by window (slides 11 and 13 to 17, 24, 25)."""

import chainer.functions as F
import numpy

from nico2ai_cnn.steppers import _arrays, _frames
from nico2ai_cnn.steppers._stepper import Stepper, module


class ConvolutionStepper(Stepper):
    """Slides a filter over an image, and writes out the products and their sum.

    Args:
        x: An image ``(H, W)``, ``(C, H, W)`` or ``(1, C, H, W)``, at most 128 x 128, as an
            array or Variable; or a dict from names to images, for a menu.
        W: Weights ``(kh, kw)``, ``(C, kh, kw)`` or ``(out, C, kh, kw)``, or a dict of them.
        b: One bias, or ``(out,)`` of them; None for zeros. With a dict of filters, one number.
        stride (int): Pixels from window to window.
        pad (int): Zeros put around the image.
        dilate (int): Pixels from one tap of the filter to the next.
        sliders (bool): Whether the page lets stride, padding and dilation be changed.

    Raises:
        TypeError, ValueError: If an argument holds no finite numbers, the channels of the
            first image and the first filter differ, or the filter fits nowhere.
    """

    title = 'Convolution stepper'
    _esm = module('convolution')

    def __init__(self, x, W, b=None, stride=1, pad=0, dilate=1, sliders=True):
        inputs = _arrays.named('x', x, _arrays.image, 'input')
        filters = _arrays.named('W', W, _arrays.filters, 'filter')
        self._settings = {'stride': _arrays.integer('stride', stride, 1), 'pad': _arrays.integer('pad', pad, 0),
                          'dilate': _arrays.integer('dilate', dilate, 1)}
        biases = {name: _arrays.bias(b, len(each)) for name, each in filters.items()}
        first, self._first = next(iter(filters)), (next(iter(inputs.values())), next(iter(filters.values())))
        self._bias = biases[first]
        check_fit(*self._first, **self._settings)
        super().__init__({
            'inputs': _arrays.menu(inputs),
            'filters': [[name, {'W': _arrays.numbers(each), 'b': _arrays.numbers(biases[name])}]
                        for name, each in filters.items()],
            **self._settings, 'sliders': bool(sliders)})

    def first_frame(self):
        image, W = self._first
        stride, pad, dilate = self._settings.values()
        y = F.convolution_2d(image[None], W, self._bias, stride=stride, pad=pad, dilate=dilate).array[0, 0]
        span = [dilate * (k - 1) + 1 for k in W.shape[2:]]
        channels = len(image)
        figure, axes = _frames.grid(channels, (1, 0.5, max(0.4, y.shape[0] / image.shape[1])),
                                    2.9 if channels == 1 else 2.2)
        padded = numpy.pad(image, ((0, 0), (pad, pad), (pad, pad)))
        unread = _frames.unread(image.shape[1:], W.shape[2:], y.shape, **self._settings)
        for c in range(channels):
            of = f', channel {c}' if channels > 1 else ''
            _frames.draw(axes[c, 0], padded[c], 'input' + of, (-pad, -pad, *span), origin=-pad)
            _frames.hatch(axes[c, 0], unread + pad)
            _frames.draw(axes[c, 1], W[0, c], 'filter' + of, signed=True)
            axes[c, 2].axis('off')
        axes[0, 2].axis('on')
        _frames.draw(axes[0, 2], y, f'output, {y.shape[0]} x {y.shape[1]}', (0, 0, 1, 1))
        _frames.caption(figure, self._first_sum(padded, W[0], y[0, 0]), unread)
        return figure

    def _first_sum(self, padded, W, result):
        dilate = self._settings['dilate']
        window = padded[:, :dilate * W.shape[1]:dilate, :dilate * W.shape[2]:dilate]
        bias = f' + ({self._bias[0]:.4g})' if self._bias[0] else ''
        if W.size > 27:
            return f'output (row 0, column 0): {W.size} products{bias} sum to {result:.4g}'
        rows = [' + '.join(f'{_factor(w)}×{_factor(v)}' for w, v in zip(*row))
                for row in zip(W.reshape(-1, W.shape[2]), window.reshape(-1, W.shape[2]))]
        return 'output (row 0, column 0):\n' + '\n+ '.join(rows) + f'{bias} = {result:.4g}'


def _factor(value):
    return f'({value:.4g})' if value < 0 else f'{value:.4g}'


def check_fit(image, W, stride, pad, dilate):
    """Raises ValueError unless filters ``(out, C, kh, kw)`` fit into an image ``(C, H, W)``."""
    if image.shape[0] != W.shape[1]:
        raise ValueError(f'x has {image.shape[0]} channels, and W {W.shape[1]}: a filter spans all channels of its '
                         f'input, so W must have shape (out, {image.shape[0]}, kh, kw); got {W.shape}')
    span = [dilate * (k - 1) + 1 for k in W.shape[2:]]
    room = [length + 2 * pad for length in image.shape[1:]]
    if span[0] > room[0] or span[1] > room[1]:
        apart = f' with dilate {dilate} spans {span[0]} x {span[1]}, which' if dilate > 1 else ''
        raise ValueError(f'ksize {W.shape[2]} x {W.shape[3]}{apart} is larger than the padded input '
                         f'{room[0]} x {room[1]}; a larger pad, or a smaller filter, fits')
