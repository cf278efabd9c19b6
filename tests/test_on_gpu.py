"""On a GPU everything comes out as on the CPU, and training leaves the data there."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from nico2ai_cnn import _device, links, train, training, transforms
from tests.nets import Tiny

DEVICE = '@cupy:0'
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(_device.why_no_gpu()), reason=f'no GPU: {_device.why_no_gpu()}')]


@pytest.fixture
def transfers(monkeypatch):
    """Counts NumPy arrays that go up to the GPU, and arrays that come down, while it is entered."""
    cupy = chainer.backends.cuda.cupy
    count = {'up': 0, 'down': 0}
    take_pinned, get = cupy.cuda.PinnedMemoryPool().malloc, cupy.ndarray.get

    def counted_pinned(size):       # what goes up passes through such memory
        count['up'] += 1
        return take_pinned(size)

    def counted_get(self, *args, **kwargs):     # float(), int(), bool() and item() call it too
        count['down'] += 1
        return get(self, *args, **kwargs)
    monkeypatch.setattr(cupy.ndarray, 'get', counted_get)
    cupy.cuda.set_pinned_memory_allocator(counted_pinned)
    yield count
    cupy.cuda.set_pinned_memory_allocator(cupy.get_default_pinned_memory_pool().malloc)


def forward_and_gradients(model, x, t):
    x, t = model.device.send((x, t))
    with chainer.using_device(model.device), chainer.using_config('train', False):      # dropout draws otherwise
        y = model(x)
        loss = F.softmax_cross_entropy(y, t)
        model.cleargrads()
        loss.backward()
    to_cpu = chainer.backends.cuda.to_cpu
    return {'logits': to_cpu(y.array), 'loss': to_cpu(loss.array),
            **{name: to_cpu(param.grad) for name, param in model.namedparams() if param.grad is not None}}


@pytest.mark.parametrize('name', train.NETWORKS)
def test_networks(name, digits):
    x, t = (part[:8] for part in digits[0])
    model = train.network(name, [], 0)
    expected = forward_and_gradients(model, x, t)
    model.to_device(DEVICE)
    found = forward_and_gradients(model, x, t)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=2e-3, atol=2e-4 * abs(value).max(), err_msg=key)


def test_neocognitron_answers(digits):
    (x, t), (x_test, _) = digits
    model = links.Neocognitron(rng=np.random.default_rng(0))
    model.learn(x[:200], t[:200])
    expected = training.predict(model, x_test[:50])
    model.to_device(DEVICE)
    np.testing.assert_allclose(training.predict(model, x_test[:50]), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('switch', ['auto', 'never'])
def test_fit_and_predict(switch, digits):
    logs, answers = [], []
    for device in 'cpu', DEVICE:
        model = links.LeNet(rng=np.random.default_rng(0))
        with chainer.using_config('use_compiled_cpu', switch), chainer.using_config('use_fast_gpu', switch):
            logs.append(training.fit(model, *digits, epochs=2, batch_size=60, transform=train.AUGMENT['elastic'],
                                     device=device, progress=False))
        answers.append(training.predict(model, digits[1][0]))
    for on_cpu, on_gpu in zip(*logs):
        for key in 'main/loss', 'validation/main/loss':
            np.testing.assert_allclose(on_gpu[key], on_cpu[key], rtol=0.02)
    np.testing.assert_allclose(answers[1], answers[0], atol=0.05 * abs(answers[0]).max())


def test_a_run_on_a_gpu_resumes(digits, tmp_path):
    def run(epochs, snapshot=None, resume=False):
        model = Tiny(rng=np.random.default_rng(0))
        training.fit(model, digits[0], epochs=epochs, device=DEVICE, decay=False, progress=False,
                     snapshot=snapshot, resume=resume)
        return training.evaluate(model, digits[1])
    run(1, tmp_path / 'run.npz')
    assert run(2, tmp_path / 'run.npz', resume=True)['loss'] == pytest.approx(run(2)['loss'], rel=0.2)  # dropout differs


@pytest.mark.parametrize('transform, up', [(None, 1), (transforms.random_affine, 2), (train.AUGMENT['elastic'], 3)])
def test_data_stay_on_the_gpu(transform, up, digits, transfers):
    model = links.LeNet(rng=np.random.default_rng(0))
    training.fit(model, digits[0], epochs=1, batch_size=60, device=DEVICE, transform=transform, progress=False)
    before = dict(transfers)
    training.fit(model, digits[0], epochs=2, batch_size=60, device=DEVICE, transform=transform, progress=False)
    run = {way: transfers[way] - before[way] for way in transfers}
    training.fit(model, digits[0], epochs=3, batch_size=60, device=DEVICE, transform=transform, progress=False)
    longer = {way: transfers[way] - before[way] - run[way] for way in transfers}
    # Ten steps more: positions, and what is drawn, go up; the loss comes down, and the two means of an epoch.
    assert longer['up'] - run['up'] == 10 * up
    assert longer['down'] - run['down'] <= 10 + 4


def test_too_large_a_batch_names_one_that_fits(digits):
    cupy = chainer.backends.cuda.cupy
    pool = cupy.get_default_memory_pool()
    x, t = (np.concatenate([part] * 20) for part in digits[0])
    try:
        pool.free_all_blocks()
        pool.set_limit(pool.used_bytes() + 300 * 2 ** 20)
        with pytest.raises(MemoryError, match=r'of the .* GiB of the GPU, .*; batch_size=\d+ fits'):
            training.fit(links.LeNet(), (x, t), batch_size=len(x), device=DEVICE, progress=False)
    finally:
        pool.set_limit(0)
