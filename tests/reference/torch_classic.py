"""AlexNet, VGG16, NIN and SPP-net, built in PyTorch from the papers, without a look at our Links.

Modules carry the names of our Links; see torch_first.py.
"""

import torch
import torch.nn.functional as F
from torch import nn


def normalise(x):
    # PyTorch divides alpha by the size of the window; the paper does not.
    return F.local_response_norm(x, size=5, alpha=5 * 1e-4, beta=0.75, k=2.0)


class AlexNet(nn.Module):
    def __init__(self, depths=(96, 256, 384, 384, 256), n_class=1000):
        super().__init__()
        a, b, c, d, e = depths
        self.conv1 = nn.Conv2d(3, a, 11, stride=4)
        self.conv2 = nn.Conv2d(a, b, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(b, c, 3, padding=1)
        self.conv4 = nn.Conv2d(c, d, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(d, e, 3, padding=1, groups=2)
        self.fc6, self.fc7 = nn.Linear(e * 36, 4096), nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, n_class)

    def forward(self, x):
        x = F.max_pool2d(normalise(F.relu(self.conv1(x))), 3, 2)
        x = F.max_pool2d(normalise(F.relu(self.conv2(x))), 3, 2)
        x = F.relu(self.conv4(F.relu(self.conv3(x))))
        x = F.max_pool2d(F.relu(self.conv5(x)), 3, 2).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class SmallAlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 5, padding=2)
        self.conv2 = nn.Conv2d(8, 16, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv4 = nn.Conv2d(32, 32, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(32, 32, 3, padding=1, groups=2)
        self.fc6, self.fc7, self.fc8 = nn.Linear(288, 128), nn.Linear(128, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(normalise(F.relu(self.conv1(x))), 3, 2, ceil_mode=True)
        x = F.max_pool2d(normalise(F.relu(self.conv2(x))), 3, 2, ceil_mode=True)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        x = F.max_pool2d(x, 3, 2).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class OneTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.Conv2d(64, 192, 5, padding=2)
        self.conv3, self.conv4 = nn.Conv2d(192, 384, 3, padding=1), nn.Conv2d(384, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)
        self.fc6, self.fc7, self.fc8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 3, 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 3, 2)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 3, 2), 6).flatten(1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class VGG16(nn.Module):
    def __init__(self, maps=(64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0),
                 in_channels=3, n_pixel=49, n_unit=4096, n_class=1000):
        super().__init__()
        self.order, block, i, last = [], 1, 1, in_channels
        for n in maps:
            if n:
                name = f'conv{block}_{i}'
                self.add_module(name, nn.Conv2d(last, n, 3, padding=1))
                self.order.append(name)
                i, last = i + 1, n
            else:
                self.order.append('pool')
                block, i = block + 1, 1
        self.fc6, self.fc7 = nn.Linear(last * n_pixel, n_unit), nn.Linear(n_unit, n_unit)
        self.fc8 = nn.Linear(n_unit, n_class)

    def forward(self, x):
        for name in self.order:
            x = F.max_pool2d(x, 2) if name == 'pool' else F.relu(getattr(self, name)(x))
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x.flatten(1))))))


def small_vgg16():
    return VGG16((8, 8, 0, 16, 16, 0, 32, 32, 32, 0), 1, 9, 128, 10)


class NIN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4)
        self.cccp1, self.cccp2 = nn.Conv2d(96, 96, 1), nn.Conv2d(96, 96, 1)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2)
        self.cccp3, self.cccp4 = nn.Conv2d(256, 256, 1), nn.Conv2d(256, 256, 1)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.cccp5, self.cccp6 = nn.Conv2d(384, 384, 1), nn.Conv2d(384, 384, 1)
        self.conv4 = nn.Conv2d(384, 1024, 3, padding=1)
        self.cccp7, self.cccp8 = nn.Conv2d(1024, 1024, 1), nn.Conv2d(1024, 1000, 1)

    def forward(self, x):
        x = F.relu(self.cccp2(F.relu(self.cccp1(F.relu(self.conv1(x))))))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = F.relu(self.cccp4(F.relu(self.cccp3(F.relu(self.conv2(x))))))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = F.relu(self.cccp6(F.relu(self.cccp5(F.relu(self.conv3(x))))))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = F.relu(self.cccp8(F.relu(self.cccp7(F.relu(self.conv4(x))))))
        return F.avg_pool2d(x, 6).flatten(1)


