"""What holds for every transform."""

import functools
import pickle

import chainer
import numpy as np
import pytest

from nico2ai_cnn import transforms as T

LIGHTING = T.Lighting(np.random.default_rng(5).random((20, 3, 8, 9)))
RANDOM = {
    'affine': functools.partial(T.random_affine, angle=30, shift=3, scale=0.2, shear=15),
    'brightness_contrast': T.random_brightness_contrast, 'noise': T.random_noise,
    'lighting': functools.partial(T.random_lighting, lighting=LIGHTING),
    'crop': functools.partial(T.random_crop, size=(6, 7), pad=2),
    'resized_crop': functools.partial(T.random_resized_crop, size=(6, 7)),
    'cutout': functools.partial(T.random_cutout, size=4),
    'elastic': functools.partial(T.random_elastic, alpha=8, sigma=2, affine={'angle': 20}),
    'flip': functools.partial(T.random_flip, vertical=True)}
FIXED = {
    'affine': lambda x: T.affine(x, [[1, 0.1, 2], [0.2, 1, -1]]), 'rotate': lambda x: T.rotate(x, 20),
    'shift': lambda x: T.shift(x, 1, -2.5), 'zoom': lambda x: T.zoom(x, 1.3), 'shear': lambda x: T.shear(x, 10),
    'flip': lambda x: T.flip(x, horizontal=True), 'crop': lambda x: T.crop(x, 1, 2, (5, 6)),
    'center_crop': lambda x: T.center_crop(x, 5), 'ten_crop': lambda x: T.ten_crop(x, 5),
    'adjust': lambda x: T.adjust(x, 0.1, 1.2), 'elastic': lambda x: T.elastic(x, np.ones((2, *x.shape[-2:]), 'f'))}
ALL = {**{f'random_{name}': lambda x, f=f: f(x, rng=np.random.default_rng(3)) for name, f in RANDOM.items()}, **FIXED}
ANY_DTYPE = {'random_crop', 'random_cutout', 'random_flip', 'flip', 'crop', 'center_crop', 'ten_crop'}


@pytest.fixture
def batch():
    return np.random.default_rng(0).random((4, 3, 10, 12), dtype='f')


@pytest.mark.parametrize('name', ALL)
def test_dtype_and_input_stay_as_they_are(name, batch):
    for dtype in (np.float16, np.float32, np.float64) + ((np.uint8, bool) if name in ANY_DTYPE else ()):
        x = (batch * (1 if np.dtype(dtype).kind == 'f' else 255)).astype(dtype)
        before = x.copy()
        x.flags.writeable = False
        y = ALL[name](x)
        assert y.dtype == dtype and not np.shares_memory(x, y)
        np.testing.assert_array_equal(x, before)
        assert y.flags.writeable
        y[...] = 0
        fortran = ALL[name](np.asfortranarray(before))
        np.testing.assert_array_equal(fortran, ALL[name](before))


@pytest.mark.parametrize('name', ALL)
def test_integers_where_floats_are_needed(name, batch):
    x = (255 * batch).astype(np.uint8)
    if name not in ANY_DTYPE:
        with pytest.raises(TypeError, match='x must be of floats, as in .*; got uint8'):
            ALL[name](x)


@pytest.mark.parametrize('name', ALL)
def test_one_image(name, batch):
    one = ALL[name](batch[0])
    np.testing.assert_array_equal(one, ALL[name](batch[:1])[0])
    assert one.ndim == (4 if name == 'ten_crop' else 3)


@pytest.mark.parametrize('name', FIXED)
def test_fixed_ones_treat_all_images_and_channels_alike(name, batch):
    y = FIXED[name](batch)
    for n in range(len(batch)):
        np.testing.assert_array_equal(y[n], FIXED[name](batch[n]))
    np.testing.assert_array_equal(FIXED[name](batch[:, 1:2]), y[..., 1:2, :, :])
    many = np.repeat(batch, 4, axis=1)
    assert FIXED[name](many).shape[-3] == 12


