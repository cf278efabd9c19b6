"""The lecture's networks, one file each. ``forward`` takes NCHW, returns logits.

``load_pretrained`` gives some of them public ImageNet weights; ``prepare_photo`` makes what those want to see.
"""

from nico2ai_cnn.links.alexnet import AlexNet
from nico2ai_cnn.links.deepface import DeepFace
from nico2ai_cnn.links.googlenet import GoogLeNet
from nico2ai_cnn.links.lenet import LeNet, LeNet5
from nico2ai_cnn.links.mlp import MLP
from nico2ai_cnn.links.neocognitron import Neocognitron
from nico2ai_cnn.links.nin import NIN
from nico2ai_cnn.links.photos import prepare_photo
from nico2ai_cnn.links.pretrained import load_pretrained
from nico2ai_cnn.links.resnet import ResNet
from nico2ai_cnn.links.spp import SPPNet
from nico2ai_cnn.links.vgg import VGG16

__all__ = ['AlexNet', 'DeepFace', 'GoogLeNet', 'LeNet', 'LeNet5', 'MLP', 'NIN', 'Neocognitron', 'ResNet', 'SPPNet', 'VGG16',
           'load_pretrained', 'prepare_photo']
