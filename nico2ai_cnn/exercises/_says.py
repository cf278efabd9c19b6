"""What every check is made of: it prints one line, and never raises."""

import functools

import chainer
import numpy


class Wrong(Exception):
    """Carries what to tell the student."""


def says(check):
    @functools.wraps(check)
    def wrapped(answer):
        name = getattr(answer, '__name__', 'the answer')
        try:
            check(answer)
        except Waiting:
            print(f'⏳ {name}: nothing here yet. Write your answer above, then run this again.')
        except Wrong as wrong:
            print(f'✗ {name}: {wrong}')
        except Exception as error:
            print(f'✗ {name}: your code raised {type(error).__name__}: {error}')
        else:
            print(f'✓ {name}: right.')
    return wrapped


class Waiting(Exception):
    """The stub is untouched."""


def call(function, *args):
    result = function(*args)
    if result is None:
        raise Waiting
    return result


def expect_array(got, wanted, hints=()):
    """Compares arrays; ``hints`` are (wrong value, what it shows) pairs."""
    if isinstance(got, chainer.Variable):
        got = got.array
    got, wanted = numpy.asarray(got), numpy.asarray(wanted)
    if got.shape == wanted.shape and numpy.allclose(got, wanted, rtol=1e-4, atol=1e-5):
        return
    for value, hint in hints:
        value = numpy.asarray(value)
        if got.shape == value.shape and numpy.allclose(got, value):
            raise Wrong(hint)
    if got.shape != wanted.shape:
        raise Wrong(f'the result has shape {got.shape}; wanted {wanted.shape}.')
    where = tuple(int(i) for i in numpy.argwhere(~numpy.isclose(got, wanted, 1e-4, 1e-5))[0])
    raise Wrong(f'the shape is right, but at index {where} there is {got[where]:.4g}; '
                f'wanted {wanted[where]:.4g}.')