@pytest.mark.parametrize('name', RANDOM)
def test_random_ones(name, batch):
    def run(seed, x=batch):
        return RANDOM[name](x, rng=np.random.default_rng(seed), return_param=True)
    y, param = run(0)
    same, same_param = run(0)
    other, _ = run(1)
    np.testing.assert_array_equal(y, same)
    assert not np.array_equal(y, other)
    np.testing.assert_array_equal(y, RANDOM[name](batch, rng=np.random.default_rng(0)))
    assert param.keys() == same_param.keys() and all(len(value) == len(batch) for value in param.values())
    assert any(np.ptp(value, axis=0).max() > 0 for value in param.values() if value.dtype != bool) or name in (
        'flip', 'noise')
    _, one = run(0, batch[0])
    assert all(np.shape(one[key]) == param[key].shape[1:] for key in param)
    assert RANDOM[name](batch).shape == y.shape         # with an rng of its own


@pytest.mark.parametrize('name', ALL)
@pytest.mark.parametrize('x, error, message', [
    ([[[1.]]], TypeError, 'x must be a NumPy or CuPy array; got list'),
    (chainer.Variable(np.zeros((1, 3, 8, 9), 'f')), TypeError, 'x is a Variable; give its array'),
    (np.zeros((8, 9), 'f'), ValueError, r'\(C, H, W\) or \(N, C, H, W\); got \(8, 9\)'),
    (np.zeros((0, 3, 8, 9), 'f'), ValueError, r'x is empty: its shape is \(0, 3, 8, 9\)')])
def test_bad_images(name, x, error, message):
    with pytest.raises(error, match=message):
        (ALL[name] if isinstance(x, np.ndarray) or name != 'elastic' else
         lambda x: T.elastic(x, np.zeros((2, 8, 9), 'f')))(x)


@pytest.mark.parametrize('name', RANDOM)
@pytest.mark.parametrize('rng', [np.random.RandomState(0), 0, np.random])
def test_bad_generators(name, rng, batch):
    with pytest.raises(TypeError, match='rng must be a numpy.random.Generator'):
        RANDOM[name](batch, rng=rng)


def test_compose(batch):
    transform = T.Compose(RANDOM['flip'], lambda x: x + 1, RANDOM['crop'])
    y, params = transform(batch, rng=np.random.default_rng(2), return_param=True)
    rng = np.random.default_rng(2)
    first, flips = RANDOM['flip'](batch, rng=rng, return_param=True)
    second, crops = RANDOM['crop'](first + 1, rng=rng, return_param=True)
    np.testing.assert_array_equal(y, second)
    np.testing.assert_array_equal(params[0]['vertical'], flips['vertical'])
    np.testing.assert_array_equal(params[2]['top'], crops['top'])
    assert params[1] is None
    np.testing.assert_array_equal(transform(batch, rng=np.random.default_rng(2)), y)
    copy = pickle.loads(pickle.dumps(T.Compose(RANDOM['flip'], RANDOM['crop'])))
    assert copy(batch[0]).shape == (3, 6, 7)
    with pytest.raises(TypeError, match='transforms must be functions; got 3'):
        T.Compose(T.random_flip, 3)


def test_transform_dataset(batch):
    rng = np.random.default_rng(0)
    dataset = chainer.datasets.TransformDataset(
        chainer.datasets.TupleDataset(batch, np.arange(4)), lambda example: (RANDOM['crop'](example[0], rng=rng), example[1]))
    x, t = chainer.dataset.concat_examples(dataset[:])
    assert x.shape == (4, 3, 6, 7) and t.tolist() == [0, 1, 2, 3]


def test_converter(batch):
    convert = T.converter(RANDOM['crop'], np.random.default_rng(0))
    examples = list(zip(batch, np.arange(4)))
    x, t = convert(examples, chainer.get_device('@numpy'))
    np.testing.assert_array_equal(x, RANDOM['crop'](batch, rng=np.random.default_rng(0)))
    assert t.tolist() == [0, 1, 2, 3]
    again, _ = convert(examples, chainer.get_device('@numpy'))
    assert not np.array_equal(x, again)
    plain, _ = T.converter(lambda x: x + 1)(examples, None)
    np.testing.assert_array_equal(plain, batch + 1)
    with pytest.raises(TypeError, match='transform must be a function'):
        T.converter(None)
    images = T.converter(lambda x: x + 1)([x for x, _ in examples], None)
    np.testing.assert_array_equal(images, plain)
    with pytest.raises(TypeError, match='got dicts'):
        T.converter(lambda x: x)([{'x': x} for x, _ in examples], None)
