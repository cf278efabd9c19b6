"""Several processes that share each batch, through a ChainerMN communicator."""

import numpy
from chainer import training


class Processes:
    """This process and the others; without a communicator, this one alone.

    Args:
        comm: What ``chainermn.create_communicator`` returns, or None.
    """

    def __init__(self, comm):
        self._comm = comm
        self.rank, self.size = (0, 1) if comm is None else (comm.rank, comm.size)

    def share(self, items):
        """Returns this process's part of a sequence."""
        return items[self.rank::self.size]

    def batch_size(self, batch_size, n_example, test):
        """Returns how many training examples all processes together take in a step.

        Raises:
            ValueError: If they cannot all take equally many: their gradients would weigh differently.
        """
        if batch_size % self.size:
            raise ValueError(f'batch_size is what all processes take together, so it must be a multiple of their '
                             f'number, {self.size}; got {batch_size}')
        for name, n in ('train', n_example), ('test', self.size if test is None else len(test)):
            if n < self.size:
                raise ValueError(f'{name} has {n} examples; wanted at least one for each of {self.size} processes')
        return min(batch_size, n_example - n_example % self.size)

    def seed(self, *seeds):
        """Returns a seed of this process's own; the first one's is the first of ``seeds`` itself."""
        return seeds[0] if self.rank == 0 else int(numpy.random.SeedSequence([*seeds, self.rank]).generate_state(1)[0])

    def mean(self, *values, weight=1.):
        """Returns the means of each value over the processes, which all call this at once."""
        if self.size == 1:
            return values
        sums = weight * numpy.array([*values, 1.])
        total = numpy.empty_like(sums)
        self._comm.mpi_comm.Allreduce(sums, total)
        return tuple(total[:-1] / total[-1])

    def start_equal(self, optimizer):
        """Gives all processes the first one's parameters, and lets the optimizer step along the mean gradient."""
        if self.size == 1:
            return
        self._comm.bcast_data(optimizer.target)

        def mean_gradient(optimizer):
            self._comm.multi_node_mean_grad(optimizer.target)

        mean_gradient.timing = 'pre'
        optimizer.add_hook(mean_gradient, 'mean_gradient')
        optimizer._hookable._pre_update_hooks.move_to_end('mean_gradient', last=False)  # clipping wants the mean's norm

    def part(self, optimizer):
        """Takes back what :meth:`start_equal` did to the optimizer."""
        if self.size > 1:
            optimizer.remove_hook('mean_gradient')

    def stop_now(self, stop):
        """Returns whether to stop: at one's own wish alone, or at what all have agreed on after the latest step."""
        return stop.asked if self.size == 1 else stop.agreed

    def extend(self, trainer, model, stop):
        """Lets the processes agree on what is reported, on batch normalisation's means, and on when to stop."""
        if self.size > 1:
            from chainermn.extensions import AllreducePersistent    # here, for it imports mpi4py
            trainer.extend(_Agree(self, stop))
            trainer.extend(AllreducePersistent(model, self._comm))


class _Agree(training.Extension):
    trigger = 1, 'iteration'
    priority = training.PRIORITY_EDITOR

    def __init__(self, processes, stop):
        self._processes, self._stop = processes, stop

    def __call__(self, trainer):
        names = sorted(name for name in trainer.observation if name.startswith('main/'))
        *means, asked = self._processes.mean(
            *(float(getattr(trainer.observation[name], 'array', trainer.observation[name])) for name in names),
            float(self._stop.asked))
        trainer.observation.update(zip(names, means))
        self._stop.agreed = asked > 0       # one asked: all stop, after the same step
