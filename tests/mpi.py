"""Where MPI is, for the tests that start several processes."""

import os
import pathlib
import shutil
import sys

import pytest

# The wheel of MPICH puts its mpiexec beside Python, where no PATH need lead.
MPIEXEC = shutil.which('mpiexec', path=f'{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
try:
    import mpi4py  # NOQA: F401
except ImportError:
    MPIEXEC = None
needs_mpi = pytest.mark.skipif(MPIEXEC is None, reason='needs mpi4py and mpiexec, the extra "distributed"')
