"""The Neocognitron (ネオコグニトロン; slide 55): S-cells and C-cells, learning without back-propagation.

K. Fukushima: Neocognitron: A self-organizing neural network model for a mechanism of pattern
recognition unaffected by shift in position. Biological Cybernetics 36, 1980. [1980]
K. Fukushima: Neocognitron for handwritten digit recognition. Neurocomputing 51, 2003. [2003]
K. Fukushima: Interpolating vectors for robust pattern recognition. Neural Networks 20, 2007. [2007]
K. Fukushima: Artificial vision by multi-layered neural networks: Neocognitron and its advances.
Neural Networks 37, 2013. [2013]
"""

import chainer
import chainer.functions as F
import numpy
from chainer.backends import cuda

from nico2ai_cnn import _checks
from nico2ai_cnn.links._neocognitron_rules import add_if_silent, compete, interpolate, of_length_1

_BATCH = 50             # digits computed at once; more would leave the cache


class Neocognitron(chainer.Chain):
    """Three stages of S-cells, which find features, and C-cells, which blur where they are.

    ====== ======================================================= ============
    layer  cells                                                   planes
    ====== ======================================================= ============
    S1     5x5, pad 3: edges of 8 directions, fixed                8 @ 30x30
    C1     5x5, stride 2                                           8 @ 15x15
    S2     5x5, learnt without labels (add-if-silent)              200 @ 15x15
    C2     7x7, stride 4                                           200 @ 4x4
    S3     all of C2, learnt with labels (competition)             some 1,000
    C3     one for each digit: the S3-cells between which it lies  10
    ====== ======================================================= ============

    Whose rules these are: S-cells as in [2013], the input's match less theta times its root mean square,
    so that a response grows with contrast (in [1980] and [2003] inhibition divides); C-cells, the root of a
    Gaussian mean of squares, [2013]; S1 fixed to edges, [2003]; S2 by add-if-silent, [2013]; S3 by supervised
    competition, [2003]; C3 by interpolating vectors, [2007].

    Where it departs from them: three stages for four, and no contrast-extracting layer before the first,
    for MNIST's digits are small and on black ground. Add-if-silent sees 8 windows of a digit, drawn where there
    is something, not all in turn. In the competition 200 digits see the same references before these
    move on. Interpolation is between the 8 nearest references of a class, not between all.

    Args:
        n_class (int): Number of classes.
        n_plane (int): The most planes of S2-cells that are learnt.
        rng (numpy.random.Generator): The order in which digits are seen, and where.

    Raises:
        TypeError: If ``rng`` is no generator, such as a seed.
        ValueError: If ``n_class`` or ``n_plane`` is not an integer of at least 1.
    """

    def __init__(self, n_class=10, n_plane=200, rng=None):
        super().__init__()
        _checks.positive_int('n_class', n_class)
        _checks.positive_int('n_plane', n_plane)
        self.n_class, self.n_plane = n_class, n_plane
        self._rng = _checks.generator(rng)
        with self.init_scope():
            self.add_persistent('edges', edges(n_direction=8, ksize=5, sigma=1.))
            self.add_persistent('features', None)       # (n_plane, 8, 5, 5), of length 1 each
            self.add_persistent('references', None)     # (n_reference, n_plane * 4 * 4), of length 1 each
            self.add_persistent('labels', None)         # (n_reference,)

    def learn(self, x, t, n_pass=2):
        """Learns layer by layer: S2 from 2,000 images alone, then S3 from all and their labels.

        What was learnt before is forgotten.

        Args:
            x: float32 images in [0, 1], ``(N, 1, 28, 28)``; white on black.
            t: ``(N,)`` integers in ``[0, n_class)``.
            n_pass (int): How often S3 sees each image.

        Returns:
            Neocognitron: itself.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape, holds nothing but black, or does not
                go with ``t``; or a label is out of range.
        """
        _checks.images(self, x, (1, 28, 28))
        _checks.positive_int('n_pass', n_pass)
        x, t = cuda.to_cpu(getattr(x, 'array', x)), cuda.to_cpu(numpy.asarray(t) if isinstance(t, list) else t)
        if t.shape != (len(x),) or t.dtype.kind not in 'iu':
            raise ValueError(f't must be {len(x)} integers, one for each image; got {t.dtype} of shape {t.shape}')
        _checks.labels(t, self.n_class, 't')
        if not numpy.isfinite(x).all():
            raise ValueError('x holds NaN or infinity')
        if not x.any():
            raise ValueError('x is all black: there is nothing to learn from')
        device = self.device
        self.to_device('@numpy')
        some = self._rng.choice(len(x), min(2000, len(x)), replace=False)
        self.features = add_if_silent(self._c1(x[some]), 5, .75, self.n_plane, self._rng)
        self.references, self.labels = compete(self._c2(x), t.astype(numpy.int32), n_pass, self._rng)
        self.to_device(device)
        return self

    def forward(self, x):
        """Returns how much each image resembles each class, ``(N, n_class)``, in [0, 1].

        Args:
            x: float32 images in [0, 1] of shape ``(N, 1, 28, 28)``.

        Raises:
            TypeError, ValueError: If ``x`` has another dtype or shape.
            RuntimeError: If it has not learnt yet.
        """
        _checks.images(self, x, (1, 28, 28))
        self._need('references')
        return chainer.Variable(interpolate(
            self._c2(getattr(x, 'array', x)), self.references, self.labels, self.n_class))

    def cells(self, x):
        """Returns what the cells answer: a dict of arrays ``(N, planes, H, W)`` of S1, C1, S2 and C2."""
        _checks.images(self, x, (1, 28, 28))
        self._need('features')
        x = getattr(x, 'array', x)
        s1 = s_cells(x, self.edges, theta=.2, pad=3)
        c1 = c_cells(s1, ksize=5, sigma=1.2, stride=2, pad=2)
        s2 = s_cells(c1, self.features, theta=.65, pad=2)
        return {'S1': s1, 'C1': c1, 'S2': s2, 'C2': c_cells(s2, ksize=7, sigma=2.2, stride=4, pad=3)}

    def serialize(self, serializer):
        """Saves or loads what was learnt, as ``chainer.serializers.save_npz`` and ``load_npz`` ask for."""
        if isinstance(serializer, chainer.Serializer):      # a writer, which cannot keep that there is nothing
            self._need('references')
        super().serialize(serializer)

    def _need(self, name):
        if getattr(self, name) is None:
            raise RuntimeError('this Neocognitron has not learnt yet: call its learn(x, t) first')

    def _c1(self, x):
        return _in_batches(lambda x: c_cells(s_cells(x, self.edges, .2, 3), 5, 1.2, 2, 2), x)

    def _c2(self, x):
        """Returns what C2 answers, ``(N, n_plane * 4 * 4)``, each of length 1 (or 0, if there is nothing)."""
        c2 = _in_batches(lambda x: self.cells(x)['C2'], x)
        return of_length_1(c2.reshape(len(c2), -1))


