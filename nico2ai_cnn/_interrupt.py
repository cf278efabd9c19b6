"""Ctrl-C that waits for the end of a training step."""

import signal
import threading


class StopBetweenSteps:
    """Turns the first Ctrl-C into a wish, read between steps; a second one interrupts."""

    asked = False
    agreed = False      # by all processes, where there are several

    def __enter__(self):
        self._before = None
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and callable(signal.getsignal(signal.SIGINT)):  # not ignored
            self._before = signal.signal(signal.SIGINT, self._ask)

    def _ask(self, signum, frame):
        self.asked = True
        signal.signal(signal.SIGINT, self._before)

    def __exit__(self, *exception):
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
