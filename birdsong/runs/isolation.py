"""Work on one file in a process of its own, with limits of time and memory.

A decoder that hangs or crashes on a damaged file takes its process with it. joblib can neither stop
nor replace a single task, so the files of a broken batch are done again here, one by one.
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

_MAX_LIMIT_S = 1e8  # three years; larger values overflow the system's clock
OVERTIME_STATUS = 1
"""Exit status of a process that `Deadline` ends."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """The result of finished work."""

    result: Result


@dataclass(frozen=True, slots=True)
class Broken:
    """The reason why there is no result, as a sentence."""

    reason: str


class Deadline:
    """Ends this process if the work takes too long, even within a library that never returns.

    For worker processes only: the whole process ends with `OVERTIME_STATUS`.

    Parameters
    ----------
    limit_s : float
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s

    def __enter__(self) -> Self:
        self._devnull = open(os.devnull, "w")  # closed when the work is done
        self._set()
        return self

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._devnull.close()

    def extend(self, more_s: float) -> None:
        """Allow more seconds, and count the whole limit from now on."""
        self._limit_s += more_s
        self._set()

    def _set(self) -> None:
        faulthandler.dump_traceback_later(
            min(self._limit_s, _MAX_LIMIT_S), exit=True, file=self._devnull
        )


def run_isolated(
    work: Callable[[Item], Result], item: Item, *, memory_bytes: int
) -> Done[Result] | Broken:
    """Do one piece of work in a process of its own.

    Parameters
    ----------
    work : callable
        Picklable; ends its process by a `Deadline` if it takes too long.
    item : object
        Its argument, which is pickled, as is the result.
    memory_bytes : int
        Memory limit of the process, if the system supports one.

    Returns
    -------
    Done or Broken
        `Broken` says whether time or memory ran out, or the process crashed.
    """
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_work_and_send, args=(child_end,), daemon=True)
    process.start()
    child_end.close()  # so that `recv` fails when the process ends
    try:
        # Not as arguments: Python would hang writing them to a process that ends as it starts.
        parent_end.send((work, item, memory_bytes))
        kind, value = parent_end.recv()
    except (EOFError, OSError):  # the process ended without a result
        process.join()
        return Broken(_describe_exit(process.exitcode))
    finally:
        process.kill()
        process.join()
        parent_end.close()
    if kind == "memory":
        return Broken(f"needs more than {memory_bytes // 2**20} MB of memory")
    if kind == "error":
        return Broken(str(value))
    return Done(value)


def _work_and_send(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    work, item, memory_bytes = connection.recv()
    _limit_memory(memory_bytes)
    try:
        outcome: tuple[str, object] = ("done", work(item))
    except MemoryError:
        outcome = ("memory", None)
    except Exception as error:  # sent to the parent as a sentence
        outcome = ("error", f"{type(error).__name__}: {error}")
    connection.send(outcome)


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (n_bytes, n_bytes))


def _describe_exit(status: int | None) -> str:
    if status == OVERTIME_STATUS:
        return "took too long and was stopped"
    if status is not None and status < 0:
        return f"its process was killed by signal {-status} ({signal.strsignal(-status)})"
    return f"its process ended with status {status}"