def edges(n_direction, ksize, sigma):
    """Returns filters ``(n_direction, 1, ksize, ksize)`` of length 1 for edges, all round the circle.

    They are a Gaussian's derivative; the first is for an edge that is bright on its right.
    """
    y, x = numpy.mgrid[:ksize, :ksize] - ksize // 2
    turns = 2 * numpy.pi * numpy.arange(n_direction)[:, None, None] / n_direction
    filters = (x * numpy.cos(turns) - y * numpy.sin(turns)) * numpy.exp(-(x ** 2 + y ** 2) / (2 * sigma ** 2))
    return of_length_1(filters.reshape(n_direction, -1)).reshape(n_direction, 1, ksize, ksize).astype('f')


def s_cells(h, references, theta, pad):
    """Returns S-cells' responses: (match - theta * length of the window) / (1 - theta), or 0.

    A cell fires if its window is like its reference: if the cosine of the two exceeds theta.

    Args:
        h: ``(N, C, H, W)`` responses of the layer below.
        references: ``(K, C, k, k)``, of length 1 each.
        theta (float): Threshold, in [0, 1).
        pad (int): Rings of 0 around h.
    """
    xp = cuda.get_array_module(h)
    match = F.convolution_2d(h, references, pad=pad).array
    ones = xp.ones((1, 1, *references.shape[2:]), 'f')
    energy = F.convolution_2d((h * h).sum(axis=1, keepdims=True), ones, pad=pad).array
    match -= theta * xp.sqrt(energy.clip(0, None))
    match *= 1 / (1 - theta)
    return xp.maximum(match, 0, out=match)


def c_cells(h, ksize, sigma, stride, pad):
    """Returns C-cells' responses: the root of a Gaussian-weighted mean of squares, plane by plane."""
    xp = cuda.get_array_module(h)
    taps = numpy.exp(-(numpy.arange(ksize) - ksize // 2) ** 2 / (2 * sigma ** 2))
    weights = xp.asarray(numpy.outer(taps, taps) / taps.sum() ** 2, 'f')[None, None]
    n, planes, *size = h.shape
    mean = F.convolution_2d((h * h).reshape(n * planes, 1, *size), weights, stride=stride, pad=pad).array
    return xp.sqrt(mean.clip(0, None)).reshape(n, planes, *mean.shape[2:])


def _in_batches(function, x):
    xp = cuda.get_array_module(x)
    return xp.concatenate([function(x[start:start + _BATCH]) for start in range(0, len(x), _BATCH)])
