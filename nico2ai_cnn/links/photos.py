"""What public ImageNet weights want to be shown."""

import numpy
from PIL import Image

from nico2ai_cnn import _checks

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's training photos, red, green, blue, in [0, 1]; torchvision's numbers."""


def prepare_photo(photo, resize=256, size=224, mean=MEAN, std=STD, bgr=False, scale=1):
    """Makes of a photo what a network with public weights wants: resized, cropped, normalised.

    The photo's shorter side is brought to ``resize`` pixels (bilinear, as Pillow does
    it), the middle ``size`` x ``size`` cut out; then ``(scale * x - mean) / std``.

    =========================================== ====== ==== ============== ===== =====
    weights                                     resize size mean, std      bgr   scale
    =========================================== ====== ==== ============== ===== =====
    ``load_pretrained``'s AlexNet, VGG16,
    ResNet-50; torchvision's first version of
    any, timm's ``tv_in1k``                     256    224  the defaults   False 1
    ``load_pretrained``'s GoogLeNet             256    224  0.5, 0.5       False 1
    torchvision's ResNet-50, second version     232    224  the defaults   False 1
    Caffe's models, before 2015, as of the
    authors of VGG16                            256    224  (103.939,      True  255
                                                            116.779,
                                                            123.68), 1
    =========================================== ====== ==== ============== ===== =====

    Args:
        photo (numpy.ndarray): float32 or float64 in [0, 1] of shape ``(3, H, W)``, red, green,
            blue, as of :func:`nico2ai_cnn.datasets.get_photo`; or ``(1, H, W)``, whose grey is
            taken for all three.
        resize, size (int): Pixels.
        mean, std: A number, or one for each channel, in the order that comes out and after
            ``scale``.
        bgr (bool): Whether blue comes first.
        scale (float): Largest value before the mean is taken off, 1 or 255.

    Returns:
        numpy.ndarray: float32 of shape ``(3, size, size)``; ``photo[None]`` makes a batch of it.

    Raises:
        TypeError: If ``photo`` is not float32 or float64.
        ValueError: If its shape or range is another, ``size`` is larger than ``resize``, or ``std`` is 0.
    """
    _checks.positive_int('resize', resize)
    _checks.positive_int('size', size)
    if size > resize:
        raise ValueError(f'size {size} is larger than resize, {resize}')
    if getattr(photo, 'dtype', None) not in (numpy.float32, numpy.float64):
        got = getattr(photo, 'dtype', type(photo).__name__)
        raise TypeError(f'photo must be a float32 or float64 array; got {got}')
    if photo.ndim != 3 or photo.shape[0] not in (1, 3) or 0 in photo.shape:
        raise ValueError(f'photo must have shape (3, H, W) or (1, H, W); got {photo.shape}')
    if not (photo.min() >= 0 and photo.max() <= 1):
        raise ValueError(f'photo must lie in [0, 1]; got values from {photo.min():g} to {photo.max():g}')
    if not (numpy.isfinite(std).all() and numpy.isfinite(mean).all() and numpy.all(std)):
        raise ValueError(f'mean and std must be finite, and std not 0; got {mean!r} and {std!r}')
    height, width = photo.shape[1:]
    shape = [resize * side // min(height, width) for side in (height, width)]
    # Pillow's filter, which widens where it shrinks, is what the public weights were trained behind.
    x = numpy.stack([Image.fromarray(channel).resize(shape[::-1], Image.Resampling.BILINEAR)
                     for channel in photo.astype(numpy.float32)])
    top, left = (round((side - size) / 2) for side in shape)
    x = numpy.repeat(x[:, top:top + size, left:left + size], 3 // len(x), axis=0)[::-1 if bgr else 1]
    mean, std = (numpy.reshape(numpy.broadcast_to(value, 3), (3, 1, 1)) for value in (mean, std))
    return ((scale * x - mean) / std).astype(numpy.float32, order='C')
