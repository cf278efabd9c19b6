"""``inspection.summary``'s receptive fields against what moves when a pixel does."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest

from nico2ai_cnn import inspection, links
from tests.nets import Net, residual


def changes(model, shape, row_or_column, trials=20):
    """For each layer which units see which rows (columns) of the image: {name: (units, pixels)}."""
    rng = np.random.default_rng(0)
    axis, length = (2, shape[1]) if row_or_column == 'rows' else (3, shape[2])
    seen = {}
    for _ in range(trials):
        x = rng.standard_normal((1, *shape), dtype=np.float32)
        batch = np.repeat(x, length + 1, axis=0)
        for i in range(length):
            place = [i, slice(None), slice(None), slice(None)]
            place[axis] = i
            batch[tuple(place)] += 10 * rng.standard_normal(batch[tuple(place)].shape)
        with inspection.record(model) as activations, chainer.using_config('train', False):
            model(batch)
        for name, y in activations.items():
            moved = y[:-1] != y[-1]
            if y.ndim == 4:
                moved = moved.any(axis=(1, 5 - axis))
            else:
                moved = moved.any(axis=tuple(range(1, y.ndim)))[:, None]
            seen[name] = seen.get(name, False) | moved.T
    return seen


def one(value, axis):
    return value[axis] if isinstance(value, tuple) else value


def check_fields(model, shape, exact=True):
    summary = inspection.summary(model, shape)
    for axis, what in enumerate(('rows', 'columns')):
        measured = changes(model, shape, what)
        assert list(measured) == [row.name for row in summary]
        for row in summary:
            for unit, pixels in enumerate(measured[row.name]):
                first = one(row.start, axis) + unit * (one(row.jump, axis) or 0)
                inside = (np.arange(len(pixels)) >= first) & (
                    np.arange(len(pixels)) < first + one(row.receptive_field, axis))
                assert not (pixels & ~inside).any(), (row.name, unit)
                if exact and inside.any():  # the first and the last pixel of the field are seen
                    ends = np.flatnonzero(inside)[[0, -1]]
                    assert pixels[ends].all(), (row.name, unit, np.flatnonzero(pixels), ends)


def test_fields_of_lenet_are_what_is_seen():
    check_fields(links.LeNet(rng=np.random.default_rng(0)), (1, 28, 28))


def test_fields_of_lenet5_are_what_is_seen():
    check_fields(links.LeNet5(rng=np.random.default_rng(0)), (1, 28, 28))
    check_fields(links.LeNet5(rng=np.random.default_rng(0)), (1, 32, 32))


def branches():
    def forward(net, x):
        pooled = F.max_pooling_2d(x, 3, stride=1, pad=1)
        h = F.concat([net.one(x), net.five(F.relu(net.reduce(x))), pooled], axis=1)
        return net.dilated(F.leaky_relu(h))
    return Net(forward, one=L.Convolution2D(2, 3, 1), reduce=L.Convolution2D(2, 2, 1),
               five=L.Convolution2D(2, 4, 5, pad=2, groups=2),
               dilated=L.Convolution2D(9, 3, 3, pad=2, dilate=2, groups=3))


def lopsided():
    """Windows that are not square, an image cut and padded, branches that look aside."""
    def forward(net, x):
        h = net.conv(F.pad(x, ((0, 0), (0, 0), (3, 0), (0, 1)), 'constant')[:, :, 1:, 2::2])
        return h[:, :, :-2] + h[:, :, 2:]
    return Net(forward, conv=L.Convolution2D(2, 3, (3, 2), stride=(2, 1)))


@pytest.mark.parametrize('make, field, jump', [(residual, 15, 4), (branches, 9, 1), (lopsided, (7, 3), 2)])
def test_fields_of_branches_are_what_is_seen(make, field, jump):
    np.random.seed(0)
    model = make()
    check_fields(model, (2, 17, 15))
    last = inspection.summary(model, (2, 17, 15))[-1]
    assert (last.receptive_field, last.jump) == (field, jump)


def test_fields_of_deconvolution_and_of_what_mixes_all():
    def forward(net, x):
        h = F.unpooling_2d(net.up(net.down(x)), 2, cover_all=False)
        h = net.after(h)
        gate = F.sigmoid(F.average(h, axis=(2, 3), keepdims=True))
        h = h * F.broadcast_to(gate, h.shape)
        return net.fc(h)
    np.random.seed(0)
    model = Net(forward, down=L.Convolution2D(2, 3, 3, stride=2),
                up=L.Deconvolution2D(3, 2, 4, stride=2, pad=1),
                after=L.Convolution2D(2, 3, 3, pad=1), fc=L.Linear(3 * 28 * 28, 5))
    check_fields(model, (2, 15, 15), exact=False)
    summary = inspection.summary(model, (2, 15, 15))
    measured = changes(model, (2, 15, 15), 'rows')
    for row in summary:     # behind a deconvolution units do not all see equally much, and fields are bounds
        most = max(np.ptp(np.flatnonzero(pixels)) + 1 for pixels in measured[row.name])
        assert most <= row.receptive_field <= most + 2, row.name
    assert [(row.receptive_field, row.jump) for row in summary[:4]] == [(3, 2), (6, 1), (7, 0.5), (8, 0.5)]
    assert summary['/up'].macs == 3 * 7 * 7 * 2 * 16 and summary['/up'].parameters == 98
    assert all((row.receptive_field, row.jump) == (15, None) for row in summary[4:])


def test_field_is_the_extent_of_the_gradient():
    """Once more, by other means: what one unit's gradient reaches."""
    def forward(net, x):
        return net.c(F.average_pooling_2d(net.b(net.a(x)), 3, 2))
    positive = chainer.initializers.Uniform(1)
    model = Net(forward, a=L.Convolution2D(1, 2, 5, stride=2, initialW=positive),
                b=L.Convolution2D(2, 2, 3, dilate=3, pad=3, initialW=positive),
                c=L.Convolution2D(2, 1, 3, initialW=positive))
    x = chainer.Variable(np.ones((1, 1, 61, 61), 'f'))
    y = model(x)
    y.grad = np.zeros_like(y.array)
    y.grad[0, 0, 5, 4] = 1
    y.backward()
    rows, columns = (np.flatnonzero(x.grad[0, 0].any(axis=axis)) for axis in (1, 0))
    last = inspection.summary(model, (1, 61, 61))[-1]
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == last.receptive_field
    assert (rows[0], columns[0]) == (last.start + 5 * last.jump, last.start + 4 * last.jump)


def test_fields_of_alexnet_are_what_is_seen(rng):
    """At the border of one unit's field: the rows just inside it and just outside."""
    alexnet = links.AlexNet(rng=rng)
    summary = inspection.summary(alexnet, (3, 227, 227))
    x = rng.random((3, 227, 227), dtype=np.float32)
    for name in '/conv2', '/conv5', 'max_pooling_2d_3':
        row = summary[name]
        unit = row.out_shape[1] // 2
        first = row.start + unit * row.jump
        last = first + row.receptive_field - 1
        assert 0 <= first and last <= 226 or row.receptive_field > 190
        rows = [i for i in (first - 1, first, last, last + 1) if 0 <= i < 227]
        batch = np.stack([x] * (len(rows) + 1))
        for image, i in zip(batch, rows):
            image[:, i] = 100 * rng.standard_normal((3, 227))
        with inspection.record(alexnet) as activations, chainer.using_config('train', False):
            alexnet(batch)
        y = activations[name][:, :, unit]
        moved = [bool((each != y[-1]).any()) for each in y[:-1]]
        assert moved == [first <= i <= last for i in rows], name
