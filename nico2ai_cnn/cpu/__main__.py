"""``python -m nico2ai_cnn.cpu`` compiles the kernels now, so that no later run has to."""

from nico2ai_cnn import cpu

if cpu.is_used():
    cpu.compile_kernels()
