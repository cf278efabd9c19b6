"""Outputs and gradients equal those of an independent PyTorch build with the same weights.

PyTorch's side is stored: tests/reference/make.py computes it, and .ci/run checks it anew.
"""

import pathlib

import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import links
from tests.reference import draws

FOLDER = pathlib.Path(__file__).parent.parent / 'reference'

# Form: (our Link, shape of the images, whether in training); as in tests/reference/torch_*.py.
FORMS = {
    'MLP': (links.MLP, (2, 1, 28, 28), False),
    'LeNet': (links.LeNet, (2, 1, 28, 28), False),
    'LeNet5': (links.LeNet5, (2, 1, 28, 28), False),
    'AlexNet': (links.AlexNet, (1, 3, 227, 227), False),
    'AlexNet_small': (lambda: links.AlexNet(10, 1, small=True), (2, 1, 28, 28), False),
    'AlexNet_one_tower': (lambda: links.AlexNet(one_tower=True), (1, 3, 224, 224), False),
    'VGG16': (links.VGG16, (1, 3, 224, 224), False),
    'VGG16_small': (lambda: links.VGG16(10, 1, small=True), (2, 1, 28, 28), False),
    'NIN': (links.NIN, (1, 3, 224, 224), False),
    'NIN_cifar': (lambda: links.NIN(10, cifar=True), (2, 3, 32, 32), False),
    'NIN_small': (lambda: links.NIN(10, 1, small=True), (2, 1, 28, 28), False),
    'SPPNet': (links.SPPNet, (1, 3, 224, 224), False),
    'SPPNet_180': (links.SPPNet, (1, 3, 180, 180), False),
    'SPPNet_wide': (links.SPPNet, (1, 3, 180, 277), False),
    'SPPNet_small': (lambda: links.SPPNet(10, 1, small=True), (2, 1, 28, 28), False),
    'GoogLeNet': (links.GoogLeNet, (1, 3, 224, 224), True),
    'GoogLeNet_small': (lambda: links.GoogLeNet(10, 1, small=True), (2, 1, 28, 28), True),
    'ResNet18': (lambda: links.ResNet(18), (1, 3, 224, 224), False),
    'ResNet50': (lambda: links.ResNet(50), (1, 3, 224, 224), False),
    'ResNet50_plain': (lambda: links.ResNet(50, shortcuts=False), (1, 3, 224, 224), False),
    'ResNet_small': (lambda: links.ResNet(8, 10, 1, small=True), (4, 1, 28, 28), True),
    'DeepFace': (links.DeepFace, (1, 3, 152, 152), False),
    'DeepFace_small': (lambda: links.DeepFace(10, 1, small=True), (2, 1, 28, 28), False),
}


def test_every_reference_is_compared():
    assert {path.stem for path in FOLDER.glob('*.npz')} == set(FORMS)


@pytest.mark.parametrize('form', FORMS)
def test_outputs_and_gradients(form, monkeypatch):
    make_link, shape, train = FORMS[form]
    monkeypatch.setattr(F, 'dropout', lambda x, *args, **kwargs: x)
    model = make_link()
    model.cleargrads()      # first, for Chainer's gradients begin as NaN, and take memory
    draws.fill(model)
    x = chainer.Variable(draws.uniform('images', shape, 0, 1))
    with chainer.using_config('train', train):
        outputs = model(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    sum(F.sum(y * draws.uniform(f'error {i}', y.shape)) for i, y in enumerate(outputs)).backward()
    slices = {f'output {i}': y.array for i, y in enumerate(outputs)}
    slices['gradient of images'] = x.grad
    slices.update({f'gradient of {name}': param.grad for name, param in model.namedparams()})
    with np.load(FOLDER / f'{form}.npz') as reference:
        assert set(reference.files) == set(slices)
        for name, array in slices.items():
            wanted, got = reference[name], draws.slice_of(array)
            # Rounding is measured against the whole array's typical size, its norm over root N.
            typical = wanted[-1] / np.sqrt(array.size)
            # In a large net's millions of ReLUs and pooling windows one or two are so near a tie that
            # rounding, which differs between processors, decides who gets the gradient. That moves the
            # gradients before it by up to 4% (in float64, not at all: both sides agree to 1e-12).
            near_ties = min(shape[2:]) > 100 and name.startswith('gradient')
            rtol = 0.1 if near_ties else 1e-3
            np.testing.assert_allclose(got[:-2], wanted[:-2], rtol=rtol, atol=rtol * typical, err_msg=name)
            np.testing.assert_allclose(got[-1], wanted[-1], rtol=rtol / 10, err_msg=name)
            if not near_ties:
                np.testing.assert_allclose(got[-2], wanted[-2], rtol=rtol, atol=rtol * wanted[-1],
                                           err_msg=name)
