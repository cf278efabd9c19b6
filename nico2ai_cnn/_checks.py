"""What the package says when it is handed the wrong thing."""

import chainer
import numpy

_LARGEST = float(numpy.finfo(numpy.float32).max)


def positive_int(name, value):
    """Raises ValueError unless ``value`` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, numpy.integer)) or value < 1:
        raise ValueError(f'{name} must be an integer of at least 1; got {value!r}')


def is_number(value):
    """Returns whether ``value`` is one finite number that float32 can hold."""
    try:
        return numpy.ndim(value) == 0 and not isinstance(value, (str, bytes)) and abs(float(value)) <= _LARGEST
    except (TypeError, ValueError, OverflowError):
        return False


def link(name, value):
    """Raises TypeError unless ``value`` is a Chainer link."""
    if not isinstance(value, chainer.Link):
        raise TypeError(f'{name} must be a chainer.Chain; got {type(value).__name__}')


def generator(rng):
    """Returns ``rng``, or a new generator of NumPy's where it is None.

    Raises:
        TypeError: If it is no ``numpy.random.Generator``; a number is a seed for one.
    """
    if rng is None:
        return numpy.random.default_rng()
    if not isinstance(rng, numpy.random.Generator):
        raise TypeError(f'rng must be a numpy.random.Generator, as of numpy.random.default_rng(0); got {rng!r}')
    return rng


def seed(name, value):
    """Raises ValueError unless ``value`` is an integer that both kinds of NumPy's generators take."""
    if isinstance(value, bool) or not isinstance(value, (int, numpy.integer)) or not 0 <= value < 2 ** 32:
        raise ValueError(f'{name} must be an integer from 0 to {2 ** 32 - 1}; got {value!r}')


def step_size(optimizer, decay):
    """Returns the name of the optimizer's step size, ``'lr'`` or ``'alpha'``, or None."""
    if not isinstance(optimizer, chainer.Optimizer):
        raise TypeError('optimizer must be a chainer.Optimizer, such as chainer.optimizers.Adam(); '
                        f'got {optimizer!r}')
    # lr first: RMSprop has both, and its alpha is something else.
    name = next((name for name in ('lr', 'alpha') if hasattr(optimizer.hyperparam, name)), None)
    if decay and name is None:
        raise ValueError(f'decay=True needs an optimizer with a step size, and '
                         f'{type(optimizer).__name__} has neither lr nor alpha; pass decay=False')
    return name


def images(link, x, *shapes):
    """Raises unless ``x`` is a float batch ``(N, *shape)`` for one of ``shapes``.

    Raises:
        TypeError: If ``x`` is not an array or Variable of ``chainer.config.dtype``.
        ValueError: If its shape fits none of ``shapes``, or N is 0.
    """
    name = type(link).__name__
    wanted_dtype = chainer.get_dtype()
    if not hasattr(x, 'shape') or not hasattr(x, 'dtype'):
        raise TypeError(f'{name}: x must be an array or a Variable; got {type(x).__name__}')
    if x.dtype != wanted_dtype:
        raise TypeError(f'{name}: x must be {wanted_dtype.name} in [0, 1]; got {x.dtype}, '
                        f"which x.astype('{wanted_dtype.name}') converts")
    if not any(x.ndim == 1 + len(shape) and x.shape[1:] == shape for shape in shapes):
        wanted = ' or '.join('(N, ' + ', '.join(map(str, shape)) + ')' for shape in shapes)
        raise ValueError(f'{name}: x must have shape {wanted}; got {tuple(x.shape)}')
    if x.shape[0] == 0:
        raise ValueError(f'{name}: x holds no images; got {tuple(x.shape)}')


def as_dataset(name, data):
    """Returns ``data``, or the two arrays in it, as a data set of (image, label).

    Raises:
        TypeError, ValueError: Unless it is non-empty, and images are arrays of
            ``chainer.config.dtype`` and labels integers.
    """
    if isinstance(data, tuple) and len(data) == 2 and all(hasattr(a, 'dtype') for a in data):
        if len(data[0]) != len(data[1]):
            raise ValueError(f'{name} has {len(data[0])} images, but {len(data[1])} labels')
        data = chainer.datasets.TupleDataset(*data)
    if not hasattr(data, '__len__') or not hasattr(data, '__getitem__'):
        raise TypeError(f'{name} must be a data set of (image, label) or two arrays; '
                        f'got {type(data).__name__}')
    if len(data) == 0:
        raise ValueError(f'{name} is empty; wanted at least one (image, label)')
    example = data[0]
    if not (isinstance(example, tuple) and len(example) == 2):
        raise TypeError(f'{name} must hold (image, label) tuples; its first example is '
                        f'{type(example).__name__} (get_mnist needs withlabel=True)')
    image, label = (part if hasattr(part, 'dtype') else numpy.asarray(part) for part in example)
    if image.dtype != chainer.get_dtype():
        raise TypeError(f'{name}: images must be {chainer.get_dtype().name} in [0, 1]; '
                        f'the first one is {image.dtype}')
    if label.ndim != 0 or label.dtype.kind not in 'iu':
        raise TypeError(f'{name}: a label must be one integer; the first one has shape '
                        f'{label.shape} and dtype {label.dtype}')
    return data


def labels(t, n_class, name):
    """Raises ValueError unless all labels lie in ``[0, n_class)``."""
    wrong = t[(t < 0) | (t >= n_class)]
    if len(wrong):
        raise ValueError(f'{name}: label {int(wrong[0])} is out of range; the model has '
                         f'{n_class} classes, so labels must be 0 to {n_class - 1}')
