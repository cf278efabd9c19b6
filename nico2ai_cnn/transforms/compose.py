"""One transform after the other, and into the training loop."""

import inspect

import chainer

from nico2ai_cnn.transforms._batch import batch_of, generator


def accepts(function, name):
    """Returns whether a function has an argument of that name."""
    return name in inspect.signature(function).parameters


class Compose:
    """Applies transforms one after the other; pickles, if they do.

    Args:
        transforms: Functions of x; those with an argument ``rng`` share one. Give other arguments
            with ``functools.partial``: ``Compose(random_flip, partial(random_crop, size=28, pad=4))``.

    Raises:
        TypeError: If one is not a function.
    """

    def __init__(self, *transforms):
        for transform in transforms:
            if not callable(transform):
                raise TypeError(f'transforms must be functions; got {transform!r}')
        self.transforms = transforms

    def __call__(self, x, rng=None, return_param=False):
        """Returns x after all transforms, and with ``return_param`` a list of what each drew.

        The list has None where a transform draws nothing.
        """
        batch_of(x, floats=False)
        rng = generator(rng, x)
        params = []
        for transform in self.transforms:
            options = {'rng': rng} if accepts(transform, 'rng') else {}
            param = None
            if return_param and accepts(transform, 'return_param'):
                x, param = transform(x, **options, return_param=True)
            else:
                x = transform(x, **options)
            params.append(param)
        return (x, params) if return_param else x


def converter(transform, rng=None):
    """Returns a Chainer converter that puts a batch together, sends it off, and transforms it there.

    That is far faster than one image at a time, as ``TransformDataset`` does it::

        updater = training.updaters.StandardUpdater(
            iterator, optimizer, converter=transforms.converter(transform, numpy.random.default_rng(0)))

    Args:
        transform: A function of a batch ``(N, C, H, W)``; with an argument ``rng``, it gets ``rng``.
        rng: ``numpy.random.Generator`` or CuPy's.

    Returns:
        Function of a list of examples, images or tuples ``(image, ...)``, and a device. It raises
        TypeError where they are dicts.

    Raises:
        TypeError: If ``transform`` is not a function.
    """
    if not callable(transform):
        raise TypeError(f'transform must be a function; got {transform!r}')
    options = {'rng': generator(rng, None)} if accepts(transform, 'rng') else {}

    @chainer.dataset.converter()
    def convert(batch, device):
        arrays = chainer.dataset.concat_examples(batch, device)
        if isinstance(arrays, dict):
            raise TypeError('examples must be images, or tuples that begin with one; got dicts')
        if not isinstance(arrays, tuple):
            return transform(arrays, **options)
        return (transform(arrays[0], **options), *arrays[1:])
    return convert
