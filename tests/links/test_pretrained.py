import pathlib
import pickle

import chainer
import numpy as np
import pooch
import pytest
from safetensors.numpy import save_file

from nico2ai_cnn import datasets, links
from nico2ai_cnn.links import photos, pretrained
from tests import reference
from tests.reference import draws

FOLDER = pathlib.Path(reference.__file__).parent / 'public'
MODELS = {'AlexNet': lambda: links.AlexNet(one_tower=True), 'VGG16': links.VGG16,
          'GoogLeNet': lambda: links.GoogLeNet(torchvision=True), 'ResNet-50': links.ResNet}


def public_tensors(name):
    """Tensors with the names and shapes that PyTorch's net has, numbers drawn; and a slice of its output."""
    with np.load(FOLDER / f'{name}.npz') as stored:
        shapes = [tuple(int(side) for side in shape if side) for shape in stored['shapes']]
        return {n: draws.public(n, shape) for n, shape in zip(stored['names'].tolist(), shapes)}, stored['output']


def snapshot(model):
    return {path: param.array.copy() for path, param in model.namedparams()}


def assert_untouched(model, before):
    for path, param in model.namedparams():
        np.testing.assert_array_equal(param.array, before[path])


@pytest.fixture(scope='module')
def googlenet_tensors():
    return public_tensors('GoogLeNet')[0]


@pytest.mark.parametrize('name', MODELS)
def test_outputs_equal_pytorchs(name, tmp_path):
    tensors, output = public_tensors(name)
    if name == 'ResNet-50':     # what counts batches is left out of account
        tensors['bn1.num_batches_tracked'] = np.array(1000)
    save_file(tensors, tmp_path / 'weights.safetensors')
    del tensors
    model = MODELS[name]()
    assert links.load_pretrained(model, tmp_path / 'weights.safetensors') is model
    with chainer.using_config('train', False):
        y = model(draws.uniform('images', (1, 3, 224, 224), 0, 1)).array
    np.testing.assert_allclose(draws.slice_of(y), output, rtol=1e-3, atol=1e-4 * output[-1])


def test_other_depths_fit_too(tmp_path):
    net = links.ResNet(18)
    tensors = {}
    for path, link in net.namedlinks():
        if isinstance(link, (chainer.links.Convolution2D, chainer.links.BatchNormalization, chainer.links.Linear)):
            stage, _, rest = path[1:].partition('/')
            name = (f'layer{int(stage[3]) - 1}.{rest.replace("/", ".")}' if rest else stage).replace(
                'bn_project', 'downsample.1').replace('project', 'downsample.0')
            parts = ({'weight': link.gamma.array, 'bias': link.beta.array, 'running_mean': link.avg_mean,
                      'running_var': link.avg_var} if 'bn' in path else {'weight': link.W.array})
            parts.update({'bias': link.b.array} if path == '/fc' else {})
            tensors.update({f'{name}.{part}': array for part, array in parts.items()})
    save_file(tensors, tmp_path / 'a.safetensors')
    other = links.load_pretrained(links.ResNet(18), str(tmp_path / 'a.safetensors'))
    np.testing.assert_array_equal(other.res4[1].conv2.W.array, net.res4[1].conv2.W.array)


def test_timms_names_and_other_floats(tmp_path, monkeypatch):
    small = links.VGG16(10, 3, small=True)
    small.size = 224            # so that it passes for the large one, whose file would have 0.5 GB
    tensors = {}
    index = [0, 2, 5, 7, 10, 12, 14]
    for i, name in zip(index, sum(small.blocks, [])):
        tensors[f'features.{i}.weight'] = small[name].W.array.astype(np.float16)
        tensors[f'features.{i}.bias'] = small[name].b.array.astype(np.float64)
    for timm, name, shape in (('pre_logits.fc1', 'fc6', (128, 32, 3, 3)), ('pre_logits.fc2', 'fc7', (128, 128, 1, 1)),
                              ('head.fc', 'fc8', (10, 128))):
        tensors[f'{timm}.weight'], tensors[f'{timm}.bias'] = small[name].W.array.reshape(shape), small[name].b.array
    save_file(tensors, tmp_path / 'timm.safetensors')
    other = links.VGG16(10, 3, small=True)
    other.size = 224
    links.load_pretrained(other, tmp_path / 'timm.safetensors')
    for name in 'conv3_1', 'fc6', 'fc7', 'fc8':
        np.testing.assert_allclose(other[name].W.array, small[name].W.array, rtol=1e-3, atol=1e-4)
        assert other[name].W.dtype == np.float32


