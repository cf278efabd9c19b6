"""How both sides train a small LeNet to 99% test accuracy: the digits of each step, and Adam's.

The step size rises over the first 15% of the run, and falls linearly to 0 over the rest.
"""

import numpy as np

EPOCHS = 3
BATCH_SIZE = 192
ALPHA = 5e-3
BETA2 = .99    # so short a run is over before Adam's usual .999 has forgotten its beginning
WARM_UP = .15


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
