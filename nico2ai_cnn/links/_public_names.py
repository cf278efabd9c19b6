"""What the layers of our networks are called in the public files of weights."""

import re

from nico2ai_cnn.links.alexnet import AlexNet
from nico2ai_cnn.links.googlenet import GoogLeNet
from nico2ai_cnn.links.resnet import ResNet
from nico2ai_cnn.links.vgg import VGG16

GOOGLENET_EPS = 1e-3
"""What torchvision's GoogLeNet adds to the variances of its batch normalisation."""

BRANCHES = {'conv1': 'branch1', 'conv3_reduce': 'branch2.0', 'conv3': 'branch2.1',
            'conv5_reduce': 'branch3.0', 'conv5': 'branch3.1', 'pool_proj': 'branch4.1'}
# timm's names of VGG16's last layers
TIMM = {'pre_logits.fc1': 'classifier.0', 'pre_logits.fc2': 'classifier.3', 'head.fc': 'classifier.6'}


def of(model):
    """Returns the name of the public weights of a network, and ``{path of a link: its public name}``.

    A convolution with the batch normalisation behind it, to be folded into it, has two names.

    Raises:
        TypeError: If there are none for such a model.
    """
    if isinstance(model, AlexNet) and model.one_tower:
        convs = {f'/conv{i}': f'features.{n}' for i, n in zip(range(1, 6), (0, 3, 6, 8, 10))}
        return 'AlexNet', {**convs, '/fc6': 'classifier.1', '/fc7': 'classifier.4', '/fc8': 'classifier.6'}
    if isinstance(model, VGG16) and model.size == 224:
        return 'VGG16', _vgg16(model)
    if isinstance(model, GoogLeNet) and model.torchvision:
        return 'GoogLeNet', _googlenet(model)
    if isinstance(model, ResNet) and not model.small and model.shortcuts:
        return f'ResNet-{model.n_layers}', _resnet(model)
    raise TypeError(f'model: there are no public weights for this {type(model).__name__}; there are for '
                    'AlexNet(one_tower=True), VGG16(), GoogLeNet(torchvision=True) and ResNet(n_layers)')


def torchvision(name):
    """Returns torchvision's name of a tensor for its name in timm's files."""
    layer, _, part = name.rpartition('.')
    return f'{TIMM[layer]}.{part}' if layer in TIMM else name


def is_ignored(name):
    """Whether a network can do without it: counters of batches, and heads, which are untrained in public files."""
    return name.endswith('num_batches_tracked') or re.match(r'aux[12]\.', name) is not None


def _vgg16(model):
    names, i = {}, 0
    for block in model.blocks:
        for conv in block:
            names[f'/{conv}'], i = f'features.{i}', i + 2       # a ReLU each
        i += 1                                                  # and a pooling
    return {**names, '/fc6': 'classifier.0', '/fc7': 'classifier.3', '/fc8': 'classifier.6'}


def _googlenet(model):
    names = {'/conv1': 'conv1', '/conv2_reduce': 'conv2', '/conv2': 'conv3'}
    for inception in model.names:
        names.update({f'/inception{inception}/{own}': f'inception{inception}.{public}'
                      for own, public in BRANCHES.items()})
    return {**{own: (f'{public}.conv', f'{public}.bn') for own, public in names.items()}, '/fc': 'fc'}


def _resnet(model):
    names = {'/conv1': 'conv1', '/bn1': 'bn1', '/fc': 'fc'}
    for stage in model.stages:
        for i, block in enumerate(model[stage]):
            public = f'layer{int(stage[3:]) - 1}.{i}'
            for link in block.children():
                last = {'project': 'downsample.0', 'bn_project': 'downsample.1'}.get(link.name, link.name)
                names[f'/{stage}/{i}/{link.name}'] = f'{public}.{last}'
    return names
