"""Public ImageNet weights for the course's networks, from safetensors files.

The weights are torchvision's, under its names of tensors, or under those of timm where its
files differ. Safetensors files hold arrays and nothing else; a pickle may run code when read.
"""

import os
import pathlib

import chainer
import chainer.links as L
import numpy
import pooch
import safetensors

from nico2ai_cnn.links import _public_names

HUB = 'https://huggingface.co'
# name: (repository, revision, file, sha256), read off the repositories' own pages
WEIGHTS = {
    'AlexNet': ('theunnecessarythings/vision_models', '1b72e7cf3485d46675a53c2e969e3f5669635efa',
                'alexnet.safetensors', '7372cbb9161c5253fcb272a1839229e282f2533e540449fb2907ee32d9ef3279'),
    'VGG16': ('timm/vgg16.tv_in1k', '3394518cba29aee1ea82a49d971be90d2dd1dab7',
              'model.safetensors', '57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8'),
    'GoogLeNet': ('theunnecessarythings/vision_models', '1cb71ed300bf5b1913894c0f000a0146cfb4b431',
                  'googlenet.safetensors', 'd65208bbda6eb067746e1d3ecaa7752932accabf5083fabf8f912eecbae6484c'),
    'ResNet-50': ('timm/resnet50.tv_in1k', 'aa6c2d36d56bc0209040c02b5a7b7d7bf11d57b8',
                  'model.safetensors', '5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888'),
}
CONVERT = ('in PyTorch: safetensors.torch.save_file(torch.load(path, weights_only=True), '
           "'weights.safetensors')")


def load_pretrained(model, name_or_path):
    """Gives a network public ImageNet weights; see :func:`prepare_photo` for the images they want.

    Args:
        model (chainer.Chain): ``AlexNet(one_tower=True)``, ``VGG16()``,
            ``GoogLeNet(torchvision=True)`` or ``ResNet(n_layers)``, for 1000 classes of
            colour images. Where it has heads, those are left as they are: the public
            weights have none that are trained.
        name_or_path: ``'AlexNet'`` (244 MB), ``'VGG16'`` (553 MB), ``'GoogLeNet'`` (27 MB) or
            ``'ResNet-50'`` (102 MB): downloaded once, into pooch's cache or the folder that
            ``NICO2AI_CNN_DATA`` names, and checked by its sha256. Or the path of a safetensors
            file with torchvision's or timm's names; float16 and float64 become float32.

    Returns:
        chainer.Chain: The model.

    Raises:
        TypeError: If there are no public weights for such a model.
        FileNotFoundError: If ``name_or_path`` is neither such a name nor a file.
        ValueError: If a name is that of another model's weights, or the file is a pickle, cut short,
            damaged, or lacks a tensor, has one too many, or one of another shape or type. The model
            is untouched then.
        OSError: If the download fails.
    """
    kind, names = _public_names.of(model)
    path = _find(kind, name_or_path)
    links = dict(model.namedlinks())
    wanted = {}
    for own, public in names.items():
        wanted.update(_shapes(links[own], public))
    tensors = _read(path, wanted)
    # From here on nothing can fail: all tensors are there, in the right shapes.
    for own, public in names.items():
        _fill(links[own], public, tensors)
    return model


def _find(kind, name_or_path):
    if name_or_path in WEIGHTS:
        if name_or_path != kind:
            raise ValueError(f'name_or_path: these are the weights of {name_or_path}; the model is '
                             f'{kind}')
        return _download(name_or_path)
    path = pathlib.Path(name_or_path)
    if not path.is_file():
        raise FileNotFoundError(f'name_or_path {name_or_path!r} is not a file, and none of '
                                f'{", ".join(WEIGHTS)}')
    return path


def _download(name):
    repository, revision, file, sha256 = WEIGHTS[name]
    folder = pathlib.Path(os.environ.get('NICO2AI_CNN_DATA') or pooch.os_cache('nico2ai_cnn')) / 'weights'
    try:
        return pathlib.Path(pooch.retrieve(
            f'{HUB}/{repository}/resolve/{revision}/{file}', known_hash=f'sha256:{sha256}', path=folder,
            fname=f'{name}.safetensors', downloader=pooch.HTTPDownloader(progressbar=True, timeout=30)))
    except (OSError, ValueError) as error:
        raise OSError(f'the weights of {name} could not be downloaded: {error}. Put the file, {file} of '
                      f'{HUB}/{repository}, anywhere and give its path') from None


