import gzip
import hashlib
import http.server
import multiprocessing
import shutil
import threading

import numpy as np
import pytest

from nico2ai_cnn import datasets  # before chainer: a spawned process has no conftest

import chainer

LABELS = 't10k-labels-idx1-ubyte.gz'


@pytest.mark.parametrize('ndim, shape', [(1, (784,)), (2, (28, 28)), (3, (1, 28, 28))])
def test_shapes_and_types(ndim, shape):
    train, test = datasets.get_mnist(ndim=ndim)
    assert (len(train), len(test)) == (60000, 10000)
    x, t = train[0]
    assert x.shape == shape and x.dtype == np.float32 and t.dtype == np.int32 and t == 5
    assert x.min() == 0 and x.max() == 1


def test_arguments_are_chainers():
    train, test = datasets.get_mnist(False, 3, 255., np.float64, np.int8, True)
    assert test.shape == (10000, 3, 28, 28) and test.dtype == np.float64 and test.max() == 255


@pytest.mark.parametrize('get_mnist', [datasets.get_mnist, chainer.datasets.get_mnist])
def test_equals_the_idx_file_to_the_bit(get_mnist, monkeypatch):
    """Chainer's own function is served from the same files, without its download."""
    monkeypatch.setattr('chainer.dataset.download.cached_download', None)
    with gzip.open(datasets.LOCAL_FOLDER / 't10k-images-idx3-ubyte.gz') as file:
        raw = np.frombuffer(file.read(), np.uint8, offset=16).reshape(10000, 784)
    _, test = get_mnist(withlabel=False)
    expected = raw.astype(np.float32)
    expected *= 1. / 255.
    np.testing.assert_array_equal(test, expected)


def test_known_counts():
    counts = np.bincount(datasets.load_mnist_arrays('test')['y'])
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_bad_arguments():
    with pytest.raises(ValueError, match='ndim must be 1, 2 or 3; got 4'):
        datasets.get_mnist(ndim=4)
    with pytest.raises(ValueError, match="part must be 'train' or 'test'; got 'valid'"):
        datasets.load_mnist_arrays('valid')


@pytest.fixture
def local_copy(tmp_path, monkeypatch):
    for name in datasets.FILES:
        if name.startswith('t10k'):
            shutil.copy(datasets.LOCAL_FOLDER / name, tmp_path / name)
    monkeypatch.setattr(datasets, 'LOCAL_FOLDER', tmp_path)
    return tmp_path


