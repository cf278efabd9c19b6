"""How the Neocognitron's layers learn, and how it decides; the papers stand in neocognitron.py."""

import numpy
from chainer.backends import cuda

_NEAREST = 8            # references of a class between which is interpolated


def add_if_silent(h, ksize, theta, n_most, rng, n_window=8):
    """Learns references: whenever a window excites no cell that is there, a cell is made of it. No labels.

    Args:
        h: ``(N, C, H, W)`` responses of the layer below.
        ksize (int): Of the windows.
        theta (float): A cell is silent where the cosine of reference and window is below this.
        n_most (int): With so many cells, learning ends.
        rng: ``numpy.random.Generator``.
        n_window (int): Windows of an image that are looked at, drawn where there is something.

    Returns:
        numpy.ndarray: ``(K, C, ksize, ksize)``, of length 1 each.
    """
    windows = numpy.lib.stride_tricks.sliding_window_view(h, (ksize, ksize), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
    references = numpy.empty((n_most, h.shape[1] * ksize ** 2), 'f')
    n = 0
    for image in windows:
        image = image.reshape(-1, references.shape[1])
        length = numpy.sqrt((image ** 2).sum(axis=1))
        something = numpy.flatnonzero(length > .3 * length.max())
        for i in rng.choice(something, min(n_window, len(something)), replace=False):
            window = image[i] / length[i]
            if n < n_most and (n == 0 or (references[:n] @ window).max() < theta):
                references[n] = window
                n += 1
    return references[:n].reshape(n, h.shape[1], ksize, ksize)


def compete(x, t, n_pass, rng, n_at_once=200):
    """Learns references with labels: the nearest one moves towards x if it has x's label; else x becomes one.

    Args:
        x: ``(N, D)``, of length 1 each.
        t: ``(N,)`` labels.
        n_pass (int): How often each x is seen.
        rng: ``numpy.random.Generator``.
        n_at_once (int): After so many, the references move to the mean of what they have won.

    Returns:
        tuple: References ``(K, D)``, of length 1 each, and their labels ``(K,)``.
    """
    n, sums, references, labels = 0, *(numpy.empty((1024, x.shape[1]), 'f') for _ in range(2)), numpy.empty(0, t.dtype)
    for _ in range(n_pass):
        order = rng.permutation(len(x))
        for start in range(0, len(order), n_at_once):
            chosen = order[start:start + n_at_once]
            matches, among = x[chosen] @ references[:n].T, x[chosen] @ x[chosen].T
            won, made = set(), []
            for i, example in enumerate(chosen):
                old = int(matches[i].argmax()) if n else -1
                new = max(made, key=lambda j: among[i, j], default=-1)
                is_new = new >= 0 and (old < 0 or among[i, new] > matches[i, old])
                winner = t[chosen[new]] if is_new else labels[old] if old >= 0 else None
                if winner != t[example]:
                    made.append(i)
                elif not is_new:
                    sums[old] += x[example]
                    won.add(old)
            if n + len(made) > len(sums):
                sums, references = (numpy.concatenate([each, numpy.empty_like(each)]) for each in (sums, references))
            sums[n:n + len(made)] = x[chosen[made]]
            changed = [*won, *range(n, n + len(made))]
            references[changed] = of_length_1(sums[changed])
            labels, n = numpy.concatenate([labels, t[chosen[made]]]), n + len(made)
    return references[:n].copy(), labels


def interpolate(x, references, labels, n_class):
    """Returns for each class the cosine of x and the plane of the two references that it lies best between.

    Args:
        x: ``(N, D)``, of length 1 each.
        references, labels: As :func:`compete` returns them.
        n_class (int): Number of classes.

    Returns:
        Array ``(N, n_class)``; 0 for a class without references.
    """
    xp = cuda.get_array_module(x)
    y = xp.zeros((len(x), n_class), 'f')
    for label in range(n_class):
        own = references[labels == label]
        if len(own) == 0:
            continue
        matches = x @ own.T
        between = own @ own.T
        nearest = xp.argsort(-matches, axis=1)[:, :_NEAREST]
        match = xp.take_along_axis(matches, nearest, axis=1)
        best = match[:, 0]
        for j in range(1, nearest.shape[1]):
            for i in range(j):
                a, b, cos = match[:, i], match[:, j], between[nearest[:, i], nearest[:, j]]
                is_between = (a > cos * b) & (b > cos * a) & (cos < .999)
                cosine = xp.sqrt((a * a + b * b - 2 * cos * a * b).clip(0, None) / (1 - cos * cos).clip(1e-6, None))
                best = xp.where(is_between, xp.maximum(best, cosine), best)
        y[:, label] = best
    return y


def of_length_1(x):
    """Returns the rows of x, each divided by its length; rows of 0 stay so."""
    return x / numpy.maximum(1e-12, (x * x).sum(axis=1, keepdims=True) ** .5)
