"""A course on convolutional networks in Chainer. Importing it revives Chainer."""

from nico2ai_cnn import _revive

_revive.revive()

from nico2ai_cnn import datasets, links, training  # NOQA: E402  (Chainer comes first)

__all__ = ['datasets', 'links', 'training']
__version__ = '0.1.0'
