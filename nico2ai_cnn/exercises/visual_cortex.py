"""Notebook 10."""

import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_energy(energy):
    """Notebook 10: the energy model's rates."""
    rng = numpy.random.default_rng(0)
    even, odd = rng.standard_normal((2, 7)) * 3
    expect_array(call(energy, even.copy(), odd.copy()), even ** 2 + odd ** 2, [
        (even + odd, 'the responses are not squared, so they cancel at half of the phases.'),
        ((even + odd) ** 2, 'first square, then add.'),
        (abs(even) + abs(odd), 'that adds absolute values; the energy model adds squares.'),
        (numpy.sqrt(even ** 2 + odd ** 2), 'that is the root of the energy; wanted the energy itself.'),
        (even.clip(0, None) ** 2 + odd.clip(0, None) ** 2, 'negative responses count too: no ReLU before the squares.'),
        (numpy.maximum(even ** 2, odd ** 2), 'wanted the sum of both squares, not the larger one.'),
        ((even ** 2 + odd ** 2) / 2, 'wanted the sum, not the mean.')])


@says
def check_half_width(half_width):
    """Notebook 10: half of the range of angles with at least half of the largest rate."""
    for angles, peak, fall_left, fall_right, height in ((numpy.arange(-90, 90, 5.), 10., 20., 35., 8.),
                                                        (numpy.arange(-40, 41, 10.), -10., 20., 30., 3.),
                                                        (numpy.arange(0, 180, 2.), 77., 40., 30., .5)):
        spread = numpy.where(angles < peak, fall_left, fall_right)
        rates = height * (1 - abs(angles - peak) / spread / 2).clip(0.05, None)     # half of the height at the spread
        rates[abs(angles - peak) > spread] *= .9
        strong = angles[rates >= rates.max() / 2]
        right = (strong[-1] - strong[0]) / 2
        got = call(half_width, angles.copy(), rates.copy())
        if numpy.shape(got) != ():
            raise Wrong(f'it gives shape {numpy.shape(got)}; wanted one number, in degrees.')
        one_side = 'that is one side only; wanted half of the whole range.'
        hints = {strong[-1] - strong[0]: 'that is the whole width; wanted half of it.',
                 float(len(strong)): 'that is the number of angles; wanted degrees.',
                 len(strong) / 2: 'that is half the number of angles; wanted degrees.',
                 float(angles[rates.argmax()]): 'that is the preferred angle.',
                 strong[-1] - angles[rates.argmax()]: one_side, angles[rates.argmax()] - strong[0]: one_side}
        fixed = angles[rates >= .5]
        if len(fixed):
            hints.setdefault((fixed[-1] - fixed[0]) / 2, 'that compares with 0.5; wanted half of the largest rate.')
        if not numpy.isclose(got, right):
            raise Wrong(hints.get(float(got), f'for angles from {angles[0]:g} to {angles[-1]:g} it gives {float(got):g}; '
                                              f'wanted {right:g}.'))


@says
def check_s_cell(s_cell):
    """Notebook 10: an S-cell's response to one window."""
    rng = numpy.random.default_rng(1)
    for shape, theta, nearness in ((8, 5, 5), .5, .2), ((9,), .7, .3), ((3, 3), .9, 9.):
        reference = rng.random(shape)
        reference /= numpy.sqrt((reference ** 2).sum())
        window = 3 * (reference + nearness * rng.standard_normal(shape) / numpy.sqrt(reference.size))
        match, length = (window * reference).sum(), numpy.sqrt((window ** 2).sum())
        right = max(0, match - theta * length) / (1 - theta)
        what = f'for theta = {theta}: '
        try:
            expect_array(call(s_cell, window.copy(), reference.copy(), theta), right, [
                ((match - theta * length) / (1 - theta), 'a cell cannot fire below 0.'),
                (max(0, match - theta * length), 'the division by 1 - theta is missing.'),
                (max(0, match - theta) / (1 - theta), 'theta is not yet multiplied with the length of the window.'),
                (max(0, match - theta * length ** 2) / (1 - theta), 'the length is the root of the sum of squares.'),
                (max(0, match / length - theta) / (1 - theta), 'that is the cosine less theta: contrast is lost.'),
                (match, 'that is the match alone; the inhibition is missing.'),
                (max(0, match), 'that is the match alone; the inhibition is missing.'),
                (max(0, match - theta * numpy.sqrt((window ** 2).mean())) / (1 - theta),
                 'the length is the root of the sum of squares, not of their mean.')])
        except Wrong as wrong:
            raise Wrong(what + str(wrong)) from None
