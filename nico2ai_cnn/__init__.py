"""A course on convolutional networks in Chainer. Importing it revives Chainer and makes it fast."""

from nico2ai_cnn import _revive

_revive.revive()

from nico2ai_cnn import (  # NOQA: E402  (Chainer comes first)
    cortex, cpu, datasets, filters, gpu, inspection, links, training, transforms)

cpu.install()
gpu.install()

__all__ = ['cortex', 'cpu', 'datasets', 'filters', 'gpu', 'inspection', 'links', 'training', 'transforms']
__version__ = '0.1.0'
