"""The lecture's networks, one file each. ``forward`` takes NCHW, returns logits."""

from nico2ai_cnn.links.alexnet import AlexNet
from nico2ai_cnn.links.lenet import LeNet, LeNet5
from nico2ai_cnn.links.mlp import MLP

__all__ = ['AlexNet', 'MLP', 'LeNet', 'LeNet5']