def _shapes(link, public):
    """Returns which tensors a link is filled from, and their shapes."""
    if isinstance(link, L.BatchNormalization):
        return {f'{public}.{part}': link.gamma.shape for part in ('weight', 'bias', 'running_mean', 'running_var')}
    if isinstance(public, tuple):
        conv, norm = public
        return {f'{conv}.weight': link.W.shape,
                **{f'{norm}.{part}': link.b.shape for part in ('weight', 'bias', 'running_mean', 'running_var')}}
    return {f'{public}.{part}': param.shape for part, param in (('weight', link.W), ('bias', link.b))
            if param is not None}


def _read(path, wanted):
    """Returns all wanted tensors as float32 arrays, once the file is known to hold just them."""
    with open(path, 'rb') as file:
        start = file.read(9)
    # A pickle begins with \x80, a zip file of pickles with PK; so may the eight bytes of a safetensors
    # file's length, but then its header follows.
    if start.startswith((b'PK', b'\x80')) and start[8:] != b'{':
        raise ValueError(f'{path} is a pickle, as torch.save writes it; it may run code, so it is not read. '
                         f'Make a safetensors file of it, {CONVERT}')
    try:
        with safetensors.safe_open(path, framework='numpy') as file:
            names = {_public_names.torchvision(name): name for name in file.keys()}
            names = {name: stored for name, stored in names.items() if not _public_names.is_ignored(name)}
            missing, extra = sorted(wanted.keys() - names.keys()), sorted(names.keys() - wanted.keys())
            if missing or extra:
                raise ValueError(f'{path} does not hold the weights of this model: '
                                 + '; '.join(f'{what} {_some(tensors)}' for what, tensors in (
                                     ('it lacks', missing), ('it has besides', extra)) if tensors))
            for name, shape in wanted.items():
                _check_tensor(path, names[name], file.get_slice(names[name]), shape)
            return {name: file.get_tensor(names[name]).reshape(shape).astype(numpy.float32, copy=False)
                    for name, shape in wanted.items()}
    except safetensors.SafetensorError as error:
        raise ValueError(f'{path} is not a whole safetensors file: {error}') from None


def _check_tensor(path, name, tensor, shape):
    found = tuple(tensor.get_shape())
    # timm keeps VGG's fully connected layers as convolutions: (4096, 512, 7, 7) for (4096, 25088).
    if found != shape and (len(found) != 4 or len(shape) != 2 or numpy.prod(found[1:]) != shape[1]
                           or found[0] != shape[0]):
        raise ValueError(f'{path}: {name} has shape {found}; the model wants {shape}')
    if tensor.get_dtype() not in ('F16', 'F32', 'F64'):
        raise ValueError(f'{path}: {name} is {tensor.get_dtype()}; wanted float16, float32 or float64')


def _some(names):
    return ', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')


def _fill(link, public, tensors):
    if isinstance(link, L.BatchNormalization):
        for part, array in (('weight', link.gamma.array), ('bias', link.beta.array),
                            ('running_mean', link.avg_mean), ('running_var', link.avg_var)):
            chainer.backend.copyto(array, tensors[f'{public}.{part}'])
    elif isinstance(public, tuple):
        conv, norm = public
        gamma, beta, mean, variance = (tensors[f'{norm}.{part}'] for part in (
            'weight', 'bias', 'running_mean', 'running_var'))
        # What follows a convolution in test mode is a factor and a shift for each map.
        factor = gamma / numpy.sqrt(variance + _public_names.GOOGLENET_EPS)
        chainer.backend.copyto(link.W.array, tensors[f'{conv}.weight'] * factor[:, None, None, None])
        chainer.backend.copyto(link.b.array, beta - mean * factor)
    else:
        chainer.backend.copyto(link.W.array, tensors[f'{public}.weight'])
        if link.b is not None:
            chainer.backend.copyto(link.b.array, tensors[f'{public}.bias'])
