"""MLP, LeNet and LeNet-5, built in PyTorch from the papers, without a look at our Links.

Modules carry the names of our Links, so that `conv1.weight` here is `/conv1/W` there. FORMS
lists what is compared: name of the form: (network, shape of the images, whether in training).
"""

import torch
import torch.nn.functional as F
from torch import nn

from nico2ai_cnn.links._digit_codes import DIGIT_CODES
from nico2ai_cnn.links.lenet import C3_INPUTS


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 300), nn.Linear(300, 100), nn.Linear(100, 10)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc3, self.fc4, self.fc5 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2).flatten(1)
        return self.fc5(F.relu(self.fc4(F.relu(self.fc3(x)))))


class Subsampling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))

    def forward(self, x):
        summed = F.unfold(x.flatten(0, 1)[:, None], 2, stride=2).sum(1).view(*x.shape[:2], x.shape[2] // 2, -1)
        return summed * self.weight[:, None, None] + self.bias[:, None, None]


class TableConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(sum(map(len, C3_INPUTS)), 5, 5))
        self.bias = nn.Parameter(torch.empty(16))

    def forward(self, x):
        maps, first = [], 0
        for o, inputs in enumerate(C3_INPUTS):
            filters = self.weight[first:first + len(inputs)][None]
            maps.append(F.conv2d(x[:, list(inputs)], filters, self.bias[o:o + 1]))
            first += len(inputs)
        return torch.cat(maps, 1)


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.s2, self.c3, self.s4 = nn.Conv2d(1, 6, 5), Subsampling(6), TableConvolution(), Subsampling(16)
        self.c5, self.f6 = nn.Conv2d(16, 120, 5), nn.Linear(120, 84)

    def forward(self, x):
        def squash(a):
            return 1.7159 * torch.tanh(a * 2 / 3)
        x = 1.275 * F.pad(x, (2, 2, 2, 2)) - 0.1
        for layer in self.c1, self.s2, self.c3, self.s4, self.c5:
            x = squash(layer(x))
        x = squash(self.f6(x.flatten(1)))
        return -((x[:, None] - torch.tensor(DIGIT_CODES, dtype=x.dtype)) ** 2).sum(2)


FORMS = {
    'MLP': (MLP, (2, 1, 28, 28), False),
    'LeNet': (LeNet, (2, 1, 28, 28), False),
    'LeNet5': (LeNet5, (2, 1, 28, 28), False),
}
