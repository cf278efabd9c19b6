"""Notebook 09."""

import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_strongest(strongest):
    """Notebook 09: image, row and column of the largest value of one map."""
    rng = numpy.random.default_rng(0)
    for shape, channel in ((5, 3, 4, 7), 1), ((9, 4, 6, 3), 3), ((2, 2, 5, 5), 0):
        h = rng.standard_normal(shape).astype('f')
        h[:, channel] -= 10         # so that other maps, and absolute values, lead elsewhere
        right = tuple(int(i) for i in numpy.unravel_index(h[:, channel].argmax(), h[:, channel].shape))
        got = call(strongest, h.copy(), channel)
        if numpy.shape(got) == ():
            raise Wrong(f'it gives {got!r}; wanted three integers: image, row, column. argmax counts through the '
                        'whole block, and numpy.unravel_index turns that count into indexes.')
        if numpy.shape(got) != (3,):
            raise Wrong(f'it gives shape {numpy.shape(got)}; wanted three integers: image, row, column.')
        got = tuple(numpy.asarray(got).tolist())    # plain numbers, for the message
        if got == right:
            continue
        hints = {tuple(numpy.unravel_index(abs(h[:, channel]).argmax(), h[:, channel].shape)):
                 'that is the largest absolute value, here also the smallest one; wanted the largest.',
                 tuple(numpy.delete(numpy.unravel_index(h.argmax(), h.shape), 1)):
                 f'that is the largest of all maps; wanted that of map {channel}.',
                 (right[0], right[2], right[1]): 'row and column are swapped.'}
        raise Wrong(hints.get(got, f'for h of shape {shape} and map {channel} it gives {got}; wanted {right}.'))


@says
def check_ascend(ascend):
    """Notebook 09: one step of gradient ascent."""
    rng = numpy.random.default_rng(1)
    # The gradients are large enough that a small number in the denominator, against 0 / 0, does not matter.
    for shape, step_size, scale in ((1, 5, 6), .1, .5), ((3, 4, 4), .4, 50.):
        x, gradient = rng.random(shape).astype('f'), (scale * rng.standard_normal(shape)).astype('f')
        size = numpy.sqrt((gradient ** 2).mean())
        step = step_size * gradient / size
        got = call(ascend, x.copy(), gradient.copy(), step_size)
        expect_array(got, numpy.clip(x + step, 0, 1), [
            (x + step, 'pixels leave [0, 1]; keep them there with numpy.clip.'),
            (numpy.clip(x - step, 0, 1), 'it goes downhill: the activation shall grow, so the step is added.'),
            (numpy.clip(x + step_size * gradient, 0, 1), 'the gradient is not yet divided by the root of its mean square.'),
            (numpy.clip(x + step_size * gradient / numpy.linalg.norm(gradient), 0, 1),
             'that divides by the root of the sum of squares; wanted that of their mean.'),
            (numpy.clip(x + step_size * gradient / (gradient ** 2).mean(), 0, 1),
             'that divides by the mean square; its root is missing.'),
            (numpy.clip(x + step_size * gradient / abs(gradient).mean(), 0, 1),
             'that divides by the mean absolute value; first the mean of the squares, then the root.'),
            (numpy.clip(x + step_size * gradient / gradient.std(), 0, 1),
             'that divides by the standard deviation, which takes the mean off first; wanted the root of the mean square.'),
            (numpy.clip(x + step_size * numpy.sign(gradient), 0, 1),
             'that takes the signs alone; divide by the root of the mean square.'),
            (numpy.clip(step, 0, 1), 'the image itself is missing: add the step to x.')])


@says
def check_evidence(evidence):
    """Notebook 09: Grad-CAM's weighted sum of maps."""
    rng = numpy.random.default_rng(2)
    for shape in (4, 5, 7), (16, 10, 10), (3, 4, 3):
        maps, gradient = rng.standard_normal(shape).astype('f'), rng.standard_normal(shape).astype('f')
        weights = gradient.mean(axis=(1, 2), keepdims=True)
        total = (weights * maps).sum(axis=0)
        expect_array(call(evidence, maps.copy(), gradient.copy()), numpy.maximum(0, total), [
            (total, 'negative evidence is not dropped yet: numpy.maximum(0, …).'),
            (abs(total), 'negative evidence shall become 0, not positive.'),
            (numpy.maximum(0, (gradient * maps).sum(axis=0)),
             "a map's weight is one number, the mean of its gradient over the map."),
            (numpy.maximum(0, weights * maps).sum(axis=0), 'first sum over the maps, then drop what is negative.'),
            (numpy.maximum(0, (numpy.maximum(0, weights) * maps).sum(axis=0)),
             'maps with a negative weight count too: they speak against the class.'),
            (numpy.maximum(0, (weights * maps).mean(axis=0)), 'wanted the sum over the maps, not their mean.'),
            (numpy.maximum(0, (gradient.sum(axis=(1, 2), keepdims=True) * maps).sum(axis=0)),
             'that sums the gradient over the map; wanted its mean.'),
            (numpy.maximum(0, total) / total.max(), 'do not scale it to 1: wanted the sum as it is.'),
            (numpy.maximum(0, weights * maps), 'the sum over the maps is missing.'),
            (numpy.maximum(0, (gradient.mean() * maps).sum(axis=0)),
             'each map has a weight of its own: the mean over axes 1 and 2.'),
            (numpy.maximum(0, maps.sum(axis=0)), 'the weights are missing.')])
