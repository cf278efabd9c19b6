import math

import numpy as np
import pytest

from nico2ai_cnn import exercises


def weights(sizes):
    return sum(a * b for a, b in zip(sizes[:-1], sizes[1:]))


def relu(a):
    return np.maximum(0, a)


WRONG = [
    (exercises.check_relu_layer, lambda x, W, b: max(0, x @ W.T + b), 'use np.maximum'),
    (exercises.check_mlp_parameters, lambda s: weights(s) + sum(s[:-1]), 'of two sizes, the second'),
    (exercises.check_relu_layer, lambda x, W, b: relu(W @ x + b), 'which product has the shape (N, units)'),
    (exercises.check_relu_layer, lambda x, W, b: relu(W @ x.T + b), 'which product has the shape (N, units)'),
    (exercises.check_mlp_parameters, weights, 'each unit also has one bias'),
    (exercises.check_mlp_parameters, lambda s: weights(s) + len(s) - 1, 'wanted one for each unit'),
    (exercises.check_mlp_parameters, lambda s: weights(s) + sum(s), 'the inputs have no biases'),
    (exercises.check_mlp_parameters, lambda s: weights(s) + sum(s[1:-1]), 'the last layer have biases too'),
    (exercises.check_mlp_parameters, lambda s: math.prod(s), 'multiply two sizes at a time'),
    (exercises.check_mlp_parameters, lambda s: 266610, 'gives 266610; wanted 8'),
    (exercises.check_mlp_parameters, lambda s: [a * b + b for a, b in zip(s[:-1], s[1:])], 'wanted one number'),
    (exercises.check_relu_layer, lambda x, W, b: x @ W.T + b, 'the ReLU is missing'),
    (exercises.check_relu_layer, lambda x, W, b: relu(x @ W.T), 'the bias is missing'),
    (exercises.check_relu_layer, lambda x, W, b: relu(x @ W.T) + b, 'before the ReLU'),
    (exercises.check_relu_layer, lambda x, W, b: relu(x @ W + b), 'multiply by W.T'),
    (exercises.check_relu_layer, lambda x, W, b: relu(x @ W.T + b).T, 'rows and columns are swapped'),
    (exercises.check_relu_layer, lambda x, W, b: abs(x @ W.T + b), 'the absolute value'),
    (exercises.check_relu_layer, lambda x, W, b: np.stack([relu(W @ x[0] + b)] * len(x)), 'at index'),
    (exercises.check_bump, lambda x: relu(x - 1) - 2 * relu(x - 2), 'goes on falling'),
    (exercises.check_bump, lambda x: relu(x - 1) - relu(x - 2), 'stays at 1 after'),
    (exercises.check_bump, lambda x: relu(x - 1) + relu(x - 2) + relu(x - 3), 'never comes down'),
    (exercises.check_bump, lambda x: 2 * relu(x - 2) - relu(x - 1) - relu(x - 3), 'it hangs down'),
    (exercises.check_bump, lambda x: relu(x + 1) - 2 * relu(x) + relu(x - 1), 'the shape is right, but'),
    (exercises.check_bump, lambda x: 1.0, 'the result has shape ()'),
    (exercises.check_true_claims, lambda: 'A', 'the twin'),
    (exercises.check_true_claims, lambda: ['B', 'A', 'E'], 'good weights were there'),
    (exercises.check_true_claims, lambda: 'ACE', 'both double'),
    (exercises.check_true_claims, lambda: {'A', 'D', 'E'}, 'drawn by lot'),
    (exercises.check_true_claims, lambda: '', 'the theorem'),
    (exercises.check_true_claims, lambda: 'A, F', 'there is no claim F'),
    (exercises.check_true_claims, lambda: True, 'wanted letters')]


@pytest.mark.parametrize('check, answer, message', WRONG)
def test_wrong_answers(check, answer, message, capsys):
    check(answer)
    out = capsys.readouterr().out
    assert out.startswith('✗ ') and message in out


@pytest.mark.parametrize('answer', ['AE', 'ea', ['A', 'E'], {'E', 'A'}, 'A, E'])
def test_claims_may_be_written_in_several_ways(answer, capsys):
    exercises.check_true_claims(lambda: answer)
    assert capsys.readouterr().out == '✓ <lambda>: right.\n'
