"""PyTorch's side of the benchmark, written as its users write it."""

import time

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import recipe


class WideLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc3 = nn.Linear(800, 500)
        self.fc4 = nn.Linear(500, 10)

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.conv1(x)), 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        return self.fc4(F.relu(self.fc3(h.flatten(1))))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc3 = nn.Linear(400, 120)
        self.fc4 = nn.Linear(120, 84)
        self.fc5 = nn.Linear(84, 10)

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.conv1(x)), 2)
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        h = F.relu(self.fc3(h.flatten(1)))
        return self.fc5(F.relu(self.fc4(h)))


class ExampleNet(nn.Module):
    """The network of PyTorch's MNIST example."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.dropout1 = nn.Dropout(.25)
        self.dropout2 = nn.Dropout(.5)
        self.fc1 = nn.Linear(64 * 12 * 12, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        h = F.relu(self.conv2(F.relu(self.conv1(x))))
        h = self.dropout1(F.max_pool2d(h, 2)).flatten(1)
        h = self.dropout2(F.relu(self.fc1(h)))
        return F.log_softmax(self.fc2(h), dim=1)


def describe():
    gpu = f', {torch.cuda.get_device_name()}' if torch.cuda.is_available() else ''
    return f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads{gpu}'


def _small_resnet():
    from tests.reference import torch_modern     # which imports NumPy
    return torch_modern.ResNet((3, 3, 3), False, small=True)


def _device(name):
    return torch.device({'gpu': 'cuda'}.get(name, name))


def _wait(device):
    if device.type == 'cuda':
        torch.cuda.synchronize()


def network_step(name, batch_size, device='cpu'):
    device = _device(device)
    network = {'wide': WideLeNet, 'small': LeNet, 'resnet': _small_resnet}[name]().to(device)
    optimizer = torch.optim.Adam(network.parameters())
    x = torch.rand(batch_size, 1, 28, 28, device=device)
    t = torch.randint(0, 10, (batch_size,), device=device)

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), t)
        loss.backward()
        optimizer.step()
        _wait(device)
    return step


def layer_step(in_channels, out_channels, size, ksize, stride, pad, groups, batch_size, device='cpu'):
    device = _device(device)
    x = torch.rand(batch_size, in_channels, size, size, requires_grad=in_channels != 3, device=device)
    layer = nn.Conv2d(in_channels, out_channels, ksize, stride, pad, groups=groups, device=device)
    out_size = (size + 2 * pad - ksize) // stride + 1
    gy = torch.ones(batch_size, out_channels, out_size, out_size, device=device)

    def step():
        x.grad = None
        layer.zero_grad()
        layer(x).backward(gy)
        _wait(device)
    return step


def forward_pass(name, size):
    from tests.reference import torch_classic, torch_modern     # which import NumPy
    network = {'AlexNet': torch_classic.AlexNet, 'VGG16': torch_classic.VGG16,
               'GoogLeNet': torch_modern.GoogLeNet,
               'ResNet': lambda: torch_modern.ResNet((3, 4, 6, 3), True)}[name]().eval()
    x = torch.rand(1, 3, size, size)

    def step():
        with torch.inference_mode():
            network(x)
    return step


def _mnist(mean=0., deviation=1.):
    """Returns MNIST as tensors: train x, train t, test x, test t."""
    from nico2ai_cnn import datasets  # here, so that steps are timed without NumPy beside PyTorch
    tensors = []
    for part in ('train', 'test'):
        arrays = datasets.load_mnist_arrays(part)
        x = torch.from_numpy(arrays['x']).reshape(-1, 1, 28, 28) / 255
        tensors += [(x - mean) / deviation, torch.from_numpy(arrays['y']).long()]
    return tensors


def _accuracy(network, x, t):
    network.eval()
    with torch.no_grad():
        right = sum(int((network(x[i:i + 1000]).argmax(1) == t[i:i + 1000]).sum())
                    for i in range(0, len(x), 1000))
    network.train()
    return right / len(x)


def train_to_99(seed, device='cpu'):
    """The same network, recipe and order of digits as Chainer's side."""
    device = _device(device)
    torch.manual_seed(seed)
    x, t, x_test, t_test = (tensor.to(device) for tensor in _mnist())
    network = LeNet().to(device)
    optimizer = torch.optim.Adam(network.parameters(), betas=(.9, recipe.BETA2))
    start = time.perf_counter()
    for indexes, alpha in recipe.steps(seed, len(x)):
        optimizer.param_groups[0]['lr'] = alpha
        indexes = torch.from_numpy(indexes).to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x[indexes]), t[indexes])
        loss.backward()
        optimizer.step()
    _wait(device)
    seconds = time.perf_counter() - start
    return seconds, _accuracy(network, x_test, t_test)


def train_example_to_99(seed):
    """PyTorch's MNIST example: Adadelta, lr 1 times 0.7 per epoch, batches of 64.

    Its digits lie in memory, already normalised, which spares it the work on images that
    torchvision would do. Returns the seconds of training alone, up to the first epoch
    whose test accuracy reaches 99%, that accuracy, and the number of epochs.
    """
    torch.manual_seed(seed)
    x, t, x_test, t_test = _mnist(.1307, .3081)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, t), 64, shuffle=True)
    network = ExampleNet()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=.7)
    seconds = 0.
    for epoch in range(1, 15):
        start = time.perf_counter()
        for x_batch, t_batch in loader:
            optimizer.zero_grad()
            loss = F.nll_loss(network(x_batch), t_batch)
            loss.backward()
            optimizer.step()
        seconds += time.perf_counter() - start
        scheduler.step()
        accuracy = _accuracy(network, x_test, t_test)
        if accuracy >= .99:
            break
    return seconds, accuracy, epoch
