"""Notebook 00."""

import chainer
import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_to_nchw(to_nchw):
    """Notebook 00: ``(N, 784)`` rows to ``(N, 1, 28, 28)`` images."""
    x = numpy.arange(3 * 784, dtype=numpy.float32).reshape(3, 784)
    right = x.reshape(3, 1, 28, 28)
    for given in x, chainer.Variable(x):
        got = call(to_nchw, given)
        if getattr(got, 'dtype', None) == object:
            raise Wrong('of a Variable it makes an array of single Variables, as NumPy does; the method '
                        'x.reshape works for both.')
        expect_array(got, right, [
            (right[:, 0], 'the channel axis is missing: wanted (N, 1, 28, 28).'),
            (right.transpose(0, 2, 3, 1), 'the channel axis comes second in Chainer: (N, C, H, W).'),
            (right.transpose(0, 1, 3, 2), 'rows and columns are swapped: the digits lie on their side.')])
    expect_array(call(to_nchw, x[:2]), right[:2])


@says
def check_mean_images(mean_images):
    """Notebook 00: the mean image of each class, ``(10, 28, 28)``."""
    rng = numpy.random.default_rng(0)
    x = rng.random((60, 28, 28), dtype=numpy.float32)
    t = numpy.concatenate([numpy.arange(10), rng.integers(0, 10, 50)])
    sums = numpy.stack([x[t == digit].sum(axis=0) for digit in range(10)])
    counts = numpy.bincount(t)[:, None, None]
    expect_array(call(mean_images, x, t), sums / counts, [
        (sums, 'these are sums; divide by how many images the class has.'),
        (sums / len(x), 'divided by the number of all images; divide by those of the class.'),
        (numpy.broadcast_to(x.mean(axis=0), (10, 28, 28)),
         'every class got the mean of all images; pick the images with x[t == digit].')])


@says
def check_nearest_mean(nearest_mean):
    """Notebook 00: the class whose mean image is nearest."""
    rng = numpy.random.default_rng(0)
    means = rng.random((10, 28, 28), dtype=numpy.float32) * numpy.linspace(0.5, 2, 10)[:, None, None]
    right = rng.integers(0, 10, 20)
    close = means[right] + 0.1 * rng.standard_normal((20, 28, 28))
    noise = rng.random((40, 28, 28))        # near no mean, so every measure of distance has its own nearest
    for x in close, noise:
        difference = x[:, None] - means[None]
        distance = (difference ** 2).sum(axis=(2, 3))
        similarity = (x[:, None] * means[None]).sum(axis=(2, 3))
        expect_array(call(nearest_mean, x, means), distance.argmin(axis=1), [
            (distance.argmax(axis=1), 'these are the farthest means; the nearest has the smallest distance.'),
            (similarity.argmax(axis=1), 'the largest product is not the smallest distance: '
                                        'bright mean images win everything. Subtract, square, sum.'),
            (difference.sum(axis=(2, 3)).argmin(axis=1),
             'positive and negative differences cancel each other: square them before you sum.'),
            (abs(difference.sum(axis=(2, 3))).argmin(axis=1),
             'positive and negative differences cancel each other: square them before you sum.'),
            (abs(difference).sum(axis=(2, 3)).argmin(axis=1),
             'these are nearest by the sum of absolute differences; wanted that of squared differences.'),
            (distance.min(axis=1), 'these are the distances; wanted which class is nearest (argmin).')])
