"""Measures the README's figures: ``make benchmark``, or ``python -m benchmarks [name ...]``.

Each side runs in a process of its own; the sides take turns, so that whatever else
the machine does meets them alike. A figure is the median over the rounds, a
ratio the median of the rounds' ratios. Names: steps, layers, networks, memory, sizes, accuracy, augmentation, gpu.
"""

import json
import os
import platform
import statistics
import subprocess
import sys

ROUNDS = 7
# (in_channels, out_channels, size, ksize, stride, pad, groups), batch size
ALEXNET = {'AlexNet conv1': ((3, 96, 227, 11, 4, 0, 1), 16),
           'AlexNet conv2': ((96, 256, 27, 5, 1, 2, 2), 16),
           'AlexNet conv3': ((256, 384, 13, 3, 1, 1, 1), 16),
           'AlexNet conv4': ((384, 384, 13, 3, 1, 1, 2), 16),
           'AlexNet conv5': ((384, 256, 13, 3, 1, 1, 2), 16)}
VGG16 = {f'VGG16 {name}': ((*channels, size, 3, 1, 1, 1), 4) for name, channels, size in (
    ('conv1_1', (3, 64), 224), ('conv1_2', (64, 64), 224),
    ('conv2_1', (64, 128), 112), ('conv2_2', (128, 128), 112),
    ('conv3_1', (128, 256), 56), ('conv3_2', (256, 256), 56),
    ('conv4_1', (256, 512), 28), ('conv4_2', (512, 512), 28), ('conv5_1', (512, 512), 14))}


