"""Notebook 03."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_output_shape(output_shape):
    """Notebook 03: the shape that F.convolution_2d gives, without computing it."""
    for x_shape, W_shape in (((1, 1, 10, 10), (1, 1, 3, 3)), ((5, 3, 32, 24), (8, 3, 5, 5)),
                             ((2, 8, 7, 9), (4, 8, 1, 1)), ((2, 3, 12, 12), (6, 3, 3, 5))):
        got = call(output_shape, x_shape, W_shape)
        n, d_in, height, width = x_shape
        d_out, _, kh, kw = W_shape
        right = n, d_out, height - kh + 1, width - kw + 1
        if numpy.asarray(got, dtype=object).shape != (4,):
            raise Wrong(f"it gives {got!r}; wanted four numbers, (N, D_o, H', W').")
        got = tuple(got)
        if got == right:
            continue
        what = f'for x {x_shape} and W {W_shape} it gives {got}'
        if got == (n, d_out, height - kh, width - kw):
            raise Wrong(f'{what}: one position too few. A filter as wide as the image still fits once.')
        if got == (n, d_out, height, width):
            raise Wrong(f'{what}: the window must stay inside the image, so the map is smaller.')
        if got == (n, d_in, *right[2:]):
            raise Wrong(f'{what}: each filter sums over the D_i channels and gives one map. '
                        'How many filters are there?')
        if got == (d_out, *right[1:]):
            raise Wrong(f'{what}: the batch goes in with N images and comes out with N.')
        if got == (n, d_out, height - kw + 1, width - kh + 1):
            raise Wrong(f'{what}: W is (D_o, D_i, height, width); the two sizes are swapped.')
        if got == (n, d_out, height - kh + 1, width - kh + 1):
            raise Wrong(f'{what}: filters need not be square; take the width from the last axis of W.')
        raise Wrong(f'{what}; wanted {right}.')


@says
def check_make_layer(make_layer):
    """Notebook 03: L.Convolution2D with given weights and biases."""
    rng = numpy.random.default_rng(0)
    for d_out, d_in, kh, kw in (2, 3, 3, 3), (4, 1, 5, 5), (3, 3, 3, 5):
        W, b, x = (rng.integers(-9, 10, shape).astype(numpy.float32)
                   for shape in ((d_out, d_in, kh, kw), d_out, (2, d_in, 8, 9)))
        try:
            layer = call(make_layer, W, b)
        except ValueError as error:
            if 'could not broadcast' not in str(error):
                raise
            raise Wrong(f'the layer that you make cannot hold W of shape {W.shape}. Its first axis is out_channels, '
                        f'the second in_channels, the last two are ksize. ({error})') from None
        if not isinstance(layer, L.Convolution2D):
            raise Wrong(f'it returns a {type(layer).__name__}; wanted an L.Convolution2D.')
        if layer.b is None:
            raise Wrong('the layer has no biases; leave nobias out, and give it initial_bias.')
        for name, given in ('W', layer.W), ('b', layer.b):
            if not isinstance(given, chainer.Parameter):
                raise Wrong(f'layer.{name} is no longer a parameter, but of type {type(given).__name__}; '
                            f'set layer.{name}.array, or give the layer initialW and initial_bias.')
        if layer.W.array is not None and layer.W.shape != W.shape:
            raise Wrong(f'for W of shape {W.shape} the layer has weights of shape {layer.W.shape}: the '
                        'first axis of W is out_channels, the second in_channels.')
        y = layer(x)
        right = F.convolution_2d(x, W, b).array
        if y.shape != right.shape:
            raise Wrong(f'the layer gives maps of shape {y.shape}; wanted {right.shape}: stride 1, no pad.')
        hints = [(F.convolution_2d(x, W).array,
                  "the weights are right, but the biases are 0; wanted b's."),
                 (F.convolution_2d(x, W[:, :, ::-1, ::-1], b).array, 'the filters are turned by 180 degrees.')]
        if not any(numpy.array_equal(layer.W.array, known) for known in (W, W[:, :, ::-1, ::-1])):
            raise Wrong("the layer's weights are not W; initialW takes an array too.")
        expect_array(y, right, hints)


@says
def check_filter_each_map(filter_each_map):
    """Notebook 03: one 2-D filter on every map by itself, by way of reshape."""
    rng = numpy.random.default_rng(0)
    for shape, k in ((2, 3, 6, 7), 3), ((4, 5, 5, 5), 2):
        x = chainer.Variable(rng.integers(0, 10, shape).astype(numpy.float32))
        kernel = rng.integers(-9, 10, (k, k)).astype(numpy.float32)
        n, d, height, width = shape
        separate = F.convolution_2d(x.array.reshape(n * d, 1, height, width), kernel[None, None]).array
        right = separate.reshape(n, d, height - k + 1, width - k + 1)
        summed = right.sum(axis=1, keepdims=True)
        try:
            y = call(filter_each_map, x, kernel)
        except chainer.utils.type_check.InvalidType as error:
            if 'Convolution' not in str(error) or 'shape[1]' not in str(error):
                raise
            raise Wrong(f'F.convolution_2d does not take these shapes: the filter is for one channel, and x, '
                        f'{x.shape}, has {d}. First reshape x to (N · D, 1, H, W).') from None
        expect_array(y, right, [
            (summed, 'the channels are summed: that is one 3-D filter. Here every map stays by itself.'),
            (numpy.broadcast_to(summed, right.shape),
             'every map is the sum over the channels; here every map stays by itself.'),
            (separate, f'the maps are right, but stand in one row; reshape them back to {right.shape}.'),
            (right.transpose(1, 0, 2, 3), 'batch and channels are swapped.')])
        if not isinstance(y, chainer.Variable):
            raise Wrong('it returns an array; a Variable in must give a Variable out, so that gradients '
                        'can pass.')
        x.cleargrad()
        F.sum(y).backward()
        if x.grad is None:
            raise Wrong('no gradient reaches x: reshape the Variable itself, not its array.')
