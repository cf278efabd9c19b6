"""What ``fit`` says when a batch is too large for the memory."""

import contextlib
import traceback

from chainer.backends import cuda

from nico2ai_cnn.gpu._recording import free_retired


@contextlib.contextmanager
def explained(classifier, batch_of, batch_size, least, updater):
    """Lets a MemoryError within name the largest of ``batch_size / 2``, ``/ 4``, ... that fits, which it tries.

    Args:
        classifier (chainer.links.Classifier): Keeps its parameters, and batch normalisation's means.
        batch_of: Function of a number of examples that returns what ``classifier`` takes.
        batch_size (int): What may be too much.
        least (int): What is not worth trying less than.
        updater (chainer.training.Updater): Counts the steps.
    """
    try:
        yield
    except MemoryError as error:
        within = error
        while within is not None:
            traceback.clear_frames(within.__traceback__)    # they hold the step's arrays
            within = within.__context__
        classifier.cleargrads()
        free_retired()
        classifier.y = classifier.loss = classifier.accuracy = None     # and these its graph
        memory = _memory(classifier)
        fits = batch_size // 2
        while fits >= least and not _fits(classifier, batch_of, fits):
            fits //= 2
        advice = f'batch_size={fits} fits, a step with it was tried' if fits >= least else 'not even one example fits'
        raise MemoryError(
            f'out of memory in step {updater.iteration + 1} with batch_size={batch_size}{memory}; {advice}. The model '
            f'keeps the parameters from before this step. ({" ".join(str(error).split())})') from None


def _fits(classifier, batch_of, n):
    trial = classifier.copy(mode='copy')
    try:
        trial(*batch_of(n)).backward()
    except MemoryError:
        return False
    return True


def _memory(classifier):
    if classifier.xp is not cuda.cupy:
        return ''
    cuda.cupy.get_default_memory_pool().free_all_blocks()
    free, total = cuda.cupy.cuda.runtime.memGetInfo()
    return f': of the {total / 2 ** 30:.1f} GiB of the GPU, {free / 2 ** 30:.1f} are free for it'
