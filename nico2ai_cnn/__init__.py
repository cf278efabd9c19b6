"""A course on convolutional networks in Chainer. Importing it revives Chainer and makes it fast."""

from nico2ai_cnn import _revive

_revive.revive()

from nico2ai_cnn import cpu, datasets, filters, inspection, links, training, transforms  # NOQA: E402  (Chainer comes first)

cpu.install()

__all__ = ['cpu', 'datasets', 'filters', 'inspection', 'links', 'training', 'transforms']
__version__ = '0.1.0'
