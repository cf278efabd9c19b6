"""Notebook 01."""

import math

import numpy

from nico2ai_cnn.exercises._says import Wrong, call, expect_array, says


@says
def check_mlp_parameters(mlp_parameters):
    """Notebook 01: the number of parameters of a perceptron."""
    for sizes in (784, 300, 100, 10), (3, 2), (784, 10), (2, 7, 5, 5, 1):
        got = call(mlp_parameters, sizes)
        weights = sum(a * b for a, b in zip(sizes[:-1], sizes[1:]))
        right = weights + sum(sizes[1:])
        what = f'mlp_parameters({sizes}) gives {got}'
        if numpy.shape(got):
            raise Wrong(f'{what}; wanted one number.')
        if got == right:
            continue
        hints = [(weights, 'these are the weights; each unit also has one bias.'),
                 (weights + len(sizes) - 1, 'one bias for each layer; wanted one for each unit.'),
                 (weights + sum(sizes), 'the inputs have no biases: they compute nothing.'),
                 (weights + sum(sizes[:-1]), 'a bias belongs to the unit that computes: of two sizes, the second.'),
                 (weights + sum(sizes[1:-1]), 'the units of the last layer have biases too.'),
                 (sum(sizes[1:]), 'these are the biases; the weights are missing.'),
                 (sum(sizes), 'this is the sum of the sizes; between two layers there is one weight for each pair '
                              'of units.'),
                 (math.prod(sizes), 'a weight joins two units in neighbouring layers: multiply two sizes at a '
                                    'time, and add up.')]
        for value, hint in hints:
            if got == value:
                raise Wrong(f'{what}: {hint}')
        raise Wrong(f'{what}; wanted {right}.')


@says
def check_relu_layer(relu_layer):
    """Notebook 01: a fully connected layer with ReLU, for a batch."""
    rng = numpy.random.default_rng(0)
    for n, inputs, units in (6, 4, 4), (3, 5, 2), (1, 3, 4):      # square first, so that W for W.T does not raise
        x = rng.integers(-4, 5, (n, inputs)).astype(numpy.float32)
        W = rng.integers(-4, 5, (units, inputs)).astype(numpy.float32)
        b = rng.integers(1, 5, units).astype(numpy.float32)
        a = x @ W.T + b
        right = numpy.maximum(0, a)
        hints = [(a, 'the ReLU is missing: there are negative numbers.'),
                 (numpy.maximum(0, a - b), 'the bias is missing.'),
                 (numpy.maximum(0, a - b) + b, 'the bias comes before the ReLU, not after it.'),
                 (numpy.maximum(0, a - 2 * b), 'the bias is subtracted; wanted added.'),
                 (abs(a), 'this takes the absolute value; ReLU makes negative numbers 0.'),
                 (numpy.minimum(0, a), 'only the negative numbers are left; ReLU keeps the positive ones.'),
                 (right.T, 'rows and columns are swapped: wanted one row for each input, (N, units).')]
        if inputs == units:
            hints.append((numpy.maximum(0, x @ W + b),
                          "a unit's weights are a row of W, not a column: multiply by W.T."))
        # A wrong way counts as wrong only where it does not give the right numbers.
        try:
            got = call(relu_layer, x.copy(), W.copy(), b.copy())
        except ValueError as error:
            if 'truth value' in str(error):
                raise Wrong("Python's max and if want one number; for an array use np.maximum.") from None
            if not any(word in str(error) for word in ('matmul', 'broadcast', 'not aligned')):
                raise
            raise Wrong(f'NumPy finds shapes that do not fit ({error}). W @ x is for one input; here the inputs are the '
                        f'rows of x, {x.shape}, and W is {W.shape}: which product has the shape (N, units)?') from None
        expect_array(got, right,
                     [(value, hint) for value, hint in hints if not numpy.array_equal(value, right)])


@says
def check_bump(bump):
    """Notebook 01: a bump between 1 and 3, of three ReLU units."""
    x = numpy.linspace(-1, 6, 29)

    def units(*weights):
        return sum(w * numpy.maximum(0, x - k) for w, k in zip(weights, (1, 2, 3)))

    right = units(1, -2, 1)
    expect_array(call(bump, x.copy()), right, [
        (units(1, -2), 'it goes on falling after x = 3; a third unit must bend it back.'),
        (units(1, -1), 'it stays at 1 after x = 2; there it must turn from rising to falling, a change of slope '
                       'by -2.'),
        (units(1), 'it rises for ever: that is the first unit alone.'),
        (units(1, -1, 1), 'after x = 2 it is level, and after x = 3 it rises: at 2 the slope must change by -2.'),
        (units(1, -1, -1), 'after x = 2 it is level, and after x = 3 it falls: the slope must change by -2 at 2, '
                           'and by +1 at 3.'),
        (units(1, -2, 2), 'after x = 3 it rises again: there the slope must change by 1 only.'),
        (units(1, 1, 1), 'all three units add up, so it never comes down.'),
        (-right, 'it hangs down: the signs are the wrong way round.'),
        (2 * right, 'it is 2 high; wanted 1.')])
    expect_array(call(bump, numpy.array([[1.5, 2.5], [2, 9]])), [[0.5, 0.5], [1, 0]])


CLAIMS = {
    'A': (True, 'A is the theorem of universal approximation (section 2).'),
    'B': (False, 'B: with 16 units good weights were there, made by hand; what failed to find them?'),
    'C': (False, 'C: between two layers that both double, how many weights are there then?'),
    'D': (False, 'D: think of the labels drawn by lot.'),
    'E': (True, 'E: think of the twin, whose first weights were shuffled too.')}


@says
def check_true_claims(true_claims):
    """Notebook 01: which of five claims are true."""
    got = call(true_claims)
    if not isinstance(got, (str, list, tuple, set, frozenset)):
        raise Wrong(f"it returns {got!r}; wanted letters, such as 'AB'.")
    letters = {letter for letter in ''.join(map(str, got)).upper() if letter.isalnum()}
    if letters - CLAIMS.keys():
        raise Wrong(f"there is no claim {', '.join(sorted(letters - CLAIMS.keys()))}; they are A to E.")
    for letter, (true, hint) in CLAIMS.items():
        if (letter in letters) != true:
            raise Wrong(f'{len(letters)} named, but not all is right yet. {hint}')
