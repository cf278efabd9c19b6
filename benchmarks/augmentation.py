"""Images per second that are augmented, beside OpenCV, albumentations, SciPy and scikit-image.

All sides get the same float32 images in memory and do the same kind of work, bilinear, with
parameters of their own drawing: a random rotation (15 degrees), shift (2 pixels), scale (0.9 to
1.1) and shear (10 degrees); an elastic distortion (34, 4); a flip and a crop. Ours takes a batch,
the others one image a call, in their own layout (rows, columns, channels); nobody converts.
They take turns, and a ratio is the median of the rounds' ratios.
"""

import statistics
import time

import numpy as np

import nico2ai_cnn  # NOQA: F401
from nico2ai_cnn import transforms

ROUNDS = 7
ANGLE, SHIFT, SCALE, SHEAR, ALPHA, SIGMA, PAD = 15., 2., 0.1, 10., 34., 4., 4


def ours():
    rng = np.random.default_rng(0)
    return {
        'affine': lambda x: transforms.random_affine(x, ANGLE, SHIFT, SCALE, SHEAR, rng=rng),
        'elastic': lambda x: transforms.random_elastic(x, ALPHA, SIGMA, rng=rng),
        'flip and crop': lambda x: transforms.random_crop(
            transforms.random_flip(x, rng=rng), x.shape[2], pad=PAD, rng=rng)}


def one_by_one(function):
    def run(images):
        return [function(image) for image in images]
    return run


def _matrix(rng, height, width):
    """A map as ours, for (column, row)."""
    angle, slant = np.deg2rad(rng.uniform(-ANGLE, ANGLE)), np.tan(np.deg2rad(rng.uniform(-SHEAR, SHEAR)))
    scale, cos, sin = rng.uniform(1 - SCALE, 1 + SCALE), np.cos(angle), np.sin(angle)
    matrix = scale * np.array([[cos, sin - cos * slant], [-sin, cos + sin * slant]])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = centre + rng.uniform(-SHIFT, SHIFT, 2) - matrix @ centre
    return np.column_stack([matrix, offset])


def _flip_and_crop(rng, image):
    if rng.random() < 0.5:
        image = image[:, ::-1]
    padded = np.pad(image, ((PAD, PAD), (PAD, PAD), (0, 0)))
    top, left = rng.integers(0, 2 * PAD + 1, 2)
    return np.ascontiguousarray(padded[top:top + image.shape[0], left:left + image.shape[1]])


def opencv():
    import cv2
    rng = np.random.default_rng(0)

    def affine(image):
        height, width = image.shape[:2]
        return cv2.warpAffine(image, _matrix(rng, height, width), (width, height), flags=cv2.INTER_LINEAR)

    def elastic(image):
        height, width = image.shape[:2]
        offsets = [ALPHA * cv2.GaussianBlur(2 * rng.random((height, width), dtype='f') - 1, (25, 25), SIGMA,
                                            borderType=cv2.BORDER_CONSTANT) for _ in range(2)]
        rows, columns = np.mgrid[:height, :width].astype('f')
        return cv2.remap(image, columns + offsets[1], rows + offsets[0], cv2.INTER_LINEAR)
    return {'affine': one_by_one(affine), 'elastic': one_by_one(elastic),
            'flip and crop': one_by_one(lambda image: _flip_and_crop(rng, image))}


def albumentations():
    import albumentations as A
    import cv2
    affine = A.Affine(rotate=(-ANGLE, ANGLE), translate_px=(-int(SHIFT), int(SHIFT)), scale=(1 - SCALE, 1 + SCALE),
                      shear=(-SHEAR, SHEAR), interpolation=cv2.INTER_LINEAR, p=1)
    elastic = A.ElasticTransform(alpha=ALPHA, sigma=SIGMA, interpolation=cv2.INTER_LINEAR, p=1)

    def flip_and_crop(image):
        side = image.shape[0]
        both = crops.get(side) or crops.setdefault(side, A.Compose([
            A.HorizontalFlip(), A.PadIfNeeded(side + 2 * PAD, side + 2 * PAD, border_mode=cv2.BORDER_CONSTANT),
            A.RandomCrop(side, side)]))
        return both(image=image)['image']
    crops = {}
    return {'affine': one_by_one(lambda image: affine(image=image)['image']),
            'elastic': one_by_one(lambda image: elastic(image=image)['image']),
            'flip and crop': one_by_one(flip_and_crop)}


def scipy():
    from scipy import ndimage
    rng = np.random.default_rng(0)

    def affine(image):
        matrix = _matrix(rng, *image.shape[:2])[::-1]       # rows first; a map of the same kind, backwards
        turned = matrix[:, 1::-1]
        return np.stack([ndimage.affine_transform(image[..., c], turned, matrix[:, 2], order=1, mode='grid-constant')
                         for c in range(image.shape[2])], axis=2)

    def elastic(image):
        height, width = image.shape[:2]
        offsets = [ALPHA * ndimage.gaussian_filter(2 * rng.random((height, width), dtype='f') - 1, SIGMA,
                                                   mode='constant', truncate=3) for _ in range(2)]
        rows, columns = np.mgrid[:height, :width].astype('f')
        places = [rows + offsets[0], columns + offsets[1]]
        return np.stack([ndimage.map_coordinates(image[..., c], places, order=1, mode='grid-constant')
                         for c in range(image.shape[2])], axis=2)
    return {'affine': one_by_one(affine), 'elastic': one_by_one(elastic)}


def scikit_image():
    from skimage import transform
    rng = np.random.default_rng(0)

    def affine(image):
        matrix = np.vstack([_matrix(rng, *image.shape[:2]), [0, 0, 1]])
        return transform.warp(image, transform.AffineTransform(matrix), order=1)
    return {'affine': one_by_one(affine)}


PEERS = {'OpenCV': opencv, 'albumentations': albumentations, 'SciPy': scipy, 'scikit-image': scikit_image}


def measure(n_image, n_channel, side, rounds=ROUNDS, peers=PEERS):
    """Returns {kind of work: {side: images per second in each round}}."""
    batch = np.random.default_rng(0).random((n_image, n_channel, side, side), dtype='f')
    few = max(1, n_image // 8)              # the peers' time is in proportion to the number of images
    images = list(np.ascontiguousarray(batch[:few].transpose(0, 2, 3, 1)))
    sides = {'ours': (ours(), batch), **{name: (peer(), images) for name, peer in peers.items()}}
    rates = {}
    for kind in sides['ours'][0]:
        there = {name: (works[kind], data) for name, (works, data) in sides.items() if kind in works}
        rates[kind] = {name: [] for name in there}
        for function, data in there.values():
            function(data)
        for i in range(rounds):
            for name in list(there)[::1 if i % 2 == 0 else -1]:
                function, data = there[name]
                start = time.perf_counter()
                function(data)
                rates[kind][name].append(len(data) / (time.perf_counter() - start))
    return rates


def rows(rates):
    """Returns the table's rows: medians, and ours by the fastest of the others."""
    for kind, of_sides in rates.items():
        medians = {name: statistics.median(values) for name, values in of_sides.items()}
        fastest = max((name for name in medians if name != 'ours'), key=medians.get)
        ratio = statistics.median(a / b for a, b in zip(of_sides['ours'], of_sides[fastest], strict=True))
        yield (kind, *(f'{medians[name]:,.0f}' if name in medians else '' for name in ('ours', *PEERS)), f'{ratio:.1f}')