class ThreeBlockNIN(nn.Module):
    """For CIFAR-10."""

    def __init__(self, in_channels=3, depths=(192, 160, 96, 192, 192, 192, 192, 192), stride=1):
        super().__init__()
        a, b, c, d, e, f, g, h = depths
        self.conv1, self.cccp1 = nn.Conv2d(in_channels, a, 5, stride, padding=2), nn.Conv2d(a, b, 1)
        self.cccp2 = nn.Conv2d(b, c, 1)
        self.conv2, self.cccp3 = nn.Conv2d(c, d, 5, padding=2), nn.Conv2d(d, e, 1)
        self.cccp4 = nn.Conv2d(e, f, 1)
        self.conv3, self.cccp5 = nn.Conv2d(f, g, 3, padding=1), nn.Conv2d(g, h, 1)
        self.cccp6 = nn.Conv2d(h, 10, 1)

    def pool2(self, x):
        return F.avg_pool2d(x, 3, 2, ceil_mode=True)

    def forward(self, x):
        x = F.relu(self.cccp2(F.relu(self.cccp1(F.relu(self.conv1(x))))))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = self.pool2(F.relu(self.cccp4(F.relu(self.cccp3(F.relu(self.conv2(x)))))))
        return self.last(self.cccp6(F.relu(self.cccp5(F.relu(self.conv3(x)))))).mean((2, 3))

    def last(self, x):
        return F.relu(x)


class SmallNIN(ThreeBlockNIN):
    def __init__(self):
        super().__init__(1, (32, 24, 16, 48, 32, 32, 48, 48), stride=2)

    def pool2(self, x):
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def last(self, x):
        return x


class SPPNet(nn.Module):
    def __init__(self, in_channels=3, depths=(96, 256, 384, 384, 256), n_unit=4096, n_class=1000):
        super().__init__()
        a, b, c, d, e = depths
        self.conv1, self.conv2 = nn.Conv2d(in_channels, a, 7, 2, padding=1), nn.Conv2d(a, b, 5, 2)
        self.conv3, self.conv4 = nn.Conv2d(b, c, 3, padding=1), nn.Conv2d(c, d, 3, padding=1)
        self.conv5 = nn.Conv2d(d, e, 3, padding=1)
        self.fc6, self.fc7 = nn.Linear(50 * e, n_unit), nn.Linear(n_unit, n_unit)
        self.fc8 = nn.Linear(n_unit, n_class)

    def forward(self, x):
        x = F.max_pool2d(normalise(F.relu(self.conv1(x))), 3, 2, ceil_mode=True)
        x = F.max_pool2d(normalise(F.relu(self.conv2(x))), 3, 2, ceil_mode=True)
        x = F.relu(self.conv5(F.relu(self.conv4(F.relu(self.conv3(x))))))
        x = torch.cat([F.adaptive_max_pool2d(x, n).flatten(1) for n in (1, 2, 3, 6)], 1)
        return self.fc8(F.relu(self.fc7(F.relu(self.fc6(x)))))


class SmallSPPNet(SPPNet):
    def __init__(self):
        super().__init__(1, (8, 16, 24, 24, 24), 128, 10)
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 5, padding=2), nn.Conv2d(8, 16, 3, padding=1)


def exactly(make_net):
    """Makes the net compute in float64.

    In float32 PyTorch and Chainer round differently, so where two pixels of a pooling window are
    nearly alike they may choose different ones: that alone moved AlexNet's gradients by 4%.
    """
    def make():
        net = make_net().double()
        net.register_forward_pre_hook(lambda net, images: tuple(x.double() for x in images))
        return net
    return make


FORMS = {name: (exactly(make_net), shape, train) for name, (make_net, shape, train) in {
    'AlexNet': (AlexNet, (1, 3, 227, 227), False),
    'AlexNet_small': (SmallAlexNet, (2, 1, 28, 28), False),
    'AlexNet_one_tower': (OneTower, (1, 3, 224, 224), False),
    'VGG16': (VGG16, (1, 3, 224, 224), False),
    'VGG16_small': (small_vgg16, (2, 1, 28, 28), False),
    'NIN': (NIN, (1, 3, 224, 224), False),
    'NIN_cifar': (ThreeBlockNIN, (2, 3, 32, 32), False),
    'NIN_small': (SmallNIN, (2, 1, 28, 28), False),
    'SPPNet': (SPPNet, (1, 3, 224, 224), False),
    'SPPNet_180': (SPPNet, (1, 3, 180, 180), False),
    'SPPNet_wide': (SPPNet, (1, 3, 180, 277), False),
    'SPPNet_small': (SmallSPPNet, (2, 1, 28, 28), False),
}.items()}