class Side:
    """A process that measures one contender."""

    def __init__(self, module, **environment):
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'benchmarks.side', f'benchmarks.{module}'],
            env={**os.environ, **environment}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, what, **arguments):
        self.process.stdin.write(json.dumps([what, arguments]) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ours(**environment):
    return Side('with_chainer', CHAINER_USE_COMPILED_CPU='auto', **environment)


def stock():
    return Side('with_chainer', CHAINER_USE_COMPILED_CPU='never')


def pytorch():
    return Side('with_torch')


def alternate(sides, function, rounds=ROUNDS, at_least=.5, **arguments):
    """Returns a list of seconds per step, one per round, for each of the sides."""
    for side in sides:
        side('prepare', function=function, **arguments)
    seconds = [[] for _ in sides]
    for i in range(rounds):
        turn = list(zip(sides, seconds))
        for side, results in turn if i % 2 == 0 else reversed(turn):
            results.append(side('measure', at_least=at_least))
    return seconds


def ratio(a, b):
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def ms(seconds):
    value = 1000 * statistics.median(seconds)
    return f'{value:.3g}' if value < 1000 else f'{value:.0f}'


def table(title, *rows):
    print(f'\n{title}\n')
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for i, row in enumerate(rows):
        print('| ' + ' | '.join(str(cell).ljust(w) for cell, w in zip(row, widths)) + ' |')
        if i == 0:
            print('|' + '|'.join('-' * (w + 2) for w in widths) + '|')
    sys.stdout.flush()


def steps():
    sides = [ours(), stock(), pytorch()]
    rows = [('training step', 'ours, ms', 'stock, ms', 'PyTorch, ms', 'ours / PyTorch',
             'ours / stock')]
    for title, name, batch_size in (('LeNet 20-50-500, batch 100', 'wide', 100),
                                    ('small LeNet, batch 128', 'small', 128),
                                    ('ResNet-20 for digits, batch 128', 'resnet', 128)):
        a, b, c = alternate(sides, 'network_step', name=name, batch_size=batch_size)
        rows.append((title, ms(a), ms(b), ms(c), f'{ratio(a, c):.2f}', f'{ratio(a, b):.2f}'))
    for side in sides:
        side.close()
    sides = [ours(OPENBLAS_CORETYPE='Haswell'), pytorch()]
    a, c = alternate(sides, 'network_step', name='wide', batch_size=100)
    rows.append(('LeNet, BLAS held to Haswell', ms(a), '', ms(c), f'{ratio(a, c):.2f}', ''))
    for side in sides:
        side.close()
    table(f'Training steps, {ROUNDS} rounds', *rows)


def layers():
    sides = [ours(), pytorch(), stock()]
    rows = [('forward + backward', 'batch', 'ours, ms', 'PyTorch, ms', 'stock, ms',
             'ours / PyTorch', 'ours / stock')]
    for title, (sizes, batch_size) in {**ALEXNET, **VGG16}.items():
        arguments = layer_arguments(sizes, batch_size)
        a, b, c = alternate(sides, 'layer_step', rounds=5, at_least=.2, **arguments)
        rows.append((title, batch_size, ms(a), ms(b), ms(c), f'{ratio(a, b):.2f}',
                     f'{ratio(a, c):.2f}'))
    for side in sides:
        side.close()
    table('Single layers, 5 rounds', *rows)


def networks():
    sides = [ours(), pytorch(), stock()]
    rows = [('forward, one image', 'ours, ms', 'PyTorch, ms', 'stock, ms', 'ours / PyTorch', 'ours / stock')]
    for title, name, size in (('AlexNet', 'AlexNet', 227), ('VGG16', 'VGG16', 224),
                              ('GoogLeNet', 'GoogLeNet', 224), ('ResNet-50', 'ResNet', 224)):
        a, b, c = alternate(sides, 'forward_pass', name=name, size=size)
        rows.append((title, ms(a), ms(b), ms(c), f'{ratio(a, b):.2f}', f'{ratio(a, c):.2f}'))
    for side in sides:
        side.close()
    table(f'Networks of the papers\' size, {ROUNDS} rounds', *rows)


def layer_arguments(sizes, batch_size):
    names = 'in_channels', 'out_channels', 'size', 'ksize', 'stride', 'pad', 'groups'
    return {**dict(zip(names, sizes, strict=True)), 'batch_size': batch_size}


def memory():
    rows = [('memory that a step takes, MiB', 'ours', 'stock', 'PyTorch', 'ours / stock')]
    for title in ('VGG16 conv1_2', 'VGG16 conv3_2', 'VGG16 conv5_1'):
        arguments = layer_arguments(*VGG16[title])
        sides = [ours(), stock(), pytorch()]
        a, b, c = (side('peak_memory', function='layer_step', **arguments) for side in sides)
        for side in sides:
            side.close()
        rows.append((f'{title}, batch {VGG16[title][1]}', f'{a / 2 ** 20:.0f}',
                     f'{b / 2 ** 20:.0f}', f'{c / 2 ** 20:.0f}', f'{a / b:.2f}'))
    table('Peak memory of forward + backward', *rows)


def sizes():
    sides = [ours(), stock(), pytorch()]
    rows = [('milliseconds per image', 'ours', 'stock', 'PyTorch', 'ours / PyTorch')]
    for batch_size in (1, 4, 16, 64, 256, 1024):
        a, b, c = alternate(sides, 'network_step', rounds=3, at_least=.2,
                            name='small', batch_size=batch_size)
        rows.append((f'small LeNet, batch {batch_size}',
                     *(ms([s / batch_size for s in side]) for side in (a, b, c)),
                     f'{ratio(a, c):.2f}'))
    for size in (14, 28, 56, 112, 224):
        a, b, c = alternate(sides, 'layer_step', rounds=3, at_least=.2,
                            **layer_arguments((16, 32, size, 3, 1, 1, 1), 8))
        rows.append((f'3x3 layer, 16 to 32 maps, {size}x{size}',
                     *(ms([s / 8 for s in side]) for side in (a, b, c)), f'{ratio(a, c):.2f}'))
    for side in sides:
        side.close()
    table('Cost against batch size and image size, 3 rounds', *rows)


def accuracy():
    sides = [ours(), pytorch()]
    results = [[side('train_to_99', seed=seed) for side in sides] for seed in range(5)]
    seconds, example_accuracy, epochs = sides[1]('train_example_to_99', seed=0)
    for side in sides:
        side.close()
    rows = [('training to 99% test accuracy', 'seconds, median', 'test accuracy, %')]
    for title, runs in zip(('small LeNet, ours, 5 seeds', 'the same in PyTorch, 5 seeds'),
                           zip(*results)):
        rows.append((title, f'{statistics.median(s for s, _ in runs):.1f}',
                     ', '.join(f'{100 * a:.2f}' for _, a in runs)))
    rows.append((f"PyTorch's MNIST example, 1 seed, {epochs} epochs", f'{seconds:.1f}',
                 f'{100 * example_accuracy:.2f}'))
    ours_seconds = statistics.median(run[0][0] for run in results)
    rows.append(("ours / PyTorch's example", f'{ours_seconds / seconds:.3f}', ''))
    table('Time to 99%', *rows)


def augmentation():
    from benchmarks import augmentation as benchmark
    for title, sizes in ('28x28', (1024, 1, 28)), ('3x224x224', (32, 3, 224)):
        table(f'Augmented images per second, {title}, {benchmark.ROUNDS} rounds',
              ('work', 'ours', *benchmark.PEERS, 'ours / fastest'), *benchmark.rows(benchmark.measure(*sizes)))


def gpu():
    from nico2ai_cnn import _device
    if _device.why_no_gpu():
        print(f'\ngpu: left out, there is none ({_device.why_no_gpu()})')
        return
    exact, tuned, rounded, torch = sides = [ours(), ours(), ours(), pytorch()]
    tuned('configure', autotune=True)                       # cuDNN's fastest algorithms
    rounded('configure', use_cudnn_tensor_core='always')    # and its products as PyTorch has them
    rows = [('training step on a GPU', 'ours, ms', 'TF32', 'PyTorch, ms', 'ours / PyTorch',
             'TF32 / PyTorch')]
    for title, name in ('LeNet 20-50-500', 'wide'), ('small LeNet', 'small'), ('ResNet-20', 'resnet'):
        for batch_size in 128, 1024:
            a, b, c = alternate([exact, rounded, torch], 'network_step', name=name, batch_size=batch_size,
                                device='gpu', at_least=.1)
            rows.append((f'{title}, batch {batch_size}', *map(ms, (a, b, c)), f'{ratio(a, c):.2f}',
                         f'{ratio(b, c):.2f}'))
    table(f'Training steps, {ROUNDS} rounds', *rows)
    rows = [('forward + backward', 'batch', 'ours, ms', 'autotune', 'TF32', 'PyTorch, ms', 'ours / PyTorch',
             'TF32 / PyTorch')]
    for title in 'VGG16 conv1_2', 'VGG16 conv3_2', 'VGG16 conv5_1':
        a, b, c, d = alternate(sides, 'layer_step', rounds=5, at_least=.1, device='gpu',
                               **layer_arguments(VGG16[title][0], 64))
        rows.append((title, 64, *map(ms, (a, b, c, d)), f'{ratio(a, d):.2f}', f'{ratio(c, d):.2f}'))
    table('Single layers, 5 rounds', *rows)
    results = [[side('train_to_99', seed=seed, device='gpu') for side in (exact, torch)] for seed in range(5)]
    for side in sides:
        side.close()
    table('Time to 99%', ('small LeNet to 99% on a GPU, 5 seeds', 'seconds, median', 'test accuracy, %'),
          *((title, f'{statistics.median(s for s, _ in runs):.1f}', ', '.join(f'{100 * a:.2f}' for _, a in runs))
            for title, runs in zip(('ours', 'PyTorch'), zip(*results))))


def describe():
    processor = next((line.split(':')[1].strip() for line in open('/proc/cpuinfo')
                      if line.startswith('model name')), platform.processor())
    print(f'{processor}, {os.cpu_count()} cores, {platform.system()}, '
          f'Python {platform.python_version()}')
    for side in (ours(), stock(), pytorch()):
        print('-', side('describe'))
        side.close()
    held = {name: value for name, value in os.environ.items() if name.startswith('OPENBLAS_')}
    print('- BLAS:', held or 'free (no OPENBLAS_ variable is set)')


if __name__ == '__main__':
    describe()
    chosen = sys.argv[1:] or ['steps', 'layers', 'networks', 'memory', 'sizes', 'accuracy', 'augmentation', 'gpu']
    for name in chosen:
        {f.__name__: f for f in (steps, layers, networks, memory, sizes, accuracy, augmentation, gpu)}[name]()
