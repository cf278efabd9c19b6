"""Run by ``mpiexec -n 2``: ChainerMN's batch normalisation of two halves of a batch is that of the batch."""

import nico2ai_cnn  # NOQA: F401  (before Chainer)
import chainer
import chainermn
import numpy

comm = chainermn.create_communicator('naive')
rng = numpy.random.RandomState(0)
x, gy = (rng.randn(20, 3, 5, 5).astype('f') for _ in range(2))
half = slice(10 * comm.rank, 10 * comm.rank + 10)
results = []
for link, part in ((chainermn.links.MultiNodeBatchNormalization(3, comm), half),
                   (chainer.links.BatchNormalization(3), slice(None))):
    link.cleargrads()
    of_part = chainer.Variable(x[part])
    y = link(of_part)
    y.grad = gy[part]
    y.backward()
    results.append((y.array, of_part.grad, link.avg_mean, link.gamma.grad, link.beta.grad))
(y, gx, mean, ggamma, gbeta), (y_joint, gx_joint, mean_joint, ggamma_joint, gbeta_joint) = results
# Of a parameter's gradients ChainerMN takes the mean, as its optimizer does.
for found, expected in ((y, y_joint[half]), (gx, gx_joint[half]), (mean, mean_joint), (ggamma, ggamma_joint / 2),
                        (gbeta, gbeta_joint / 2)):
    numpy.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