def test_heads_stay_and_n_class_is_1000(tmp_path, googlenet_tensors):
    path = tmp_path / 'g.safetensors'
    save_file({**googlenet_tensors, 'aux1.fc2.bias': np.zeros(1000, 'f')}, path)
    model = links.GoogLeNet(torchvision=True)
    head = model.head1.fc2.W.array.copy()
    links.load_pretrained(model, path)
    np.testing.assert_array_equal(model.head1.fc2.W.array, head)
    assert model.count_params() - 3188840 - 3190888 == 6617624      # torchvision's 6,624,904 less 7,280 gammas
    ten = links.GoogLeNet(10, torchvision=True)
    before = snapshot(ten)
    with pytest.raises(ValueError, match=r'fc.weight has shape \(1000, 1024\); the model wants \(10, 1024\)'):
        links.load_pretrained(ten, path)
    assert_untouched(ten, before)


BAD_TENSORS = {
    'missing': ({'fc.bias': None}, 'it lacks fc.bias'),
    'extra': ({'fc2.bias': np.zeros(3, 'f')}, 'it has besides fc2.bias'),
    'another net': ({f'conv{i}.conv.weight': None for i in (1, 2, 3)} | {'inception3a.branch1.bn.bias': None},
                    'it lacks conv1.conv.weight, conv2.conv.weight, conv3.conv.weight and 1 more'),
    'shape': ({'conv2.conv.weight': np.zeros((64, 64, 3, 3), 'f')},
              r'conv2.conv.weight has shape \(64, 64, 3, 3\); the model wants \(64, 64, 1, 1\)'),
    'type': ({'fc.bias': np.zeros(1000, np.int32)}, 'fc.bias is I32; wanted float16, float32 or float64')}


@pytest.mark.parametrize('case', BAD_TENSORS)
def test_tensors_that_do_not_fit_leave_the_model_as_it_is(case, tmp_path, googlenet_tensors):
    changes, message = BAD_TENSORS[case]
    tensors = {**googlenet_tensors, **changes}
    save_file({name: array for name, array in tensors.items() if array is not None}, tmp_path / 'a.safetensors')
    model = links.GoogLeNet(heads=False, torchvision=True)
    before = snapshot(model)
    with pytest.raises(ValueError, match=message):
        links.load_pretrained(model, tmp_path / 'a.safetensors')
    assert_untouched(model, before)


def test_files_that_are_no_safetensors(tmp_path, googlenet_tensors):
    whole = tmp_path / 'whole.safetensors'
    save_file(googlenet_tensors, whole)
    content = whole.read_bytes()
    model = links.GoogLeNet(heads=False, torchvision=True)
    before = snapshot(model)
    for name, bad, message in (
            ('cut', content[:-1000], 'is not a whole safetensors file'), ('head', content[:50], 'is not a whole'),
            ('empty', b'', 'is not a whole'), ('text', b'version https://git-lfs.github.com/spec/v1', 'is not a whole'),
            ('pickle', pickle.dumps({'a': 1}), 'is a pickle.*safetensors.torch.save_file'),
            ('old', pickle.dumps({'a': 1}, 2), 'is a pickle'), ('zip', b'PK\x03\x04' + content, 'is a pickle')):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            links.load_pretrained(model, tmp_path / name)
    assert_untouched(model, before)
    with pytest.raises(FileNotFoundError, match="'ResNet' is not a file, and none of AlexNet, VGG16"):
        links.load_pretrained(model, 'ResNet')


@pytest.mark.parametrize('make', [links.LeNet, links.AlexNet, lambda: links.GoogLeNet(10, 1, small=True),
                                  lambda: links.ResNet(18, shortcuts=False), lambda: links.ResNet(20, 10, small=True)])
def test_models_without_public_weights(make):
    with pytest.raises(TypeError, match=r'there are for AlexNet\(one_tower=True\), VGG16\(\)'):
        links.load_pretrained(make(), 'AlexNet')


