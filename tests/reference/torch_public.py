"""The nets whose ImageNet weights are public, with the names of modules that torchvision gives them."""

import torch
import torch.nn.functional as F
from torch import nn


class ConvsAndClassifier(nn.Module):
    """``layers``: arguments of convolutions, each with a ReLU behind it, and (ksize, stride) of poolings."""

    def __init__(self, layers, classifier):
        super().__init__()
        features = []
        for layer in layers:
            features += [nn.Conv2d(*layer), nn.ReLU()] if len(layer) > 2 else [nn.MaxPool2d(*layer)]
        self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def alexnet():
    return ConvsAndClassifier(
        [(3, 64, 11, 4, 2), (3, 2), (64, 192, 5, 1, 2), (3, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1),
         (256, 256, 3, 1, 1), (3, 2)],
        [nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
         nn.Linear(4096, 1000)])


def vgg16():
    layers, n_in = [], 3
    for n_out, times in (64, 2), (128, 2), (256, 3), (512, 3), (512, 3):
        for _ in range(times):
            layers.append((n_in, n_out, 3, 1, 1))
            n_in = n_out
        layers.append((2, 2))
    return ConvsAndClassifier(
        layers, [nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
                 nn.Linear(4096, 1000)])


class ConvNorm(nn.Module):
    def __init__(self, n_in, n_out, k, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, k, stride, k // 2, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, n_in, a, b_in, b, c_in, c, d):
        super().__init__()
        self.branch1 = ConvNorm(n_in, a, 1)
        self.branch2 = nn.Sequential(ConvNorm(n_in, b_in, 1), ConvNorm(b_in, b, 3))
        self.branch3 = nn.Sequential(ConvNorm(n_in, c_in, 1), ConvNorm(c_in, c, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), ConvNorm(n_in, d, 1))

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = ConvNorm(3, 64, 7, 2), ConvNorm(64, 64, 1), ConvNorm(64, 192, 3)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.inception3b(self.inception3a(x)), 3, 2, ceil_mode=True)
        x = self.inception4e(self.inception4d(self.inception4c(self.inception4b(self.inception4a(x)))))
        x = self.inception5b(self.inception5a(F.max_pool2d(x, 2, 2, ceil_mode=True)))
        return self.fc(x.mean((2, 3)))


class Bottleneck(nn.Module):
    def __init__(self, n_in, n, stride):
        super().__init__()
        for i, (a, b, k, s) in enumerate([(n_in, n, 1, 1), (n, n, 3, stride), (n, 4 * n, 1, 1)], 1):
            setattr(self, f'conv{i}', nn.Conv2d(a, b, k, s, k // 2, bias=False))
            setattr(self, f'bn{i}', nn.BatchNorm2d(b))
        self.downsample = nn.Sequential()
        if n_in != 4 * n:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, 4 * n, 1, stride, bias=False), nn.BatchNorm2d(4 * n))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        return F.relu(self.bn3(self.conv3(h)) + self.downsample(x))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        n_in = 64
        for i, (n, times) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], 1):
            blocks = []
            for j in range(times):
                blocks.append(Bottleneck(n_in, n, 2 if i > 1 and j == 0 else 1))
                n_in = 4 * n
            setattr(self, f'layer{i}', nn.Sequential(*blocks))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


FORMS = {'AlexNet': alexnet, 'VGG16': vgg16, 'GoogLeNet': GoogLeNet, 'ResNet-50': ResNet50}
