"""One side of the benchmark: a process of its own that does what it is told, line by line.

It reads ``[name, arguments]`` as JSON from its standard input and answers with the result.
"""

import ctypes
import importlib
import json
import statistics
import sys
import time

side = importlib.import_module(sys.argv[1])
step = None


def prepare(function, **arguments):
    """Makes a step of one of the side's functions, and runs it until it is warm."""
    global step
    step = getattr(side, function)(**arguments)
    for _ in range(3):
        step()


def measure(at_least):
    """Returns the median seconds of a step, over ``at_least`` seconds and three steps."""
    seconds = []
    while len(seconds) < 3 or sum(seconds) < at_least:
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def peak_memory(function, **arguments):
    """Returns the bytes that one step takes at most, beyond what there is before it (Linux)."""
    tiny = {**arguments, 'in_channels': 2, 'out_channels': 2, 'size': 16, 'groups': 1}
    getattr(side, function)(**tiny)()  # loads what is loaded at the first use
    first_step = getattr(side, function)(**arguments)
    ctypes.CDLL(None).malloc_trim(0)  # gives back what was freed but kept
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')  # forgets the peak so far
    before = _status('VmRSS')
    first_step()
    return _status('VmHWM') - before


def _status(name):
    with open('/proc/self/status') as file:
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == '__main__':
    for line in sys.stdin:
        name, arguments = json.loads(line)
        function = globals().get(name) or getattr(side, name)
        print(json.dumps(function(**arguments)), flush=True)