def damage(path, how):
    content = path.read_bytes()
    if how == 'truncated':
        path.write_bytes(content[:len(content) // 2])
    elif how == 'bits flipped':
        path.write_bytes(content[:2000] + bytes(b ^ 255 for b in content[2000:2100]) + content[2100:])
    elif how == 'not gzip':
        path.write_bytes(b'<html>403 Forbidden</html>')
    elif how == 'empty':
        path.write_bytes(b'')
    elif how == 'swapped':
        shutil.copy(path.parent / 't10k-images-idx3-ubyte.gz', path)
    elif how == 'other content':
        path.write_bytes(gzip.compress(gzip.decompress(content)[:-1] + b'\7'))


@pytest.mark.parametrize('how, message', [
    ('truncated', 'cut short or damaged'), ('bits flipped', 'cut short or damaged|not a gzip|hold'),
    ('not gzip', 'is not a gzip file'), ('empty', "cut short|does not hold MNIST's bytes"),
    ('swapped', 'holds the content of t10k-images-idx3-ubyte.gz'),
    ('other content', "does not hold MNIST's bytes")])
def test_damaged_local_file(local_copy, how, message):
    damage(local_copy / LABELS, how)
    with pytest.raises(ValueError, match=message) as error:
        datasets.load_mnist_arrays('test')
    assert LABELS in str(error.value) and f'git checkout -- data/mnist/{LABELS}' in str(error.value)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror on this machine that serves the label file, and an empty cache."""
    served = tmp_path / 'served'
    served.mkdir()
    content = gzip.compress(gzip.decompress((datasets.LOCAL_FOLDER / LABELS).read_bytes()), mtime=0)
    (served / LABELS).write_bytes(content)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=served)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}/'
    _, inside, shape = datasets.FILES[LABELS]
    monkeypatch.setitem(datasets.FILES, LABELS, (hashlib.sha256(content).hexdigest(), inside, shape))
    monkeypatch.setattr(datasets, 'LOCAL_FOLDER', tmp_path / 'no data here')
    monkeypatch.setattr(datasets, 'MIRRORS', (address + 'gone/', address))
    monkeypatch.setenv('NICO2AI_CNN_DATA', str(tmp_path / 'cache'))
    yield served
    server.shutdown()
    server.server_close()


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / 'cache' / 'mnist').glob('*'))


def test_second_mirror_is_tried(mirror, tmp_path, capfd):
    assert datasets._read_idx(LABELS).shape == (10000,)
    assert cached(tmp_path) == [LABELS]
    assert '100%' in capfd.readouterr().err, 'no progress bar'


def test_a_cached_file_is_not_fetched_again(mirror, tmp_path, monkeypatch):
    datasets._read_idx(LABELS)
    monkeypatch.setattr(datasets, 'MIRRORS', ())
    assert datasets._read_idx(LABELS).shape == (10000,)


def test_no_mirror_answers(mirror, tmp_path):
    (mirror / LABELS).unlink()
    with pytest.raises(OSError, match=f'{LABELS} could not be downloaded. Put the file into'):
        datasets._read_idx(LABELS)
    assert cached(tmp_path) == []


@pytest.mark.parametrize('how', ['truncated', 'not gzip'])
def test_wrong_bytes_from_a_mirror_leave_nothing_behind(mirror, tmp_path, how):
    damage(mirror / LABELS, how)
    with pytest.raises(OSError, match='hash'):
        datasets._read_idx(LABELS)
    assert cached(tmp_path) == []


def _read_in_process(local_folder, mirrors, files, results):
    datasets.LOCAL_FOLDER, datasets.MIRRORS, datasets.FILES = local_folder, mirrors, files
    results.put(int(datasets._read_idx(LABELS).sum()))


def test_two_processes_at_once(mirror, tmp_path):
    context = multiprocessing.get_context('spawn')
    results = context.Queue()
    arguments = (datasets.LOCAL_FOLDER, datasets.MIRRORS, datasets.FILES, results)
    processes = [context.Process(target=_read_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    sums = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sums[0] == sums[1] == 44434
    assert cached(tmp_path) == [LABELS]


@pytest.mark.parametrize('name', datasets.PHOTOS)
def test_photos_need_no_download(name, monkeypatch):
    monkeypatch.setattr('pooch.retrieve', None)
    photo, square = datasets.get_photo(name), datasets.get_photo(name, size=64, grey=True)
    assert photo.ndim == 3 and photo.shape[0] == (1 if name in ('camera', 'coins') else 3)
    assert square.shape == (1, 64, 64)
    for image in photo, square:
        assert image.dtype == np.float32 and image.flags.c_contiguous
        assert 0 <= image.min() < 0.25 and 0.7 < image.max() <= 1


def test_photo_is_upright_and_its_middle():
    photo, square = datasets.get_photo('coffee'), datasets.get_photo('coffee', size=400)
    np.testing.assert_allclose(square, photo[:, :, 100:500], atol=1e-6)


@pytest.mark.parametrize('args, message', [
    (('lena',), "name must be one of chelsea, coffee, .*; got 'lena'"),
    (('chelsea', 0), 'size must be an integer of at least 1; got 0')])
def test_photo_bad_input(args, message):
    with pytest.raises(ValueError, match=message):
        datasets.get_photo(*args)
