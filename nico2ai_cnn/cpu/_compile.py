"""How a function becomes a kernel: compiled once for this computer, and kept."""

import contextlib
import hashlib
import pathlib
import sys
import tempfile

import numba
import pooch
from numba.core import config, event

_OPTIONS = {
    'nogil': True,              # so that the pool's threads run side by side
    'error_model': 'numpy',     # no branch for division by zero, which would stop vectorising
    'fastmath': {'contract'},   # fused multiply-add; NaN and inf keep their meaning
}


def kernel(signature, **options):
    """Compiles a function for the given types, or loads what was compiled before.

    A kernel is a plain function of numbers and arrays: it allocates nothing that
    outlives the call, and it touches no Python object. The first two arguments of
    those that the pool runs are the range of items that a call works on.
    """
    def decorate(function):
        with event.install_listener('numba:compile', _Announcer()), _cache_in(_CACHE_FOLDER):
            return numba.njit(signature, cache=_CACHE_FOLDER is not None,
                              **{**_OPTIONS, **options})(function)
    return decorate


def helper(function):
    """Compiles a function that kernels call; LLVM inlines it into them."""
    return numba.njit(error_model='numpy', fastmath={'contract'})(function)


def _cache_folder():
    """Returns the first folder that can be written, or None where there is none.

    Its name holds a checksum of all sources here: Numba itself looks at the
    file of the kernel alone, and would keep a kernel whose helper has changed.
    """
    here = pathlib.Path(__file__).parent
    checksum = hashlib.sha256(b''.join(
        path.read_bytes() for path in sorted(here.glob('*.py')))).hexdigest()[:16]
    users_choice = [config.CACHE_DIR] if config.CACHE_DIR else []
    for parent in (*users_choice, here / '__pycache__', pooch.os_cache('nico2ai_cnn')):
        folder = pathlib.Path(parent, f'kernels-{checksum}')
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


@contextlib.contextmanager
def _cache_in(folder):
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or '')
    try:
        yield
    finally:
        config.CACHE_DIR = before


_CACHE_FOLDER = _cache_folder()


class _Announcer(event.Listener):
    """Says once that kernels are being compiled, when the first one really is."""

    said = False

    def on_start(self, event):
        if not _Announcer.said:
            _Announcer.said = True
            how_often = 'once' if _CACHE_FOLDER else (
                'in every run, for no folder can be written where they could be kept '
                '(set NUMBA_CACHE_DIR to one)')
            print(f'nico2ai_cnn compiles its CPU kernels for this computer, {how_often}; '
                  'it takes about 20 seconds.', file=sys.stderr, flush=True)

    def on_end(self, event):
        pass
