"""Learning curves, accuracy against something, and what accuracy costs."""

import matplotlib.pyplot as plt
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

_MARKERS = 'osv^DPX*<>hdp8'


def show_history(log, axes=None):
    """Draws the learning curve: loss on the left, error rate on the right.

    Args:
        log (list of dict): What ``training.fit`` returned.
        axes: Two matplotlib axes, or None for new ones.

    Returns:
        The two axes.

    Raises:
        ValueError: If ``log`` is empty.
    """
    if not log:
        raise ValueError('log is empty; wanted at least one epoch from training.fit')
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    epochs = [entry['epoch'] for entry in log]
    for prefix, name, marker in (('', 'training digits (while learning)', 'o'),
                                 ('validation/', 'test digits (after the epoch)', 's')):
        if prefix + 'main/loss' not in log[0]:
            continue
        axes[0].plot(epochs, [entry[prefix + 'main/loss'] for entry in log], marker=marker,
                     label=name)
        axes[1].plot(epochs, [1 - entry[prefix + 'main/accuracy'] for entry in log],
                     marker=marker, label=name)
    axes[0].set_ylabel('loss (cross entropy, nats)')
    axes[1].set_ylabel('error rate')
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    for ax in axes:
        ax.set_xlabel('epoch')
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend()
    return axes


def show_accuracy(x, curves, xlabel, ax=None):
    """Draws one accuracy curve per network against a common setting.

    Args:
        x: The settings, M numbers.
        curves (dict): Name of the network: M accuracies in [0, 1]; at most 14 networks.
        xlabel (str): What the setting is, with its unit.
        ax: Matplotlib axes, or None for new ones.

    Returns:
        matplotlib.axes.Axes: The axes drawn on.

    Raises:
        ValueError: If there are no settings, no curves or more than 14, or one has not M points.
    """
    _check_number('curves', curves)
    if len(x) == 0:
        raise ValueError('x is empty; wanted at least one setting')
    for name, accuracy in curves.items():
        if len(accuracy) != len(x):
            raise ValueError(f'curves: {name!r} has {len(accuracy)} accuracies, and x {len(x)} settings')
    if ax is None:
        _, ax = plt.subplots(figsize=(4.5, 3.2))
    for (name, accuracy), marker in zip(curves.items(), _MARKERS):
        ax.plot(x, accuracy, marker=marker, label=name)
    ax.axhline(0.1, color='0.5', linewidth=1, linestyle='--')
    ax.text(x[0], 0.085, 'guessing', color='0.35', fontsize=9, va='top')
    if len(x) <= 10:
        ax.set_xticks(x)
    ax.set_xlabel(xlabel)
    ax.set_ylabel('accuracy on test digits')
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylim(0, 1.02)
    ax.legend()
    return ax


def show_costs(results, axes=None):
    """Draws the test error of networks against what they cost, side by side, a symbol for each network.

    Args:
        results (list of dict): One for each network, at most 14: ``'name'``, ``'accuracy'`` in [0, 1],
            ``'parameters'``, ``'macs'`` (multiply-adds for one image) and ``'seconds'`` of training.
        axes: Three matplotlib axes, or None for new ones.

    Returns:
        The three axes.

    Raises:
        ValueError: If ``results`` is empty or too long.
    """
    _check_number('results', results)
    if axes is None:
        _, axes = plt.subplots(1, 3, figsize=(8.6, 3.9), sharey=True)
    for i, result in enumerate(results):
        for ax, cost in zip(axes, ('parameters', 'macs', 'seconds')):
            ax.plot(result[cost], 1 - result['accuracy'], linestyle='', marker=_MARKERS[i], markersize=9,
                    color=f'C{i % 7}', label=result['name'])
    for ax, label in zip(axes, ('parameters', 'multiply-adds for one image', 'seconds of training')):
        ax.set_xscale('log')
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter('{x:g}' if ax is axes[2] else EngFormatter(sep=''))     # 200k, 1M
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel(label)
    axes[0].set_ylabel('error rate on test digits')
    axes[0].set_ylim(bottom=0)
    axes[0].yaxis.set_major_formatter(PercentFormatter(1))
    handles, names = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, names, loc='outside upper center', ncols=min(5, len(results)))
    return axes


def _check_number(name, networks):
    if not 1 <= len(networks) <= len(_MARKERS):
        raise ValueError(f'{name} must hold 1 to {len(_MARKERS)} networks; got {len(networks)}')
