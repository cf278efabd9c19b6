"""Back-propagation through a convolution, error by error (slide 34)."""

import chainer
import chainer.functions as F
import numpy

from nico2ai_cnn.steppers import _arrays, _frames
from nico2ai_cnn.steppers._stepper import Stepper, module
from nico2ai_cnn.steppers.convolution import check_fit


class ConvolutionBackwardStepper(Stepper):
    """Sends one output's error after the other back to the pixels and the weights.

    Args:
        x: The image of the forward pass, ``(H, W)``, ``(C, H, W)`` or ``(1, C, H, W)``.
        W: Weights ``(kh, kw)``, ``(C, kh, kw)`` or ``(out, C, kh, kw)``.
        gy: The errors: the loss's gradient with respect to the outputs, ``(H', W')``,
            ``(out, H', W')`` or ``(1, out, H', W')``; ones by default.
        stride, pad, dilate (int): As in the forward pass.

    Raises:
        TypeError, ValueError: If an argument holds no finite numbers, the shapes do not
            fit, or there are more than 4,096 errors to step through.
    """

    title = 'Convolution stepper, backwards'
    _esm = module('convolution_backward')

    def __init__(self, x, W, gy=None, stride=1, pad=0, dilate=1):
        x, W = _arrays.image('x', x), _arrays.filters('W', W)
        self._settings = {'stride': _arrays.integer('stride', stride, 1), 'pad': _arrays.integer('pad', pad, 0),
                          'dilate': _arrays.integer('dilate', dilate, 1)}
        check_fit(x, W, **self._settings)
        shape = F.convolution_2d(x[None], W, **self._settings).shape[1:]
        self._arrays = x, W, _arrays.errors(gy, shape)
        super().__init__({**dict(zip(('x', 'W', 'gy'), map(_arrays.numbers, self._arrays))), **self._settings})

    def first_frame(self):
        x, W, gy = self._arrays
        stride, pad, dilate = self._settings.values()
        only_first = numpy.zeros_like(gy)
        only_first[0, 0, 0] = gy[0, 0, 0]
        # Padded before, not in, the convolution, so that the error that lands there shows too.
        padded = chainer.Variable(numpy.pad(x, ((0, 0), (pad, pad), (pad, pad)))[None])
        weights = chainer.Variable(W)
        y = F.convolution_2d(padded, weights, stride=stride, dilate=dilate)
        y.grad = only_first[None]
        y.backward()
        window = (-pad, -pad, *(dilate * (k - 1) + 1 for k in W.shape[2:]))
        figure, axes = _frames.grid(len(x), (0.8, 0.6, 1, 1, 0.6), 2.6 if len(x) == 1 else 2.2)
        for c in range(len(x)):
            of = f', channel {c}' if len(x) > 1 else ''
            axes[c, 0].axis('off')
            _frames.draw(axes[c, 1], W[0, c], 'W' + of, signed=True)
            _frames.draw(axes[c, 2], padded.grad[0, c], 'gx' + of, window, signed=True, origin=-pad)
            _frames.draw(axes[c, 3], padded.array[0, c], 'x' + of, window, origin=-pad)
            _frames.draw(axes[c, 4], weights.grad[0, c], 'gW' + of, signed=True)
        axes[0, 0].axis('on')
        _frames.draw(axes[0, 0], gy[0], 'error gy' + (', map 0' if len(gy) > 1 else ''), (0, 0, 1, 1), signed=True)
        _frames.caption(figure, f'step 1 of {gy.size}: the error {gy[0, 0, 0]:.4g} goes to gx, times the weights, '
                                'and to gW, times the pixels')
        return figure
