"""What every check is made of: it prints one line, and never raises."""

import functools
import inspect
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
    """Says which line of the answer raised; or that what it returned could not be compared."""
    answer = inspect.unwrap(getattr(answer, 'func', answer))        # of a functools.partial
    parts = vars(answer).values() if isinstance(answer, type) else (answer, getattr(answer, '__call__', None))
    files = {part.__code__.co_filename for part in parts if hasattr(part, '__code__')}
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame for frame in frames if frame.filename in files]
    try:
        what = f'{type(error).__name__}: {" ".join(str(error).split())}'
    except Exception:       # an exception of somebody's own that cannot say what it is
        what = type(error).__name__
    if lines:
        return f'line {lines[-1].lineno} of the cell, {lines[-1].line!r}, raised {what}'
    if isinstance(answer, type) or any(frame.name == call.__name__ for frame in frames):
        return f'your code raised {what}'
    return f'what it returns cannot be checked ({what}).'


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
