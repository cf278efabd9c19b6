"""GoogLeNet, ResNet and DeepFace, built in PyTorch from the papers, without a look at our Links."""

import torch
import torch.nn.functional as F
from torch import nn

from tests.reference.torch_classic import exactly


def conv_relu(module, x):
    return F.relu(module(x))


class Inception(nn.Module):
    def __init__(self, n_in, a, b_in, b, c_in, c, d):
        super().__init__()
        self.conv1, self.pool_proj = nn.Conv2d(n_in, a, 1), nn.Conv2d(n_in, d, 1)
        self.conv3_reduce, self.conv3 = nn.Conv2d(n_in, b_in, 1), nn.Conv2d(b_in, b, 3, padding=1)
        self.conv5_reduce, self.conv5 = nn.Conv2d(n_in, c_in, 1), nn.Conv2d(c_in, c, 5, padding=2)

    def forward(self, x):
        three = conv_relu(self.conv3, conv_relu(self.conv3_reduce, x))
        five = conv_relu(self.conv5, conv_relu(self.conv5_reduce, x))
        pooled = conv_relu(self.pool_proj, F.max_pool2d(x, 3, 1, 1))
        return torch.cat([conv_relu(self.conv1, x), three, five, pooled], 1)


class Head(nn.Module):
    def __init__(self, n_in, maps, side, units, n_class, window):
        super().__init__()
        self.window = window
        self.conv, self.fc1 = nn.Conv2d(n_in, maps, 1), nn.Linear(maps * side * side, units)
        self.fc2 = nn.Linear(units, n_class)

    def forward(self, x):
        x = conv_relu(self.conv, F.avg_pool2d(x, *self.window))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def halve(x):
    return F.max_pool2d(x, 3, 2, ceil_mode=True)


def lrn(x):
    return F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2_reduce = nn.Conv2d(3, 64, 7, 2, 3), nn.Conv2d(64, 64, 1)
        self.conv2 = nn.Conv2d(64, 192, 3, padding=1)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        self.head1, self.head2 = (Head(n, 128, 4, 1024, 1000, (5, 3)) for n in (512, 528))
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x):
        x = lrn(halve(conv_relu(self.conv1, x)))
        x = halve(lrn(conv_relu(self.conv2, conv_relu(self.conv2_reduce, x))))
        x = self.inception4a(halve(self.inception3b(self.inception3a(x))))
        first = self.head1(x)
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        second = self.head2(x)
        x = self.inception5b(self.inception5a(halve(self.inception4e(x))))
        return self.fc(x.mean((2, 3))), first, second


class SmallGoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.inception3a = Inception(16, 8, 12, 16, 2, 4, 4)
        self.inception4a = Inception(32, 24, 12, 26, 2, 6, 8)
        self.inception4d = Inception(64, 14, 18, 36, 4, 8, 8)
        self.inception5b = Inception(66, 48, 24, 48, 6, 16, 16)
        self.head1, self.head2 = (Head(n, 16, 3, 128, 10, (3, 2)) for n in (64, 66))
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        x = self.inception3a(lrn(halve(conv_relu(self.conv1, x))))
        x = self.inception4a(halve(x))
        first = self.head1(x)
        x = self.inception4d(x)
        second = self.head2(x)
        return self.fc(self.inception5b(halve(x)).mean((2, 3))), first, second


