"""Computes with PyTorch what tests/links/test_against_pytorch.py and test_pretrained.py compare ours with.

`python -m tests.reference.make` writes tests/reference/<form>.npz, and public/<name>.npz for the nets whose
weights are public: the names and shapes of those, and an output;
`python -m tests.reference.make --check` compares instead, and fails where a stored one differs.
Either takes names, such as `NIN VGG16`: only the forms that begin with one of them.
"""

import pathlib
import sys

import numpy as np
import torch

from tests.reference import draws, torch_classic, torch_first, torch_modern, torch_public

FOLDER = pathlib.Path(__file__).parent
FORMS = {**torch_first.FORMS, **torch_classic.FORMS, **torch_modern.FORMS}
LAST_NAMES = {'weight': 'W', 'bias': 'b'}
NORM_NAMES = {'weight': 'gamma', 'bias': 'beta', 'running_mean': 'avg_mean', 'running_var': 'avg_var'}


def named_arrays(net):
    """Yields (Chainer's name, tensor) of each parameter and running average."""
    for path, module in net.named_modules():
        names = NORM_NAMES if isinstance(module, torch.nn.BatchNorm2d) else LAST_NAMES
        for last, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if last in names:
                yield '/' + '/'.join([*path.split('.'), names[last]]), tensor


def compute(form):
    """Returns slices of outputs and gradients of one form, by name."""
    make_net, shape, train = FORMS[form]
    net = make_net().train(train)
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        for name, tensor in named_arrays(net):
            tensor.copy_(torch.from_numpy(draws.parameter(name, tuple(tensor.shape))))
    x = torch.from_numpy(draws.uniform('images', shape, 0, 1)).requires_grad_()
    outputs = net(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    sum((y * torch.from_numpy(draws.uniform(f'error {i}', tuple(y.shape)))).sum()
        for i, y in enumerate(outputs)).backward()
    slices = {f'output {i}': y.detach() for i, y in enumerate(outputs)}
    slices['gradient of images'] = x.grad
    slices.update({f'gradient of {name}': tensor.grad for name, tensor in named_arrays(net) if tensor.requires_grad})
    return {name: draws.slice_of(array.numpy()).astype(np.float32) for name, array in slices.items()}


def compute_public(name):
    """Returns names and shapes of the tensors of a net whose weights are public, and a slice of an output."""
    net = torch_public.FORMS[name]().eval()
    tensors = {name: tensor for name, tensor in net.state_dict().items() if tensor.ndim}
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(draws.public(name, tuple(tensor.shape))))
        output = net(torch.from_numpy(draws.uniform('images', (1, 3, 224, 224), 0, 1)))
    return {'names': np.array(list(tensors)),
            'shapes': np.array([(*tensor.shape, 0, 0, 0)[:4] for tensor in tensors.values()]),
            'output': draws.slice_of(output.numpy()).astype(np.float32)}


def main(check, names):
    jobs = {FOLDER / f'{form}.npz': (compute, form) for form in FORMS}
    jobs.update({FOLDER / 'public' / f'{name}.npz': (compute_public, name) for name in torch_public.FORMS})
    for path, (function, form) in jobs.items():
        if not form.startswith(tuple(names or [''])):
            continue
        computed = function(form)
        if check:
            with np.load(path) as stored:
                assert set(stored.files) == set(computed), f'{path}: other names than PyTorch now has'
                for name, values in computed.items():
                    if values.dtype != np.float32:
                        np.testing.assert_array_equal(values, stored[name], err_msg=f'{form}: {name}')
                        continue
                    np.testing.assert_allclose(values, stored[name], rtol=1e-3, atol=1e-4 * np.abs(values[-1]),
                                               err_msg=f'{form}: {name}')
        else:
            np.savez_compressed(path, **computed)
        print(path.relative_to(FOLDER), 'is as stored' if check else f'{path.stat().st_size:,} bytes')


if __name__ == '__main__':
    main('--check' in sys.argv[1:], [name for name in sys.argv[1:] if name != '--check'])
