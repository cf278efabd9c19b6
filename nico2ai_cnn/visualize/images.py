"""Images."""

import matplotlib.pyplot as plt
import numpy

from nico2ai_cnn import _checks


def show_images(images, titles=None, columns=10, size=0.9):
    """Draws grey images in a grid, black for 0 and white for 1.

    Args:
        images: ``(N, H, W)`` or ``(N, 1, H, W)``, values in [0, 1].
        titles: N short texts, or None.
        columns (int): Images per row.
        size (float): Width and height of one image, in inches.

    Returns:
        numpy.ndarray: The N matplotlib axes.

    Raises:
        ValueError: If ``images`` is empty or has another shape, or the number of
            titles is not N.
    """
    images = numpy.asarray(images)
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3 or len(images) == 0:
        raise ValueError('images must have shape (N, H, W) or (N, 1, H, W) with N of at least 1; '
                         f'got {images.shape}')
    if titles is not None and len(titles) != len(images):
        raise ValueError(f'titles must be {len(images)} texts, one per image; got {len(titles)}')
    _checks.positive_int('columns', columns)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    title_height = 0.25 if titles is not None else 0
    figure, axes = plt.subplots(rows, columns, squeeze=False,
                                figsize=(columns * size, rows * (size + title_height)))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    for ax in axes.flat:
        ax.axis('off')
    for i, (ax, image) in enumerate(zip(axes.flat, images)):
        ax.imshow(image, vmin=0, vmax=1)
        if titles is not None:
            ax.set_title(titles[i], fontsize=9, pad=2)
    return axes.ravel()[:len(images)]
