"""MNIST (手書き数字): the files in ``data/`` first, the mirrors second; and sample photos.

The digits are LeCun, Cortes & Burges's, CC BY-SA 3.0; see ``data/README.md``.
"""

import gzip
import hashlib
import os
import pathlib
import zlib

import chainer
import numpy
import pooch
import skimage

from nico2ai_cnn import _checks

MIRRORS = ('https://ossci-datasets.s3.amazonaws.com/mnist/',
           'https://storage.googleapis.com/cvdf-datasets/mnist/')
_COURSE = pathlib.Path(__file__).resolve().parent.parent
# None where the package is installed without the course: then its neighbours are other packages.
LOCAL_FOLDER = _COURSE / 'data' / 'mnist' if (_COURSE / 'pyproject.toml').exists() else None

# What scikit-image brings in its wheel: a cat, a cup, a woman, a man with a camera, coins.
PHOTOS = ('chelsea', 'coffee', 'astronaut', 'camera', 'coins')

# file: (sha256 of the mirrors' .gz, sha256 of what is inside, shape)
FILES = {
    'train-images-idx3-ubyte.gz': (
        '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
        'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db', (60000, 28, 28)),
    'train-labels-idx1-ubyte.gz': (
        '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
        '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5', (60000,)),
    't10k-images-idx3-ubyte.gz': (
        '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
        '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7', (10000, 28, 28)),
    't10k-labels-idx1-ubyte.gz': (
        'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
        'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2', (10000,)),
}


def get_mnist(withlabel=True, ndim=1, scale=1., dtype=None,
              label_dtype=numpy.int32, rgb_format=False):
    """Returns MNIST as Chainer's ``get_mnist`` does, without its dead download.

    Args:
        withlabel (bool): Whether examples are ``(image, label)`` or images alone.
        ndim (int): 1, 2 or 3: images of shape ``(784,)``, ``(28, 28)`` or
            ``(1, 28, 28)``.
        scale (float): Pixels lie in ``[0, scale]``.
        dtype: Type of the pixels; ``chainer.config.dtype`` (float32) by default.
        label_dtype: Type of the labels.
        rgb_format (bool): With ``ndim=3``, three equal channels: ``(3, 28, 28)``.

    Returns:
        tuple: The training set (60,000 examples) and the test set (10,000).
        Each is a ``TupleDataset``, or without labels an array.

    Raises:
        ValueError: If ``ndim`` is not 1, 2 or 3, or a file is damaged.
        OSError: If there is no ``data/mnist`` and no mirror answers.
    """
    if not _checks.is_number(scale):
        raise ValueError(f'scale must be a number; got {scale!r}')
    if ndim not in (1, 2, 3):
        raise ValueError(f'ndim must be 1, 2 or 3; got {ndim!r}')
    return chainer.datasets.get_mnist(
        withlabel, ndim, scale, dtype, label_dtype, rgb_format)


def get_photo(name='chelsea', size=None, grey=False):
    """Returns one of scikit-image's photos, which come with it and need no download.

    Args:
        name (str): One of ``PHOTOS``.
        size (int): Height and width to bring the middle square to, in pixels; by
            default the photo keeps its own size.
        grey (bool): Whether to return luminance instead of red, green, blue.

    Returns:
        numpy.ndarray: float32 values in [0, 1] of shape ``(3, H, W)``, or ``(1, H, W)``
        with ``grey`` or where the photo is grey itself.

    Raises:
        ValueError: If there is no photo ``name``, or ``size`` is not an integer of at
            least 1.
    """
    if name not in PHOTOS:
        raise ValueError(f'name must be one of {", ".join(PHOTOS)}; got {name!r}')
    image = skimage.util.img_as_float(getattr(skimage.data, name)())
    if grey and image.ndim == 3:
        image = skimage.color.rgb2gray(image)
    if size is not None:
        _checks.positive_int('size', size)
        side = min(image.shape[:2])
        top, left = ((length - side) // 2 for length in image.shape[:2])
        image = skimage.transform.resize(
            image[top:top + side, left:left + side], (size, size), anti_aliasing=True)
    return numpy.atleast_3d(image).transpose(2, 0, 1).astype(numpy.float32, order='C')


def load_mnist_arrays(part):
    """Returns the raw digits of one part.

    Args:
        part (str): ``'train'`` or ``'test'``.

    Returns:
        dict: ``'x'``, uint8 pixels of shape ``(N, 784)`` in [0, 255], and ``'y'``,
        uint8 labels of shape ``(N,)``; N is 60,000 or 10,000.

    Raises:
        ValueError: If there is no such part, or a file is damaged.
        OSError: If there is no ``data/mnist`` and no mirror answers.
    """
    prefixes = {'train': 'train', 'test': 't10k'}
    if part not in prefixes:
        raise ValueError(f"part must be 'train' or 'test'; got {part!r}")
    x = _read_idx(f'{prefixes[part]}-images-idx3-ubyte.gz')
    y = _read_idx(f'{prefixes[part]}-labels-idx1-ubyte.gz')
    return {'x': x.reshape(len(x), 28 * 28), 'y': y}


def _read_idx(name):
    path = _find(name)
    _, sha256, shape = FILES[name]
    way_out = ('delete it and run again to download it' if path.parent != LOCAL_FOLDER else
               f"restore it with 'git checkout -- data/mnist/{name}', "
               'or delete it and run again to download it')
    try:
        content = gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error) as error:
        raise ValueError(f'{path} is cut short or damaged ({error}); {way_out}') from None
    except gzip.BadGzipFile as error:
        raise ValueError(f'{path} is not a gzip file ({error}); {way_out}') from None
    if hashlib.sha256(content).hexdigest() != sha256:
        twin = next((other for other, (_, known, _) in FILES.items()
                     if known == hashlib.sha256(content).hexdigest()), None)
        what = f'holds the content of {twin}' if twin else "does not hold MNIST's bytes"
        raise ValueError(f'{path} {what}; {way_out}')
    header = 4 + 4 * len(shape)
    return numpy.frombuffer(content, numpy.uint8, offset=header).reshape(shape).copy()


def _find(name):
    if LOCAL_FOLDER and (LOCAL_FOLDER / name).exists():
        return LOCAL_FOLDER / name
    folder = pathlib.Path(os.environ.get('NICO2AI_CNN_DATA') or pooch.os_cache('nico2ai_cnn'))
    return _download(name, folder / 'mnist')


def _download(name, folder):
    cached = folder / name
    if cached.exists():
        return cached
    failures = []
    for mirror in MIRRORS:
        try:
            # Moved into place once its sha256 is right, so that neither a crash nor a
            # second process leaves or meets half a file.
            mine = pooch.retrieve(
                mirror + name, known_hash='sha256:' + FILES[name][0], path=folder,
                fname=f'{name}.{os.getpid()}',
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=30))
            os.replace(mine, cached)
            return cached
        except (OSError, ValueError) as error:
            failures.append(f'{mirror}: {error}')
    raise OSError(f'MNIST: {name} could not be downloaded. Put the file into {folder} by hand, '
                  'or work in a clone of the course, which brings it in data/mnist. '
                  'Tried ' + '; '.join(failures))
