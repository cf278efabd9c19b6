"""The confusion matrix (混同行列)."""

import matplotlib.pyplot as plt
import numpy


def show_confusion(confusion, ax=None):
    """Draws how often each class was taken for each other; only mistakes are shaded.

    Args:
        confusion: ``(n_class, n_class)`` counts; row: the true class, column: the
            class answered, as ``sklearn.metrics.confusion_matrix`` returns them.
        ax: Matplotlib axes, or None for new ones.

    Returns:
        matplotlib.axes.Axes: The axes drawn on.

    Raises:
        ValueError: If ``confusion`` is not a square matrix.
    """
    confusion = numpy.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f'confusion must be a square matrix; got shape {confusion.shape}')
    if ax is None:
        _, ax = plt.subplots(figsize=(5.4, 5))
    mistakes = confusion - numpy.diag(numpy.diag(confusion))
    darkest = max(mistakes.max(), 1)
    ax.imshow(mistakes, cmap='Blues', vmin=0, vmax=darkest)
    ax.grid(False)
    for (row, column), count in numpy.ndenumerate(confusion):
        if count:
            shaded = row != column and count > 0.6 * darkest
            ax.text(column, row, str(count), ha='center', va='center', fontsize=9,
                    color='white' if shaded else '0.45' if row == column else 'black')
    ax.set_xticks(range(len(confusion)))
    ax.set_yticks(range(len(confusion)))
    ax.set_xlabel('answered')
    ax.set_ylabel('true digit')
    return ax
