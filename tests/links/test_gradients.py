"""The gradients of each small form, in float64, against finite differences."""

import chainer.functions as F
import numpy as np
import pytest
from chainer import gradient_check

from nico2ai_cnn import _checks, links

SMALL = {
    'AlexNet': links.AlexNet, 'DeepFace': links.DeepFace, 'GoogLeNet': links.GoogLeNet, 'NIN': links.NIN,
    'ResNet': lambda *args, **kwargs: links.ResNet(8, *args, **kwargs),
    'plain': lambda *args, **kwargs: links.ResNet(8, *args, shortcuts=False, **kwargs),
    'SPPNet': links.SPPNet, 'VGG16': links.VGG16}


@pytest.mark.parametrize('name', SMALL)
def test_small_forms(name, rng, monkeypatch):
    monkeypatch.setattr(_checks, 'images', lambda *args: None)          # which let only float32 pass
    monkeypatch.setattr(F, 'dropout', lambda x, ratio=.5: x)            # each call would draw other units
    net = SMALL[name](10, 2, small=True, rng=rng)
    params = [param for _, param in sorted(net.namedparams())]
    x = rng.random((2, 2, 28, 28), dtype='f')
    n_output = 3 if name == 'GoogLeNet' else 1                          # in training, with heads
    gy = tuple(rng.standard_normal((2, 10), dtype='f') for _ in range(n_output))
    gradient_check.check_backward(net, x, gy, params, eps=1e-6, dtype=np.float64, atol=1e-6, rtol=1e-4)
