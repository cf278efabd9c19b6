"""Max and average pooling, window by window (slides 28 to 30)."""

import chainer.functions as F
import numpy
from chainer.utils.conv import get_conv_outsize

from nico2ai_cnn.steppers import _arrays, _frames
from nico2ai_cnn.steppers._stepper import Stepper, module


class PoolingStepper(Stepper):
    """Slides a window over an image, and shows its largest pixel, or its mean.

    Args:
        x: An image ``(H, W)``, ``(C, H, W)`` or ``(1, C, H, W)``, at most 128 x 128, as an
            array or Variable; or a dict from names to images, for a menu.
        ksize (int): Height and width of the window.
        stride (int): Pixels from window to window; ``ksize`` by default, as in Chainer.
        pad (int): Border around the image: maxima skip it, averages count it as zeros.
        method (str): ``'max'`` or ``'average'``.
        cover_all (bool): Whether max pooling lets a last window hang over the edge rather than
            leave pixels out, as Chainer does by default.

    Raises:
        TypeError, ValueError: If an argument holds no finite numbers, or the window does
            not fit.
    """

    title = 'Pooling stepper'
    _esm = module('pooling')

    def __init__(self, x, ksize=2, stride=None, pad=0, method='max', cover_all=True):
        inputs = _arrays.named('x', x, _arrays.image, 'input')
        self._settings = check_window(ksize, stride, pad, method, cover_all)
        self._first = next(iter(inputs.values()))
        check_fit(self._first, **self._settings)
        super().__init__({'inputs': _arrays.menu(inputs), **self._settings})

    def first_frame(self):
        y = pool(self._first, **self._settings)
        pad, ksize = self._settings['pad'], self._settings['ksize']
        method = self._settings['method']
        unread = _frames.unread(self._first.shape[1:], (ksize, ksize), y.shape[1:], self._settings['stride'], pad)
        figure, axes = _frames.grid(len(y), (1, max(0.4, y.shape[1] / self._first.shape[1])),
                                    2.9 if len(y) == 1 else 2.2)
        for c, (image, result) in enumerate(zip(self._first, y)):
            of = f', channel {c}' if len(y) > 1 else ''
            padded = numpy.pad(image, pad)
            _frames.draw(axes[c, 0], padded, 'input' + of, (-pad, -pad, ksize, ksize), origin=-pad)
            _frames.hatch(axes[c, 0], unread + pad)
            if method == 'max':
                winner = first_winner(image, ksize, pad)
                _frames.ring(axes[c, 0], (winner[0] + pad, winner[1] + pad))
            _frames.draw(axes[c, 1], result, f'{method}{of}, {result.shape[0]} x {result.shape[1]}',
                         (0, 0, 1, 1), like=self._first)
        _frames.caption(figure, f'output (row 0, column 0): the {method} of the window is {y[0, 0, 0]:.4g}',
                        unread)
        return figure


def first_winner(image, ksize, pad):
    """Returns row and column of the largest pixel in the first window on ``image`` ``(H, W)``."""
    window = image[:ksize - pad, :ksize - pad]
    return numpy.unravel_index(window.argmax(), window.shape)


def check_window(ksize, stride, pad, method, cover_all):
    """Returns the settings of a pooling as a dict, or raises ValueError."""
    ksize = _arrays.integer('ksize', ksize, 1)
    stride = ksize if stride is None else _arrays.integer('stride', stride, 1)
    pad = _arrays.integer('pad', pad, 0)
    if method not in ('max', 'average'):
        raise ValueError(f"method must be 'max' or 'average'; got {method!r}")
    if pad >= ksize:
        raise ValueError(f'pad must be smaller than ksize, {ksize}, or windows at the border would hold no pixel; '
                         f'got {pad}')
    return {'ksize': ksize, 'stride': stride, 'pad': pad, 'method': method, 'cover_all': bool(cover_all)}


def check_fit(image, ksize, stride, pad, method, cover_all):
    """Raises ValueError unless the window fits into the padded image ``(C, H, W)``."""
    for length in image.shape[1:]:
        if get_conv_outsize(length, ksize, stride, pad, cover_all and method == 'max') < 1:
            raise ValueError(f'ksize {ksize} is larger than the padded input '
                             f'{image.shape[1] + 2 * pad} x {image.shape[2] + 2 * pad}')


def pool(image, ksize, stride, pad, method, cover_all):
    """Returns Chainer's pooling of one image ``(C, H, W)``."""
    if method == 'max':
        return F.max_pooling_2d(image[None], ksize, stride, pad, cover_all=cover_all).array[0]
    return F.average_pooling_2d(image[None], ksize, stride, pad).array[0]
