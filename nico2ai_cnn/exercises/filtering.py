"""Notebook 02."""

import numpy
from scipy import ndimage

from nico2ai_cnn import filters
from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says

HAND_IMAGE = numpy.array([[1, 2, 0, 1], [0, 1, 3, 0], [2, 0, 1, 1], [1, 0, 0, 2]], numpy.float32)
HAND_KERNEL = numpy.array([[0, 1, 0], [-1, 0, 2], [0, 0, 1]], numpy.float32)
"""What exercise 1 is worked out on."""


def _correlate(image, kernel):
    """Slides ``kernel`` over ``image``, inside its borders; they are odd squares here."""
    border = len(kernel) // 2
    return ndimage.correlate(image, kernel, mode='constant')[border:-border, border:-border]


@says
def check_by_hand(by_hand):
    """Notebook 02: the four numbers of HAND_KERNEL slid over HAND_IMAGE."""
    right = _correlate(HAND_IMAGE, HAND_KERNEL)
    got = call(by_hand)
    expect_array(got, right, [
        (_correlate(HAND_IMAGE, HAND_KERNEL[::-1, ::-1]),
         'the filter was turned by 180 degrees; here it is laid on as it stands.'),
        (_correlate(HAND_IMAGE, HAND_KERNEL.T), 'rows and columns of the filter are swapped.'),
        (right.T, 'rows and columns of the result are swapped: moving the window to the right gives the '
                  'next column.'),
        (_correlate(HAND_IMAGE, abs(HAND_KERNEL)), 'the sign is lost: one weight of the filter is -1.'),
        (right.ravel(), 'the numbers are right; wanted two rows of two, [[a, b], [c, d]].'),
        (ndimage.correlate(HAND_IMAGE, HAND_KERNEL, mode='constant'),
         'the window left the image: it must stay inside, which leaves 2 x 2 positions.')])


@says
def check_move_right(move_right):
    """Notebook 02: the 3 x 3 filter that moves an image one pixel to the right."""
    kernel = call(move_right)
    right = numpy.zeros((3, 3))
    right[1, 0] = 1
    hints = [(filters.IDENTITY, 'this one leaves the image where it is.')]
    for turned, way in (1, 'up'), (2, 'left'), (3, 'down'):
        hints.append((numpy.rot90(right, turned), f'this one moves it {way}: each output takes the pixel '
                                                  'that lies under the 1. Where must that pixel lie?'))
    count, total = numpy.count_nonzero(kernel), numpy.sum(kernel)
    if numpy.shape(kernel) == (3, 3):
        if count > 1:
            raise Wrong(f'{count} weights are not 0, so it mixes that many pixels; moving takes one.')
        if count == 1 and not numpy.isclose(total, 1):
            raise Wrong(f'the weight is {total:g}, so the image changes its brightness too; wanted 1.')
    expect_array(kernel, right, hints)


@says
def check_edge_strength(edge_strength):
    """Notebook 02: the length of the gradient, from two filters."""
    image = numpy.random.default_rng(0).integers(0, 10, (9, 12)).astype(numpy.float32)
    kernels = filters.SOBEL_X, filters.SOBEL_Y
    across, down = (_correlate(image, kernel) for kernel in kernels)
    right = numpy.sqrt(across ** 2 + down ** 2)
    padded = [ndimage.correlate(image, kernel, mode='constant') for kernel in kernels]
    expect_array(call(edge_strength, image, *kernels), right, [
        (across ** 2 + down ** 2, 'the square root is missing.'),
        (abs(across) + abs(down),
         'this is the sum of the absolute values; wanted the root of the sum of squares.'),
        (across + down, 'the two are added with their signs, so they can cancel; square them first.'),
        (abs(across), 'only the first filter is in it.'), (abs(down), 'only the second filter is in it.'),
        (numpy.hypot(*padded), 'there is a border of pixels from windows that left the image; wanted '
                               f'{right.shape}, as F.convolution_2d gives.'),
        (right[None], 'there is one axis too many in front; wanted (H - 2, W - 2).'),
        (right[None, None], 'the batch and channel axes are still there; wanted (H - 2, W - 2).')])
    narrow = image[:, :7]       # Sobel's filters look the same after a turn by 180 degrees, up to sign; these do not
    expect_array(call(edge_strength, narrow, filters.LEARNT, HAND_KERNEL), numpy.hypot(
        _correlate(narrow, filters.LEARNT), _correlate(narrow, HAND_KERNEL)), [
        (right[:, :5], 'it takes the Sobel filters, whatever it is given; slide `across` and `down`.'),
        (numpy.hypot(_correlate(narrow, filters.LEARNT[::-1, ::-1]), _correlate(narrow, HAND_KERNEL[::-1, ::-1])),
         'the filters were turned by 180 degrees; here they are laid on as they stand.')])
