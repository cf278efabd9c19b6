"""Back-propagation through max and average pooling, error by error (slide 34)."""

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn.steppers import _arrays, _frames
from nico2ai_cnn.steppers._stepper import Stepper, module
from nico2ai_cnn.steppers.pooling import check_fit, check_window, first_winner, pool


class PoolingBackwardStepper(Stepper):
    """Sends one output's error after the other back to the pixel that won, or to all of them.

    Args:
        x: The image of the forward pass, ``(H, W)``, ``(C, H, W)`` or ``(1, C, H, W)``.
        gy: The errors: the loss's gradient with respect to the outputs, ``(H', W')``,
            ``(C, H', W')`` or ``(1, C, H', W')``; ones by default.
        ksize, stride, pad, method, cover_all: As in :class:`PoolingStepper`.

    Raises:
        TypeError, ValueError: If an argument holds no finite numbers, the shapes do not
            fit, or there are more than 4,096 errors to step through.
    """

    title = 'Pooling stepper, backwards'
    _esm = module('pooling_backward')

    def __init__(self, x, gy=None, ksize=2, stride=None, pad=0, method='max', cover_all=True):
        x = _arrays.image('x', x)
        self._settings = check_window(ksize, stride, pad, method, cover_all)
        check_fit(x, **self._settings)
        gy = _arrays.errors(gy, pool(x, **self._settings).shape)
        self._arrays = x, gy
        super().__init__({'x': _arrays.numbers(x), 'gy': _arrays.numbers(gy), **self._settings})

    def first_frame(self):
        x, gy = self._arrays
        only_first = numpy.zeros_like(gy)
        only_first[:, 0, 0] = gy[:, 0, 0]
        ksize, stride, pad, method, cover_all = self._settings.values()
        variable = chainer.Variable(x[None])
        if method == 'max':
            y = F.max_pooling_2d(variable, ksize, stride, pad, cover_all=cover_all)
        else:
            y = F.average_pooling_2d(variable, ksize, stride, pad)
        y.grad = only_first[None]
        y.backward()
        figure, axes = _frames.grid(len(x), (1, 0.7, 1), 2.6 if len(x) == 1 else 2.1)
        for c in range(len(x)):
            of = f', channel {c}' if len(x) > 1 else ''
            window = (-pad, -pad, ksize, ksize)
            _frames.draw(axes[c, 0], x[c], 'input x' + of, window)
            if method == 'max':
                _frames.ring(axes[c, 0], first_winner(x[c], ksize, pad))
            _frames.draw(axes[c, 1], gy[c], 'error gy' + of, (0, 0, 1, 1), signed=True)
            _frames.draw(axes[c, 2], variable.grad[0, c], 'gx' + of, window, signed=True)
        _frames.caption(figure, f'step 1 of {gy[0].size}: the error goes to ' + (
            'the pixel that won' if method == 'max' else f'all of the window, 1/{ksize ** 2} of it to each pixel'))
        return figure
