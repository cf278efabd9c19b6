"""Images and their pixels."""

import matplotlib.pyplot as plt
import numpy
from matplotlib.ticker import MaxNLocator


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


def show_pixels(image, ax=None, form='{:.1f}'):
    """Draws one image with the value of each pixel written into it.

    Args:
        image: ``(H, W)`` array.
        ax: Matplotlib axes, or None for new ones.
        form (str): How a value is written; zeros stay blank.

    Returns:
        matplotlib.axes.Axes: The axes drawn on.

    Raises:
        ValueError: If ``image`` is not of shape ``(H, W)``.
    """
    image = numpy.asarray(image)
    if image.ndim != 2:
        raise ValueError(f'image must have shape (H, W); got {image.shape}')
    if ax is None:
        _, ax = plt.subplots(figsize=(0.34 * image.shape[1], 0.34 * image.shape[0]))
    ax.imshow(image)
    ax.grid(False)
    middle = (image.min() + image.max()) / 2
    for (row, column), value in numpy.ndenumerate(image):
        if value != 0:
            ax.text(column, row, form.format(value), ha='center', va='center', fontsize=7,
                    color='white' if value < middle else 'black')
    for axis in ax.xaxis, ax.yaxis:
        axis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel('column')
    ax.set_ylabel('row')
    return ax
