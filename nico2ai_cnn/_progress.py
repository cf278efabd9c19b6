"""The progress bar and the table of epochs that ``fit`` shows."""

import sys

from chainer import training
from tqdm import tqdm

_COLUMNS = (('train loss', 'main/loss', '{:.4f}'),
            ('train acc', 'main/accuracy', '{:.2%}'),
            ('test loss', 'validation/main/loss', '{:.4f}'),
            ('test acc', 'validation/main/accuracy', '{:.2%}'))


class Progress(training.Extension):
    """One bar for the whole run, and one printed line per epoch.

    In a notebook the bar is a line of text that updates itself and ends empty, so
    that a stored notebook keeps the table alone. Where standard error is neither
    a terminal nor a notebook there is no bar.

    Args:
        epochs (int), n_step (int): The length of the run.
        log (chainer.training.extensions.LogReport): Where the figures come from;
            it must be called before this extension.
        with_test (bool): Whether the figures of a test set are there.
    """

    priority = training.PRIORITY_READER

    def __init__(self, epochs, n_step, log, with_test):
        self._epochs = epochs
        self._n_step = n_step
        self._log = log
        self._columns = _COLUMNS if with_test else _COLUMNS[:2]

    def initialize(self, trainer):
        self._in_notebook = _in_notebook()
        self._bar = tqdm(total=self._n_step, initial=trainer.updater.iteration, unit='step',
                         leave=False, file=_NotebookLine() if self._in_notebook else None,
                         ncols=79, nrows=20, mininterval=0.5,
                         disable=False if self._in_notebook else None)
        self._describe(trainer)
        self._print('epoch  ' + ''.join(f'{name:>12}' for name, _, _ in self._columns)
                    + f'{"seconds":>10}')

    def __call__(self, trainer):
        self._bar.update(trainer.updater.iteration - self._bar.n)
        if trainer.updater.is_new_epoch:
            entry = self._log.log[-1]
            self._print(f'{entry["epoch"]:5}  '
                        + ''.join(f'{form.format(entry[key]):>12}' for _, key, form in self._columns)
                        + f'{entry["elapsed_time"]:10.1f}')
            self._describe(trainer)

    def finalize(self):
        if hasattr(self, '_bar'):
            self._bar.close()

    def _describe(self, trainer):
        epoch = min(trainer.updater.epoch + 1, self._epochs)
        self._bar.set_description(f'epoch {epoch}/{self._epochs}')

    def _print(self, line):
        if self._in_notebook:
            print(line)
        else:
            self._bar.write(line, file=sys.stdout)


class _NotebookLine:
    """A file of one line, shown in the output of the running cell."""

    encoding = 'utf-8'  # tqdm draws with block characters then

    def __init__(self):
        from IPython.display import display
        self._handle = display({'text/plain': ''}, raw=True, display_id=True)

    def write(self, text):
        self._handle.update({'text/plain': text.strip()}, raw=True)

    def flush(self):
        pass


def _in_notebook():
    if 'IPython' not in sys.modules:
        return False
    shell = sys.modules['IPython'].get_ipython()
    return hasattr(shell, 'kernel')
