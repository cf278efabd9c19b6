"""Notebook 12."""

import chainer.functions as F
import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_count_parameters(count_parameters):
    """Notebook 12: parameters of the dense, the local and the convolution layer of one shape."""
    kinds = 'fully connected', 'locally connected', 'convolution'
    for case in (1, 28, 28, 1, 5), (3, 12, 9, 4, 3), (2, 7, 8, 5, 1):
        d_in, height, width, d_out, k = case
        got = call(count_parameters, *case)
        if numpy.shape(got) != (3,):
            raise Wrong(f'it gives {got!r}; wanted three numbers.')

        def units(one=1):
            return (height - k + one) * (width - k + one)

        n_in, window = d_in * height * width, d_in * k * k
        rights = (d_out * units() * (n_in + 1), d_out * units() * (window + 1), d_out * (window + 1))
        one_short = 'one position too few: a window as wide as the image still fits once.'
        no_bias = 'the biases are missing, '
        hints = [
            {d_out * units(0) * (n_in + 1): one_short,
             d_out * units() * n_in: no_bias + 'one for each unit.',
             d_out * units() * n_in + d_out: 'each unit has a bias of its own, not only each map.',
             units() * (n_in + 1): f'that is one map; there are {d_out}.',
             d_out * (n_in + 1): 'each of the units of a map has weights of its own.',
             d_out * units() * (height * width + 1): 'each unit sees all input channels.'},
            {d_out * units(0) * (window + 1): one_short,
             d_out * units() * window: no_bias + 'one for each position.',
             d_out * units() * window + d_out: 'each position has a bias of its own, not only each map.',
             units() * (window + 1): f'that is one map; there are {d_out}.',
             d_out * height * width * (window + 1): 'there are fewer positions than pixels.',
             d_out * units() * (k * k + 1): 'a window spans all input channels.'},
            {d_out * window: no_bias + 'one for each map.',
             window + 1: f'that is one map; there are {d_out}.',
             d_out * (k * k + 1): 'a window spans all input channels.',
             rights[1]: 'its positions share one filter.'}]
        for kind, value, right, hint in zip(kinds, got, rights, hints):
            if value != right:
                raise Wrong(f'count_parameters{case}, {kind}: it gives {value!r}; '
                            + hint.get(value, f'wanted {right:,}.'))


@says
def check_local_convolution(local_convolution):
    """Notebook 12: a locally connected layer with batch and stride."""
    rng = numpy.random.default_rng(1)
    for x_shape, d_out, k, stride in (((2, 1, 5, 6), 2, 3, 1), ((2, 3, 7, 9), 4, 3, 2),
                                      ((2, 2, 10, 8), 3, 2, 3)):
        n, d_in, height, width = x_shape
        rows, columns = ((size - k) // stride + 1 for size in (height, width))
        x, W, b = (rng.integers(-9, 10, shape).astype('f')      # whole numbers: sums are exact
                   for shape in (x_shape, (d_out, rows, columns, d_in, k, k), (d_out, rows, columns)))
        right = F.local_convolution_2d(x, W, b, stride).array
        same_filter = numpy.broadcast_to(W[:, :1, :1], W.shape)
        inside = x[:, :, :rows + k - 1, :columns + k - 1]
        hints = [(right - b, 'the biases are missing.'),
                 (F.local_convolution_2d(x, numpy.ascontiguousarray(same_filter), b, stride).array,
                  'every position has the filter of position (0, 0); take W[o, i, j].'),
                 (right - b + b[:, :1, :1], 'every position has a bias of its own, b[o, i, j].'),
                 (F.local_convolution_2d(x, numpy.ascontiguousarray(W[..., ::-1, ::-1]), b, stride).array,
                  'the filters are turned by 180 degrees.')]
        if stride > 1:
            hints.append((F.local_convolution_2d(inside, W, b).array,
                          'the windows move by 1 pixel; that of (i, j) starts at i * stride, j * stride.'))
        got = call(local_convolution, x.copy(), W.copy(), b.copy(), stride)
        if numpy.shape(getattr(got, 'array', got)) == right.shape[1:] != right.shape:
            raise Wrong(f'the result has shape {right.shape[1:]}; the batch of {n} images is missing.')
        without_b = right - b
        hints.append((numpy.broadcast_to(without_b.sum(axis=0), right.shape) + b,
                      'the products are summed over the images too; sum over channels, rows and columns only, '
                      'axes 1, 2, 3.'))
        try:
            expect_array(got, right, hints)
        except Wrong as wrong:
            raise Wrong(f'for x {x_shape}, W {W.shape} and stride {stride}: {wrong}') from None


@says
def check_convolution_as_local(convolution_as_local):
    """Notebook 12: local weights that do what a convolution does."""
    rng = numpy.random.default_rng(2)
    for d_out, d_in, k, height, width in (2, 1, 3, 6, 8), (2, 3, 3, 5, 5), (4, 2, 1, 3, 4), (3, 4, 2, 7, 5):
        W = rng.standard_normal((d_out, d_in, k, k)).astype('f')
        rows, columns = height - k + 1, width - k + 1
        got = call(convolution_as_local, W.copy(), height, width)
        got = numpy.asarray(getattr(got, 'array', got))
        what = f'for W {W.shape} and images of {height} x {width} pixels'
        wrong_shapes = [
            ((d_out, height, width, d_in, k, k),
             'windows stay inside the image: fewer positions than pixels.'),
            ((d_out, rows - 1, columns - 1, d_in, k, k), 'one position too few in each direction.'),
            ((d_out, columns, rows, d_in, k, k), "rows and columns are swapped; the order is H', W'."),
            ((rows, columns, d_out, d_in, k, k), 'the position comes behind D_o, not before it.'),
            ((d_out, d_in, rows, columns, k, k), 'the position comes before D_i, not behind it.'),
            ((d_out, d_in, k, k, rows, columns), 'the position comes behind D_o, not at the end.'),
            (W.shape, 'there is no axis for the position yet.')]
        right = numpy.broadcast_to(W[:, None, None], (d_out, rows, columns, d_in, k, k))
        if got.shape != right.shape:
            for shape, hint in wrong_shapes:
                if got.shape == shape:
                    raise Wrong(f'{what} it gives shape {got.shape}: {hint}')
        hints = [(right / (rows * columns),
                  'the weights are divided by the number of positions; copy them as they are.')]
        if k > 1:
            hints.append((right[..., ::-1, ::-1], 'the filters are turned by 180 degrees.'))
        for place in 'first', 'last':
            alone = numpy.zeros(right.shape, 'f')
            at = 0 if place == 'first' else -1
            alone[:, at, at] = W
            hints.append((alone, f'only the {place} position has the filter; all have it.'))
        try:
            expect_array(got, right, hints)
        except Wrong as wrong:
            raise Wrong(f'{what}: {wrong}') from None
