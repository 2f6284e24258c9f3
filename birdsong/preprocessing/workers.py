"""Recordings worked off side by side, whatever breaks: batches for joblib, the broken ones alone.

joblib can neither stop nor replace one task: a worker that dies ends the whole call. So the
recordings that were under way when that happens are done once more, one at a time in a process of
their own, and what breaks again has failed; then the call is made anew with the rest.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory

from birdsong.arrays import FloatArray
from birdsong.preprocessing.isolation import Broken, Deadline, run_isolated
from birdsong.preprocessing.journal import RecordingResult, WorkItem
from birdsong.preprocessing.recording_work import (
    PreprocessConfig,
    no_images,
    preprocess_recording,
)

BATCH_RECORDINGS = 8
BATCH_BYTES = 16 * 2**20
MEMORY_BYTES = 2 * 2**30
DURATION_SHARE = 0.1
"""A recording may take this share of its duration, beside the fixed limit."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with a recording; goes to the workers.

    Attributes
    ----------
    out_dir : Path
    config : PreprocessConfig
    filters : float32, shape (64, n_fft // 2 + 1)
    timeout_s : float
        Seconds that a recording may take, beside a tenth of its duration.
    marks : Path or None
        Folder where each worker notes the recording that it is at; None for no notes.
    """

    out_dir: Path
    config: PreprocessConfig
    filters: FloatArray
    timeout_s: float
    marks: Path | None = None

    def one(self, item: WorkItem, *, limited: bool = True) -> RecordingResult:
        """Do one recording; `limited` ends this process where it takes too long."""
        if not limited:
            return preprocess_recording(item, self.out_dir, self.config, self.filters)
        with Deadline(self.timeout_s) as deadline:
            return preprocess_recording(
                item,
                self.out_dir,
                self.config,
                self.filters,
                on_length=lambda length_s: deadline.extend(DURATION_SHARE * length_s),
            )

    def batch(self, items: Sequence[WorkItem], parent: int | None) -> list[RecordingResult]:
        """Do some; with limits where this is a process of its own, not that of the `parent`."""
        limited = parent is not None and parent != os.getpid()
        if limited:  # Ctrl-C reaches every process of a terminal; the parent ends the workers
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        results = []
        mark = self.marks / str(os.getpid()) if limited and self.marks else None
        for item in items:
            if mark:
                mark.write_text(item.recording.name, encoding="utf-8")
            results.append(self.one(item, limited=limited))
        if mark:
            mark.unlink()
        return results


def work_off(
    items: Sequence[WorkItem], work: Work, *, n_jobs: int, backend: str
) -> Iterator[RecordingResult]:
    """Yield what came of each recording, as it comes.

    Parameters
    ----------
    items : sequence of WorkItem
    work : Work
    n_jobs : int
        1 works in this process, without limits.
    backend : {"loky", "threading", "dask"}
        joblib's. Only processes of this machine can be limited.

    Yields
    ------
    RecordingResult
        One for each item.
    """
    from joblib import Parallel, delayed, parallel_config

    parent = os.getpid() if backend == "loky" else None
    # A batch spares joblib's toll; alone there is none, and each recording is told at once.
    batches: Iterator[list[WorkItem]]
    batches = _batches(items) if n_jobs != 1 else ([item] for item in items)
    under_way: dict[int, list[WorkItem]] = {}
    numbers = count()

    def tasks(work: Work) -> Iterator[object]:
        for number, batch in zip(numbers, batches, strict=False):
            under_way[number] = batch
            yield delayed(_numbered)(number, work, batch, parent)

    with TemporaryDirectory(prefix="birdsong-") as marks:
        marked = replace(work, marks=Path(marks))
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
                        yield _alone(item, work)
                    rest = [item for item in left if item not in suspects]
                    batches = chain(_batches(rest), batches)
        finally:
            if backend == "loky":
                _end_workers()


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
    return [item for item in left if item.recording.name in named] or list(left)


def _numbered(
    number: int, work: Work, batch: Sequence[WorkItem], parent: int | None
) -> tuple[int, list[RecordingResult]]:
    return number, work.batch(batch, parent)


def _alone(item: WorkItem, work: Work) -> RecordingResult:
    outcome = run_isolated(work.one, item, memory_bytes=MEMORY_BYTES)
    if isinstance(outcome, Broken):
        reason = f"{item.recording.name}: {outcome.reason}"
        return no_images(item.recording.name, "failed", reason)
    return outcome.result


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
