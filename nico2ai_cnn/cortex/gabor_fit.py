"""How much a filter resembles a Gabor: the best one, and what it leaves over."""

import functools
import typing

import numpy
import scipy.optimize

from nico2ai_cnn.transforms._batch import in_memory


_N_START = 3


class GaborFit(typing.NamedTuple):
    """A Gabor with the names, units and signs of :func:`nico2ai_cnn.filters.gabor`, and how well it fits."""

    amplitude: float
    """Of the wave, in units of the filter; not negative."""
    x: float
    """Of the window's middle, in pixels to the right of the filter's middle."""
    y: float
    """The same, downwards."""
    wavelength: float
    """From bright stripe to bright stripe, in pixels."""
    angle: float
    """Direction across the stripes, in degrees counter-clockwise from the x axis, in [0, 180)."""
    phase: float
    """In degrees, in [-180, 180)."""
    sigma: float
    """Of the Gaussian window across the stripes, in pixels."""
    aspect: float
    """sigma across the stripes over sigma along them."""
    offset: float
    """The constant that was fitted along with it, in units of the filter."""
    image: numpy.ndarray
    """The fitted Gabor and constant, ``(H, W)``."""
    residual: float
    """Sum of squared differences over that from the filter's mean: 0 is a Gabor, 1 nothing like one."""


def fit_gabor(kernel):
    """Fits a Gabor to a filter by least squares, from the three best of several thousand starts.

    A cell of V1 does much the same as a Gabor (Jones & Palmer, J. Neurophysiol. 58(6), 1987).
    Nine numbers are fitted: the Gabor's eight and a constant. So the residual of a small
    filter is small by chance: compare it with that of random filters *of the same size*.

    The window's middle stays inside the filter; its sigmas lie between half a pixel and the
    filter's longer side, the wavelength between 2 pixels and twice that side.

    Args:
        kernel: ``(H, W)`` array, both at least 4. One on a GPU is copied: the fit is the CPU's.

    Returns:
        GaborFit: The best Gabor's eight numbers, the constant, the image and the residual.

    Raises:
        ValueError: If ``kernel`` is of another shape, constant, or holds NaN or infinity.
    """
    kernel = in_memory(kernel, float)
    if kernel.ndim != 2 or min(kernel.shape) < 4:
        raise ValueError('kernel must have shape (H, W), both at least 4, for nine numbers are fitted; '
                         f'got {kernel.shape}')
    if not numpy.isfinite(kernel).all():
        raise ValueError('kernel holds NaN or infinity')
    scale = kernel.std()
    if scale <= 1e-6 * abs(kernel).max():
        raise ValueError(f'kernel is constant ({kernel[0, 0]:g} everywhere): there is nothing to fit')
    wanted = (kernel - kernel.mean()).ravel() / scale
    problem = _Problem(wanted, *_grid(*kernel.shape))
    low, high = _bounds(*kernel.shape)
    fits = [scipy.optimize.least_squares(
        problem.residual, numpy.clip(start, low + 1e-6, high - 1e-6), problem.jacobian, (low, high),
        x_scale=numpy.minimum(high - low, numpy.pi), xtol=1e-7, ftol=1e-7, gtol=1e-7, max_nfev=60)
        for start in _starts(wanted, *kernel.shape)]
    best = min(fits, key=lambda fit: fit.cost)
    (x, y, angle, frequency, across, along), (even, odd, offset) = best.x, problem.linear(best.x)
    angle, phase = numpy.rad2deg(angle), numpy.rad2deg(numpy.arctan2(-odd, even))
    if angle // 180 % 2:        # turned by 180 degrees the stripes are the same, from the other side
        phase = -phase
    image = (wanted - best.fun).reshape(kernel.shape) * scale + kernel.mean()
    return GaborFit(
        float(scale * numpy.hypot(even, odd)), float(x), float(y), 2 * numpy.pi / float(frequency),
        float(angle % 180), float((phase + 180) % 360 - 180), float(across), float(across / along),
        float(scale * offset + kernel.mean()), image, float((best.fun ** 2).mean()))