class Block(nn.Module):
    def __init__(self, n_in, widths, ksizes, stride, shortcut):
        super().__init__()
        self.n, self.shortcut = len(widths), shortcut
        before = n_in
        strided = ksizes.index(3)       # the first 3x3
        for i, (width, k) in enumerate(zip(widths, ksizes)):
            step = stride if i == strided else 1
            setattr(self, f'conv{i + 1}', nn.Conv2d(before, width, k, step, k // 2, bias=False))
            setattr(self, f'bn{i + 1}', nn.BatchNorm2d(width))
            before = width
        if shortcut and (n_in != before or stride != 1):
            self.project, self.bn_project = nn.Conv2d(n_in, before, 1, stride, bias=False), nn.BatchNorm2d(before)

    def forward(self, x):
        y = x
        for i in range(1, self.n + 1):
            y = getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(y))
            y = F.relu(y) if i < self.n else y
        if self.shortcut:
            y = y + (self.bn_project(self.project(x)) if hasattr(self, 'project') else x)
        return F.relu(y)


class ResNet(nn.Module):
    def __init__(self, counts, bottleneck, shortcut=True, small=False):
        super().__init__()
        self.small, width = small, 16 if small else 64
        self.conv1 = nn.Conv2d(1, 16, 3, 2, 1, bias=False) if small else nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        n_in = width
        for stage, count in enumerate(counts):
            blocks = []
            for b in range(count):
                widths, ksizes = ((width, width, 4 * width), (1, 3, 1)) if bottleneck else ((width, width), (3, 3))
                blocks.append(Block(n_in, widths, ksizes, 2 if stage and not b else 1, shortcut))
                n_in = widths[-1]
            setattr(self, f'res{stage + 2}', nn.Sequential(*blocks))
            width *= 2
        self.n_stage, self.fc = len(counts), nn.Linear(n_in, 10 if small else 1000)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = x if self.small else F.max_pool2d(x, 3, 2, 1)
        for stage in range(self.n_stage):
            x = getattr(self, f'res{stage + 2}')(x)
        return self.fc(x.mean((2, 3)))


class Local(nn.Module):
    """A filter and a bias of its own at each position, as Chainer lays them out: (out, H', W', in, k, k)."""

    def __init__(self, n_in, n_out, side, k, stride):
        super().__init__()
        self.k, self.stride, self.side = k, stride, side
        self.weight = nn.Parameter(torch.empty(n_out, side, side, n_in, k, k))
        self.bias = nn.Parameter(torch.empty(n_out, side, side))

    def forward(self, x):
        windows = x.unfold(2, self.k, self.stride).unfold(3, self.k, self.stride)       # (N, in, H', W', k, k)
        return torch.einsum('nihwab,ohwiab->nohw', windows, self.weight) + self.bias


class DeepFace(nn.Module):
    def __init__(self, n_in=3, ksizes=(11, 9, 9, 7, 5), sides=(55, 25, 21), units=4096, n_class=4030):
        super().__init__()
        self.c1, self.c3 = nn.Conv2d(n_in, 32, ksizes[0]), nn.Conv2d(32, 16, ksizes[1])
        self.l4 = Local(16, 16, sides[0], ksizes[2], 1)
        self.l5 = Local(16, 16, sides[1], ksizes[3], 2)
        self.l6 = Local(16, 16, sides[2], ksizes[4], 1)
        self.f7, self.f8 = nn.Linear(16 * sides[2] ** 2, units), nn.Linear(units, n_class)

    def forward(self, x):
        x = conv_relu(self.c3, halve(conv_relu(self.c1, x)))
        x = F.relu(self.l6(F.relu(self.l5(F.relu(self.l4(x))))))
        return self.f8(F.relu(self.f7(x.flatten(1))))


FORMS = {name: (exactly(make_net), shape, train) for name, (make_net, shape, train) in {
    'GoogLeNet': (GoogLeNet, (1, 3, 224, 224), True),
    'GoogLeNet_small': (SmallGoogLeNet, (2, 1, 28, 28), True),
    'ResNet18': (lambda: ResNet((2, 2, 2, 2), False), (1, 3, 224, 224), False),
    'ResNet50': (lambda: ResNet((3, 4, 6, 3), True), (1, 3, 224, 224), False),
    'ResNet50_plain': (lambda: ResNet((3, 4, 6, 3), True, shortcut=False), (1, 3, 224, 224), False),
    'ResNet_small': (lambda: ResNet((1, 1, 1), False, small=True), (4, 1, 28, 28), True),
    'DeepFace': (DeepFace, (1, 3, 152, 152), False),
    'DeepFace_small': (lambda: DeepFace(1, (5, 4, 3, 3, 2), (7, 3, 2), 128, 10), (2, 1, 28, 28), False),
}.items()}
