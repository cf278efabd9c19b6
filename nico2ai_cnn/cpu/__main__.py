"""``python -m nico2ai_cnn.cpu`` compiles the kernels now, so that no later run has to."""

import importlib
import pkgutil

from nico2ai_cnn import cpu

if cpu.is_used():
    cpu.compile_kernels()
    for module in pkgutil.iter_modules(cpu.__path__, cpu.__name__ + '.'):   # some serve the transforms alone
        if not module.name.endswith('.__main__'):
            importlib.import_module(module.name)
