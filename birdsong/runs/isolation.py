"""Work on one file at arm's length: in a process of its own, with limits in time and memory.

A decoder that hangs or crashes on a damaged file takes its process with it. joblib can neither
stop nor replace a single task, so what broke a batch is done here once more, alone.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_LONGEST_S = 1e8  # three years; the system's clock ends where more were added
OVERTIME_STATUS = 1
"""What a process ends with when `Deadline` ends it."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What came of the work."""

    result: Result


@dataclass(frozen=True, slots=True)
class Broken:
    """Why there is no result: a sentence."""

    reason: str


class Deadline:
    """Ends this process if the work takes longer, even within a library that never returns.

    For worker processes only: the whole process ends with `OVERTIME_STATUS`, and whoever waits for
    it sees that.

    Parameters
    ----------
    limit_s : float
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    def __enter__(self) -> Self:
        self._nowhere = open(os.devnull, "w")  # closed when the work is done
        self._set()
        return self

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._nowhere.close()

    def extend(self, more_s: float) -> None:
        """Allow more seconds, counted with the limit from now on."""
        self._limit_s += more_s
        self._set()

    def _set(self) -> None:
        faulthandler.dump_traceback_later(
            min(self._limit_s, _LONGEST_S), exit=True, file=self._nowhere
        )


def run_isolated(
    work: Callable[[Item], Result], item: Item, *, memory_bytes: int
) -> Done[Result] | Broken:
    """Do one piece of work in a process of its own.

    Parameters
    ----------
    work : callable
        Can be pickled; ends its process by a `Deadline` where it takes too long.
    item : object
        What it is called with; it and the result are pickled on their way.
    memory_bytes : int
        Memory that the process may ask for, where the system can limit it.

    Returns
    -------
    Done or Broken
        `Broken` says whether time or memory ran out, or the process crashed.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work_and_send, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that its end is seen when the process ends
    try:
        # Not as arguments: Python would never end writing them to a process that ends as it starts.
        ours.send((work, item, memory_bytes))
        kind, value = ours.recv()
    except (EOFError, OSError):  # it ended without a result
        process.join()
        return Broken(_end_in_words(process.exitcode))
    finally:
        process.kill()
        process.join()
        ours.close()
    if kind == "memory":
        return Broken(f"needs more than {memory_bytes // 2**20} MB of memory")
    if kind == "error":
        return Broken(str(value))
    return Done(value)


def _work_and_send(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever waits decides
    work, item, memory_bytes = connection.recv()
    _limit_memory(memory_bytes)
    try:
        answer: tuple[str, object] = ("done", work(item))
    except MemoryError:
        answer = ("memory", None)
    except Exception as error:  # crosses the border as a sentence
        answer = ("error", f"{type(error).__name__}: {error}")
    connection.send(answer)


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, n_bytes))


def _end_in_words(status: int | None) -> str:
    if status == OVERTIME_STATUS:
        return "took too long and was stopped"
    if status is not None and status < 0:
        return f"its process was killed by signal {-status} ({signal.strsignal(-status)})"
    return f"its process ended with status {status}"