class _Problem:
    """Given the six numbers that stand inside functions, the other three (cosine, sine, constant)
    are a linear problem: solved at each step, so that only six are searched (Golub & Pereyra 1973)."""

    def __init__(self, wanted, x, y):
        self._wanted, self._x, self._y = wanted, x, y
        self._at = None

    def _solve(self, parameters):
        if self._at is not None and numpy.array_equal(self._at, parameters):
            return
        self._at = parameters.copy()
        x0, y0, angle, frequency, across, along = parameters
        dx, dy = self._x - x0, self._y - y0
        self.u = dx * numpy.cos(angle) - dy * numpy.sin(angle)      # y points down
        self.v = dx * numpy.sin(angle) + dy * numpy.cos(angle)
        self.window = numpy.exp(-(self.u / across) ** 2 / 2 - (self.v / along) ** 2 / 2)
        self.cos, self.sin = numpy.cos(frequency * self.u), numpy.sin(frequency * self.u)
        columns = numpy.stack([self.window * self.cos, self.window * self.sin, numpy.ones_like(self.u)], axis=1)
        self.q, self.r = numpy.linalg.qr(columns)
        self.projected = self.q.T @ self._wanted

    def residual(self, parameters):
        self._solve(parameters)
        return self._wanted - self.q @ self.projected

    def linear(self, parameters):
        self._solve(parameters)
        return numpy.linalg.lstsq(self.r, self.projected, rcond=1e-10)[0]

    def jacobian(self, parameters):
        """Kaufman's (1975): the part that the linear numbers can make up for is taken out."""
        even, odd, _ = self.linear(parameters)
        _, _, angle, frequency, across, along = parameters
        gabor = self.window * (even * self.cos + odd * self.sin)
        turned = self.window * (odd * self.cos - even * self.sin)
        by_u = frequency * turned - gabor * self.u / across ** 2
        by_v = -gabor * self.v / along ** 2
        cos, sin = numpy.cos(angle), numpy.sin(angle)
        by_all = numpy.stack([
            -by_u * cos - by_v * sin, by_u * sin - by_v * cos, by_v * self.u - by_u * self.v,
            self.u * turned, gabor * self.u ** 2 / across ** 3, gabor * self.v ** 2 / along ** 3], axis=1)
        return self.q @ (self.q.T @ by_all) - by_all


def _grid(height, width):
    y, x = numpy.mgrid[:height, :width].astype(float)
    return (x - (width - 1) / 2).ravel(), (y - (height - 1) / 2).ravel()


def _bounds(height, width):
    """Of x, y, angle (free), angular frequency, and the two sigmas."""
    side = max(height, width)
    low = [-(width - 1) / 2, -(height - 1) / 2, -numpy.inf, numpy.pi / side, 0.5, 0.5]
    high = [(width - 1) / 2, (height - 1) / 2, numpy.inf, numpy.pi, side, side]
    return numpy.array(low), numpy.array(high)


@functools.lru_cache(maxsize=8)
def _bank(height, width):
    """Returns Gabors on a coarse grid: their numbers (n, 6), and orthonormal bases (n, 2, pixels)."""
    x, y = _grid(height, width)
    side = max(height, width)
    values = [numpy.linspace(-0.35, 0.35, 5) * width, numpy.linspace(-0.35, 0.35, 5) * height,
              numpy.arange(8) * numpy.pi / 8, 2 * numpy.pi / numpy.geomspace(2.5, 1.5 * side, 6),
              side * numpy.array([0.12, 0.25]), side * numpy.array([0.15, 0.35])]
    numbers = numpy.stack(numpy.meshgrid(*values, indexing='ij'), axis=-1).reshape(-1, 6)
    x0, y0, angle, frequency, across, along = numbers.T[:, :, None]
    u = (x - x0) * numpy.cos(angle) - (y - y0) * numpy.sin(angle)
    v = (x - x0) * numpy.sin(angle) + (y - y0) * numpy.cos(angle)
    window = numpy.exp(-(u / across) ** 2 / 2 - (v / along) ** 2 / 2)
    even, odd = window * numpy.cos(frequency * u), window * numpy.sin(frequency * u)
    even -= even.mean(axis=1, keepdims=True)        # for the constant is fitted too
    odd -= odd.mean(axis=1, keepdims=True)
    even /= numpy.linalg.norm(even, axis=1, keepdims=True)
    odd -= (even * odd).sum(axis=1, keepdims=True) * even
    odd /= numpy.linalg.norm(odd, axis=1, keepdims=True)
    return numbers, numpy.stack([even, odd], axis=1).astype(numpy.float32)


def _starts(wanted, height, width):
    """Returns the best Gabor of the bank, and the best at other angles."""
    numbers, bases = _bank(height, width)
    explained = ((bases @ wanted.astype(numpy.float32)) ** 2).sum(axis=1)
    by_angle = [numpy.flatnonzero(numbers[:, 2] == angle) for angle in numpy.unique(numbers[:, 2])]
    best = [group[explained[group].argmax()] for group in by_angle]
    return numbers[sorted(best, key=lambda i: -explained[i])[:_N_START]]
