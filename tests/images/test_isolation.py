"""Work at arm's length: what comes back from a process that hangs, crashes or eats memory."""

import multiprocessing
import os
import time

import numpy as np
import pytest

from birdsong.images.isolation import Broken, Deadline, Done, run_isolated

MEMORY_BYTES = 2**31


def double(item):
    return 2 * item


def hang(limit_s):
    with Deadline(limit_s):
        time.sleep(120)


def extended(limit_s):
    with Deadline(limit_s) as deadline:
        deadline.extend(60)
        time.sleep(3 * limit_s)
    time.sleep(2 * limit_s)  # nothing is left that could end it
    return "finished"


def crash(item):
    os.kill(os.getpid(), item)


def leave(item):
    os._exit(item)


def devour(n_bytes):
    return len(np.ones(n_bytes, np.uint8))


def complain(item):
    raise ValueError(f"cannot do {item}")


@pytest.mark.parametrize(
    ("work", "item", "outcome"),
    [
        (double, 21, Done(42)),
        (hang, 0.3, Broken("took too long and was stopped")),
        (extended, 0.3, Done("finished")),
        (crash, 11, Broken("its process was killed by signal 11 (Segmentation fault)")),
        (leave, 3, Broken("its process ended with status 3")),
        (devour, 2**30, Broken("needs more than 512 MB of memory")),
        (complain, "this", Broken("ValueError: cannot do this")),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_what_comes_back(work, item, outcome):
    memory_bytes = 2**29 if work is devour else MEMORY_BYTES
    assert run_isolated(work, item, memory_bytes=memory_bytes) == outcome
    assert multiprocessing.active_children() == []
