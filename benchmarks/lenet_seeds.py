"""Test accuracy of notebook 07's LeNet, trained as there, for each of five seeds.

Run from the top folder:  .venv/bin/python benchmarks/lenet_seeds.py
"""

import numpy as np

from nico2ai_cnn import datasets, links, training

train, test = datasets.get_mnist(ndim=3)
for seed in range(5):
    lenet = links.LeNet(rng=np.random.default_rng(seed))
    log = training.fit(lenet, train, epochs=5, batch_size=128, seed=seed, progress=False)
    accuracy = training.evaluate(lenet, test)['accuracy']
    print(f'seed {seed}: {accuracy:.2%} in {log[-1]["elapsed_time"]:.0f} s', flush=True)