def test_download(tmp_path, monkeypatch, googlenet_tensors):
    save_file(googlenet_tensors, tmp_path / 'g.safetensors')
    asked = []

    def retrieve(url, known_hash, path, fname, downloader):
        asked.append((url, known_hash, path, fname))
        return str(tmp_path / 'g.safetensors')

    monkeypatch.setattr(pooch, 'retrieve', retrieve)
    monkeypatch.setenv('NICO2AI_CNN_DATA', str(tmp_path / 'cache'))
    model = links.load_pretrained(links.GoogLeNet(heads=False, torchvision=True), 'GoogLeNet')
    np.testing.assert_array_equal(model.fc.W.array, googlenet_tensors['fc.weight'])
    (url, known_hash, path, fname), = asked
    assert url.endswith('/1cb71ed300bf5b1913894c0f000a0146cfb4b431/googlenet.safetensors')
    assert known_hash.startswith('sha256:d65208') and path == tmp_path / 'cache' / 'weights'
    with pytest.raises(ValueError, match='these are the weights of VGG16; the model is GoogLeNet'):
        links.load_pretrained(model, 'VGG16')

    def fail(*args, **kwargs):
        raise OSError('no network')
    monkeypatch.setattr(pooch, 'retrieve', fail)
    with pytest.raises(OSError, match='weights of GoogLeNet could not be downloaded: no network'):
        links.load_pretrained(model, 'GoogLeNet')


def test_every_name_has_a_checksum_and_a_revision():
    assert set(pretrained.WEIGHTS) == set(MODELS)
    for _, revision, file, sha256 in pretrained.WEIGHTS.values():
        assert len(revision) == 40 and len(sha256) == 64 and file.endswith('.safetensors')


def test_prepare_photo():
    photo = datasets.get_photo('chelsea')           # (3, 300, 451)
    x = links.prepare_photo(photo)
    assert x.shape == (3, 224, 224) and x.dtype == np.float32 and x.flags.c_contiguous
    back = x * np.reshape(photos.STD, (3, 1, 1)) + np.reshape(photos.MEAN, (3, 1, 1))
    assert -1e-6 < back.min() and back.max() < 1 + 1e-6
    same_size = links.prepare_photo(photo[:, :256, :256], mean=0, std=1)
    np.testing.assert_allclose(same_size, photo[:, 16:240, 16:240], atol=1e-6)      # 256 pixels: only cropped
    caffe = links.prepare_photo(photo[:, :256, :256], mean=(103.939, 116.779, 123.68), std=1, bgr=True, scale=255)
    np.testing.assert_allclose(caffe[0, 5, 7], 255 * photo[2, 21, 23] - 103.939, rtol=1e-5)
    grey = links.prepare_photo(photo[:1], mean=0, std=1)
    np.testing.assert_array_equal(grey[0], grey[2])
    tall = links.prepare_photo(photo.transpose(0, 2, 1), resize=64, size=32, mean=0, std=1)
    np.testing.assert_allclose(tall, links.prepare_photo(photo, 64, 32, mean=0, std=1).transpose(0, 2, 1), atol=1e-6)


@pytest.mark.parametrize('photo, options, error, message', [
    (np.zeros((3, 8, 8), np.uint8), {}, TypeError, 'float32 or float64 array; got uint8'),
    ([[0.5]], {}, TypeError, 'got list'), (np.zeros((8, 8, 3)), {}, ValueError, r'got \(8, 8, 3\)'),
    (np.zeros((3, 0, 8)), {}, ValueError, r'got \(3, 0, 8\)'),
    (np.full((3, 8, 8), 255.), {}, ValueError, 'values from 255 to 255'),
    (np.full((3, 8, 8), np.nan), {}, ValueError, 'values from nan to nan'),
    (np.zeros((3, 8, 8)), {'size': 300}, ValueError, 'size 300 is larger than resize, 256'),
    (np.zeros((3, 8, 8)), {'size': 0}, ValueError, 'size')])
def test_prepare_photo_bad_input(photo, options, error, message):
    with pytest.raises(error, match=message):
        links.prepare_photo(photo, **options)


def test_a_photo_cannot_be_divided_by_nothing():
    with pytest.raises(ValueError, match='std not 0; got 0 and 0'):
        links.prepare_photo(np.zeros((3, 300, 300), 'f'), mean=0, std=0)
