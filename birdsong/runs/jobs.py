"""Recordings worked on side by side, whatever breaks: batches for joblib, the broken ones alone.

joblib can neither stop nor replace one task: a worker that dies ends the whole call. So the
recordings that were under way when that happens are done once more, one at a time in a process of
their own, and what breaks again has failed; then the call is made anew with the rest.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

from birdsong.errors import ConfigError
from birdsong.runs.isolation import Broken, Deadline, run_isolated
from birdsong.runs.work_item import WorkItem

BATCH_RECORDINGS = 8
BATCH_BYTES = 16 * 2**20
MEMORY_BYTES = 2 * 2**30

Result = TypeVar("Result")
Extend = Callable[[float], None]
"""Allows a piece of work more seconds, as soon as it knows that it needs them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsConfig:
    """Who does the work, and how long a recording may take.

    Attributes
    ----------
    n_jobs : int
        Recordings worked on side by side; -1 for as many as there are cores. 1 works in this
        process, without limits.
    backend : {"loky", "threading", "dask"}
        joblib's: processes, threads, or the workers of the Dask client that is open. Only
        processes of this machine can be limited.
    timeout_s : float
        Seconds that a recording may take, beside what the work extends them by.

    Raises
    ------
    ConfigError
        If `n_jobs` is 0, or `timeout_s` is not above 0.
    """

    n_jobs: int = 1
    backend: str = "loky"
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if self.n_jobs == 0:
            raise ConfigError("n_jobs must be at least 1, or -1 for all cores, got 0")
        if not self.timeout_s > 0:
            raise ConfigError(f"timeout_s must be greater than 0, got {self.timeout_s!r}")


SERIAL = JobsConfig()


def run_jobs(
    items: Sequence[WorkItem],
    work: Callable[[WorkItem, Extend], Result],
    config: JobsConfig,
    *,
    on_broken: Callable[[WorkItem, str], Result],
) -> Iterator[Result]:
    """Yield what came of each recording, as it comes.

    Parameters
    ----------
    items : sequence of WorkItem
    work : callable
        One recording and `Extend` to its result. Goes to the workers, so it can be pickled; a bad
        file is a result, never an exception.
    config : JobsConfig
    on_broken : callable
        A recording and a reason to the result of one that ended its process, took too long or
        needed too much memory. Stays in this process.

    Yields
    ------
    object
        One result for each item.
    """
    from joblib import Parallel, delayed, parallel_config

    backend, n_jobs = config.backend, config.n_jobs
    parent = os.getpid() if backend == "loky" else None
    # A batch spares joblib's toll; alone there is none, and each recording is told at once.
    batches: Iterator[list[WorkItem]]
    batches = _batches(items) if n_jobs != 1 else ([item] for item in items)
    under_way: dict[int, list[WorkItem]] = {}
    numbers = count()
    worker = _Worker(work, config.timeout_s)

    def tasks(worker: _Worker[Result]) -> Iterator[object]:
        for number, batch in zip(numbers, batches, strict=False):
            under_way[number] = batch
            yield delayed(_numbered)(number, worker, batch, parent)

    with TemporaryDirectory(prefix="birdsong-") as marks:
        marked = replace(worker, marks=Path(marks))
        try:
            while True:
                with parallel_config(backend=backend):  # knows Dask's, which Parallel does not
                    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
                try:
                    for number, results in parallel(tasks(marked)):
                        del under_way[number]
                        yield from results
                    return
                except _breakages(backend):
                    left = [item for batch in under_way.values() for item in batch]
                    under_way.clear()
                    suspects = _suspects(left, Path(marks))
                    for item in suspects:
                        outcome = run_isolated(worker.one, item, memory_bytes=MEMORY_BYTES)
                        if isinstance(outcome, Broken):
                            yield on_broken(item, outcome.reason)
                        else:
                            yield outcome.result
                    rest = [item for item in left if item not in suspects]
                    batches = chain(_batches(rest), batches)
        finally:
            if backend == "loky":
                _end_workers()


@dataclass(frozen=True, slots=True)
class _Worker(Generic[Result]):
    """What goes to a worker.

    `marks` is the folder where each worker notes the recording that it is at; None for no notes.
    """

    work: Callable[[WorkItem, Extend], Result]
    timeout_s: float
    marks: Path | None = None

    def one(self, item: WorkItem) -> Result:
        """Do one recording; end this process where it takes too long."""
        with Deadline(self.timeout_s) as deadline:
            return self.work(item, deadline.extend)

    def batch(self, items: Sequence[WorkItem], parent: int | None) -> list[Result]:
        """Do some; with limits where this is a process of its own, not that of the `parent`."""
        if parent is None or parent == os.getpid():
            return [self.work(item, _no_limit) for item in items]
        # Ctrl-C reaches every process of a terminal; the parent ends the workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        mark = self.marks / str(os.getpid()) if self.marks else None
        results = []
        for item in items:
            if mark:
                mark.write_text(item.name, encoding="utf-8")
            results.append(self.one(item))
        if mark:
            mark.unlink()
        return results


def _no_limit(_more_s: float) -> None:
    """Extend what has no end."""


def _numbered(
    number: int, worker: _Worker[Result], batch: Sequence[WorkItem], parent: int | None
) -> tuple[int, list[Result]]:
    return number, worker.batch(batch, parent)


def _breakages(backend: str) -> tuple[type[BaseException], ...]:
    """What is raised when a worker dies."""
    if backend != "dask":
        return (BrokenProcessPool,)
    from distributed import KilledWorker

    return (KilledWorker,)


def _suspects(left: Sequence[WorkItem], marks: Path) -> list[WorkItem]:
    """Of the recordings without a result those that a worker was at when it ended."""
    named = set()
    for mark in marks.iterdir():
        named.add(mark.read_text(encoding="utf-8"))
        mark.unlink()
    # Where no worker came so far as to note one, any may be it.
    return [item for item in left if item.name in named] or list(left)


def _batches(items: Iterable[WorkItem]) -> Iterator[list[WorkItem]]:
    """Cut into pieces that take a while, but not so long that a core is left without any."""
    batch: list[WorkItem] = []
    n_bytes = 0
    for item in items:
        if batch and (len(batch) == BATCH_RECORDINGS or n_bytes + item.n_bytes > BATCH_BYTES):
            yield batch
            batch, n_bytes = [], 0
        batch.append(item)
        n_bytes += item.n_bytes
    if batch:
        yield batch


def _end_workers() -> None:
    """Leave no process behind, however the work ended."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)
