"""Work at arm's length: what comes back from a process that hangs, crashes or eats memory."""

import multiprocessing
import os
import sys
import time
import types

import numpy as np
import pytest

from birdsong.runs.isolation import Broken, Deadline, Done, run_isolated

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
    of_other_tests = multiprocessing.active_children()
    assert run_isolated(work, item, memory_bytes=memory_bytes) == outcome
    assert set(multiprocessing.active_children()) <= set(of_other_tests)


@pytest.mark.parametrize("n_bytes", [1, 10_000_000])
def test_a_process_that_cannot_start_is_reported(tmp_path, monkeypatch, n_bytes):
    broken = tmp_path / "main_of_someone.py"
    broken.write_text("raise SystemExit(7)")
    main = types.ModuleType("__main__")
    main.__file__ = str(broken)  # what a new process begins with
    monkeypatch.setitem(sys.modules, "__main__", main)
    outcome = run_isolated(len, bytes(n_bytes), memory_bytes=MEMORY_BYTES)
    assert outcome == Broken("its process ended with status 7")
