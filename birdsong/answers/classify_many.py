"""Classification of many recordings in order, one after the other or in parallel.

joblib's ``Parallel`` continues even if its results are not consumed, so predictions would pile up
behind a slow consumer. Here only a few recordings are in progress or wait to be consumed. They run
in processes of loky (part of joblib), which need no ``if __name__ == "__main__"`` in a script.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from birdsong.answers.classify_config import ClassifyConfig
from birdsong.answers.prediction import Prediction
from birdsong.answers.sources import EXPECTED, Source, recording_name, to_audio_source
from birdsong.errors import BundleError, ConfigError
from birdsong.sound.waveform import AudioSource, Waveform

if TYPE_CHECKING:
    from birdsong.answers.classifier import Classifier

MAX_AHEAD = 2
"""Recordings per job that are in progress or wait to be consumed."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A recording that can be sent to another process, or the error that prevents it."""

    name: str
    source: AudioSource | None
    error: str = ""


def classify_many(
    classifier: Classifier,
    sources: Iterable[Source],
    *,
    jobs: int,
    config: ClassifyConfig,
    sample_rate_hz: int | None = None,
) -> Iterator[Prediction]:
    """Classify recordings as `Classifier.classify_many` documents.

    Raises
    ------
    TypeError
        If `sources` is one recording, or no iterable.
    ConfigError
        If `jobs` is less than 1.
    """
    is_one = isinstance(sources, str | bytes | bytearray | memoryview | np.ndarray | Waveform)
    if is_one or hasattr(sources, "read") or not isinstance(sources, Iterable):
        raise TypeError(
            f"sources must be an iterable, each of them {EXPECTED}, got "
            f"{type(sources).__name__}; one recording goes to classify"
        )
    if not isinstance(jobs, int) or jobs < 1:
        raise ConfigError(f"jobs must be a whole number of at least 1, got {jobs!r}")
    tasks = (_task(source, sample_rate_hz) for source in sources)
    if jobs == 1:
        return (_classify_task(classifier, task, config) for task in tasks)
    return _classify_parallel(classifier, tasks, jobs, config)


def _task(source: Source, sample_rate_hz: int | None) -> _Task:
    """Convert a source to a form that can be sent to another process; keep its error."""
    name = recording_name(source)
    rate_hz = sample_rate_hz if isinstance(source, np.ndarray) else None
    try:
        return _Task(name, to_audio_source(source, sample_rate_hz=rate_hz))
    except Exception as error:  # one bad source never stops the rest
        return _Task(name, None, _error_message(error))


def _classify_task(classifier: Classifier, task: _Task, config: ClassifyConfig) -> Prediction:
    """Classify one recording; any error becomes a failed prediction."""
    if task.source is None:
        return classifier.failed(task.error, name=task.name, config=config)
    try:
        return classifier.classify(task.source, name=task.name, config=config)
    except BundleError:  # not an error of the recording
        raise
    except Exception as error:
        return classifier.failed(_error_message(error), name=task.name, config=config)


def _error_message(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    # Errors of birdsong and TypeErrors are sentences; other messages need the type's name.
    is_sentence = isinstance(error, TypeError) or type(error).__module__.startswith("birdsong.")
    return str(error) if is_sentence else f"{type(error).__name__}: {error}"


def _classify_parallel(
    classifier: Classifier, tasks: Iterator[_Task], jobs: int, config: ClassifyConfig
) -> Iterator[Prediction]:
    """Yield predictions in order while others are made; start a new pool if a process dies."""
    remaining: deque[_Task] = deque()
    while True:
        with _pool(classifier, jobs) as pool:
            running: deque[tuple[_Task, Future[Prediction]]] = deque()
            try:
                while True:
                    while len(running) < MAX_AHEAD * jobs and (task := next(tasks, None)):
                        remaining.append(task)
                        future = _submit(pool, classifier, task, config)
                        running.append((task, future))
                    if not running:
                        return
                    prediction = running[0][1].result()
                    running.popleft()
                    remaining.popleft()
                    yield prediction
            except BrokenProcessPool:
                pass
        # Any of those in progress may have crashed its process: each is done again, alone.
        while remaining:
            yield _classify_isolated(classifier, remaining.popleft(), config)


def _classify_isolated(classifier: Classifier, task: _Task, config: ClassifyConfig) -> Prediction:
    """Classify one recording in a process of its own."""
    try:
        with _pool(classifier, 1) as pool:
            return _submit(pool, classifier, task, config).result()
    except BrokenProcessPool:
        error = f"{task.name}: its process was killed or ran out of memory"
        return classifier.failed(error, name=task.name, config=config)


def _submit(
    pool: Executor, classifier: Classifier, task: _Task, config: ClassifyConfig
) -> Future[Prediction]:
    if isinstance(pool, ThreadPoolExecutor):
        return pool.submit(_classify_task, classifier, task, config)
    # A failure to unpickle breaks all of loky's processes, so the task itself loads the bundle.
    load, arguments = classifier.__reduce__()
    return pool.submit(_load_and_classify, load, arguments, task, config)


def _load_and_classify(
    load: Callable[..., Classifier],
    arguments: tuple[object, ...],
    task: _Task,
    config: ClassifyConfig,
) -> Prediction:
    return _classify_task(load(*arguments), task, config)


@contextmanager
def _pool(classifier: Classifier, jobs: int) -> Iterator[Executor]:
    """Open a pool of processes, or of threads for a bundle in memory; close it at the end."""
    if classifier.bundle.folder is None:
        threads = ThreadPoolExecutor(jobs)
        try:
            yield threads
        finally:
            threads.shutdown(cancel_futures=True)
        return
    from joblib.externals.loky import ProcessPoolExecutor

    processes = ProcessPoolExecutor(jobs)
    try:
        yield processes
    finally:
        processes.shutdown(wait=True, kill_workers=True)
