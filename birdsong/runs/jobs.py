"""Parallel work on recordings: batches by joblib, and those that break a worker alone.

joblib can neither stop nor replace one task: a worker that dies ends the whole call. The recordings
in progress are then done again, each in a process of its own, and fail if they break it again.
After that, joblib continues with the rest.
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
"""Called by the work to get more seconds for a long recording."""


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
    """Yield the result of each recording as soon as it is done.

    Parameters
    ----------
    items : sequence of WorkItem
    work : callable
        Called with a recording and `Extend`, returns its result. Picklable; a bad file is a result,
        never an exception.
    config : JobsConfig
    on_broken : callable
        Called with a recording and a reason, returns the result of a recording that crashed its
        process, took too long or needed too much memory. Called in this process.

    Yields
    ------
    object
        One result for each item.
    """
    from joblib import Parallel, delayed, parallel_config

    backend, n_jobs = config.backend, config.n_jobs
    parent = os.getpid() if backend == "loky" else None
    # Batches reduce joblib's overhead; with one job there is none, and results come one by one.
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
                except _pool_errors(backend):
                    unfinished = [item for batch in under_way.values() for item in batch]
                    under_way.clear()
                    suspects = _suspects(unfinished, Path(marks))
                    for item in suspects:
                        outcome = run_isolated(worker.run_one, item, memory_bytes=MEMORY_BYTES)
                        if isinstance(outcome, Broken):
                            yield on_broken(item, outcome.reason)
                        else:
                            yield outcome.result
                    rest = [item for item in unfinished if item not in suspects]
                    batches = chain(_batches(rest), batches)
        finally:
            if backend == "loky":
                _end_workers()


@dataclass(frozen=True, slots=True)
class _Worker(Generic[Result]):
    """The work of a worker process.

    `marks` is the folder where each worker writes the name of its current recording; None for none.
    """

    work: Callable[[WorkItem, Extend], Result]
    timeout_s: float
    marks: Path | None = None

    def run_one(self, item: WorkItem) -> Result:
        """Do one recording; end this process if it takes too long."""
        with Deadline(self.timeout_s) as deadline:
            return self.work(item, deadline.extend)

    def batch(self, items: Sequence[WorkItem], parent: int | None) -> list[Result]:
        """Do several recordings; with limits if this is not the process of the `parent`."""
        if parent is None or parent == os.getpid():
            return [self.work(item, _ignore_extension) for item in items]
        # Ctrl-C reaches every process of a terminal; the parent ends the workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        mark = self.marks / str(os.getpid()) if self.marks else None
        results = []
        for item in items:
            if mark:
                mark.write_text(item.name, encoding="utf-8")
            results.append(self.run_one(item))
        if mark:
            mark.unlink()
        return results


def _ignore_extension(_more_s: float) -> None:
    """Do nothing, where there is no deadline."""


def _numbered(
    number: int, worker: _Worker[Result], batch: Sequence[WorkItem], parent: int | None
) -> tuple[int, list[Result]]:
    return number, worker.batch(batch, parent)


def _pool_errors(backend: str) -> tuple[type[BaseException], ...]:
    """Exceptions that are raised when a worker dies."""
    if backend != "dask":
        return (BrokenProcessPool,)
    from distributed import KilledWorker

    return (KilledWorker,)


def _suspects(unfinished: Sequence[WorkItem], marks: Path) -> list[WorkItem]:
    """Return the recordings that a worker was processing when it died."""
    named = set()
    for mark in marks.iterdir():
        named.add(mark.read_text(encoding="utf-8"))
        mark.unlink()
    # If no worker wrote a name, it may be any of them.
    return [item for item in unfinished if item.name in named] or list(unfinished)


def _batches(items: Iterable[WorkItem]) -> Iterator[list[WorkItem]]:
    """Group items into batches, small enough to keep all cores busy."""
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
    """End all worker processes."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True, kill_workers=True)
