"""How both sides train a small LeNet to 99% test accuracy: the digits of each step, and Adam's.

The step size rises over the first tenth of the run, and falls linearly to 0 over the rest.
"""

import numpy as np

EPOCHS = 4
BATCH_SIZE = 256
ALPHA = 6e-3
WARM_UP = .1


def steps(seed, n_example):
    """Yields the indexes of each batch, and Adam's step size for it."""
    rng = np.random.RandomState(seed)
    n_step = EPOCHS * (n_example // BATCH_SIZE)
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(n_example)
        for start in range(0, n_example - BATCH_SIZE + 1, BATCH_SIZE):
            done = step / n_step
            yield (order[start:start + BATCH_SIZE],
                   ALPHA * min(done / WARM_UP, (1 - done) / (1 - WARM_UP)))
            step += 1
