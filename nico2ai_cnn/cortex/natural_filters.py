"""Filters that nobody designed and no label taught: independent components of patches of photos."""

import numpy
import skimage
import threadpoolctl

from nico2ai_cnn import _checks, datasets
from nico2ai_cnn.transforms._batch import generator

_PHOTOS = 'chelsea', 'coffee', 'astronaut', 'camera'


def photo_patches(n, size=12, rng=None):
    """Returns grey patches from random places of four of scikit-image's photos.

    The photos (a cat, a cup, a woman, a man with a camera) are halved first: at their own size,
    what a camera's colour mosaic and JPEG put between neighbouring pixels would be learnt too.
    ``coins`` is left out: one sort of object on one background, and little of it.

    Args:
        n (int): Number of patches. Every place of every photo is equally likely.
        size (int): Height and width, in pixels of the halved photos; at most 150.
        rng (numpy.random.Generator): Draws the places; a new one by default.

    Returns:
        numpy.ndarray: ``(n, size, size)``, float32 in [0, 1].

    Raises:
        ValueError: If ``n`` or ``size`` is not an integer of at least 1, or no photo is that large.
        TypeError: If ``rng`` is no generator.
    """
    _checks.positive_int('n', n)
    _checks.positive_int('size', size)
    photos = [skimage.transform.downscale_local_mean(datasets.get_photo(name, grey=True)[0], (2, 2))
              for name in _PHOTOS]
    rng = generator(rng, photos[0])
    smallest = min(min(photo.shape) for photo in photos)
    if size > smallest:
        raise ValueError(f'size {size} is larger than the smallest photo, whose side is {smallest} when halved')
    windows = [numpy.lib.stride_tricks.sliding_window_view(photo, (size, size)) for photo in photos]
    places = numpy.array([view.shape[0] * view.shape[1] for view in windows])
    photo, patches = rng.choice(len(photos), n, p=places / places.sum()), numpy.empty((n, size, size), numpy.float32)
    for i, view in enumerate(windows):
        chosen = photo == i
        rows, columns = (rng.integers(0, length, chosen.sum()) for length in view.shape[:2])
        patches[chosen] = view[rows, columns]
    return patches


def ica_filters(patches, n_filter=64, rng=None):
    """Learns filters whose responses to the patches are as independent as can be (独立成分分析, ICA).

    Each patch loses its mean; principal components whiten what is left, and FastICA (scikit-learn's,
    logcosh) turns them. What comes out looks like cells of V1: localised, oriented, band-pass.
    B. A. Olshausen & D. J. Field: Emergence of simple-cell receptive field properties by learning a
    sparse code for natural images. Nature 381, 1996. A. J. Bell & T. J. Sejnowski: The 'independent
    components' of natural scenes are edge filters. Vision Research 37(23), 1997. J. H. van Hateren &
    A. van der Schaaf, Proc. R. Soc. B 265, 1998.

    These are the *filters*, the rows of the unmixing matrix: a response is the sum of filter times
    patch, as in a convolution layer. (The basis functions, the columns of the mixing matrix, are what
    the patches are made of; they are smoother, and another thing.)

    Args:
        patches: ``(N, size, size)`` array, such as of :func:`photo_patches`; N around 20,000. In
            ordinary memory: scikit-learn works on the CPU.
        n_filter (int): At most size² - 1, since a patch without its mean has one number less, and
            fewer than N.
        rng (numpy.random.Generator): Draws the start; a new one by default.

    Returns:
        numpy.ndarray: ``(n_filter, size, size)``, float32; their responses to the patches have
        variance 1, and each filter sums to 0.

    Raises:
        TypeError: If ``patches`` is not a NumPy array, or ``rng`` no generator.
        ValueError: If ``patches`` has another shape, holds NaN or infinity, or too little varies in
            it for that many filters; or ``n_filter`` is too large or not an integer of at least 1.
    """
    if not isinstance(patches, numpy.ndarray):
        raise TypeError(f'patches must be a NumPy array; got {type(patches).__name__}')
    if patches.ndim != 3 or patches.shape[1] != patches.shape[2]:
        raise ValueError(f'patches must have shape (N, size, size); got {patches.shape}')
    _checks.positive_int('n_filter', n_filter)
    rng = generator(rng, patches)
    n, size, _ = patches.shape
    if n_filter > min(size ** 2 - 1, n - 1):
        raise ValueError(f'n_filter {n_filter} is too large: {n} patches of {size} x {size} pixels give at most '
                         f'{min(size ** 2 - 1, n - 1)} filters')
    if not numpy.isfinite(patches).all():
        raise ValueError('patches holds NaN or infinity')
    flat = patches.reshape(n, -1).astype(numpy.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    spread = numpy.linalg.eigvalsh(flat.T @ flat / n)[-n_filter]
    if spread < 1e-10:
        raise ValueError(f'patches vary too little for {n_filter} filters: constant patches, or copies of a few?')
    import sklearn.decomposition    # here, for it takes half as long as Chainer does
    # A turn of less than 2.6 degrees (1 - cos = 0.001) in a step of all filters ends it; up to 60 are needed on photos.
    ica = sklearn.decomposition.FastICA(
        n_filter, whiten='unit-variance', tol=1e-3, max_iter=1000, random_state=int(rng.integers(2 ** 31)))
    with threadpoolctl.threadpool_limits(1, 'blas'):    # its products are small: threads would wait for each other
        ica.fit(flat)
    filters = ica.components_ - ica.components_.mean(axis=1, keepdims=True)
    return filters.reshape(n_filter, size, size).astype(numpy.float32)
