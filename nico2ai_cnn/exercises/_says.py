"""What every check is made of: it prints one line, and never raises."""

import functools
import traceback

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
            print(f'⏳ {name}: it returns None so far. Write your answer above; it ends in "return …". '
                  'Then run this again.')
        except Wrong as wrong:
            print(f'✗ {name}: {wrong}')
        except Exception as error:
            print(f'✗ {name}: {_what_raised(answer, error)}')
        else:
            print(f'✓ {name}: right.')
    return wrapped


def _what_raised(answer, error):
    code = getattr(answer, '__code__', None) or getattr(answer.__init__, '__code__', None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__)
             if code and frame.filename == code.co_filename]
    what = f'{type(error).__name__}: {" ".join(str(error).split())}'
    if not lines:
        return f'what it returns cannot be checked ({what}).'
    return f'line {lines[-1].lineno} of the cell, {lines[-1].line!r}, raised {what}'


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
