"""Many recordings to predictions, in order: one after the other, or side by side.

joblib's ``Parallel`` goes on with its tasks whether or not anybody takes their results, so that
predictions would pile up behind a slow reader. Here no more than a few recordings are under way or
wait to be taken. They go to loky's processes, which joblib brings, and which need no
``if __name__ == "__main__"`` in a script.
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
from birdsong.answers.sources import EXPECTED, Source, name_of, to_audio_source
from birdsong.errors import BundleError, ConfigError
from birdsong.sound.waveform import AudioSource, Waveform

if TYPE_CHECKING:
    from birdsong.answers.classifier import Classifier

AHEAD = 2
"""Recordings for each job that are under way or wait to be taken."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A recording that can go to another process, or why there is none."""

    name: str
    source: AudioSource | None
    error: str = ""


def classify_all(
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
    return _side_by_side(classifier, tasks, jobs, config)


def _task(source: Source, sample_rate_hz: int | None) -> _Task:
    """Read what cannot go to another process; note what is wrong with a source."""
    name = name_of(source)
    rate_hz = sample_rate_hz if isinstance(source, np.ndarray) else None
    try:
        return _Task(name, to_audio_source(source, sample_rate_hz=rate_hz))
    except Exception as error:  # one bad source never stops the rest
        return _Task(name, None, _in_words(error))


def _classify_task(classifier: Classifier, task: _Task, config: ClassifyConfig) -> Prediction:
    """Classify one recording; whatever breaks on it becomes a failed prediction."""
    if task.source is None:
        return classifier.failed(task.error, name=task.name, config=config)
    try:
        return classifier.classify(task.source, name=task.name, config=config)
    except BundleError:  # no recording's fault
        raise
    except Exception as error:
        return classifier.failed(_in_words(error), name=task.name, config=config)


def _in_words(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    # Errors of birdsong and refused sources are sentences; of others the kind says most.
    is_sentence = isinstance(error, TypeError) or type(error).__module__.startswith("birdsong.")
    return str(error) if is_sentence else f"{type(error).__name__}: {error}"


def _side_by_side(
    classifier: Classifier, tasks: Iterator[_Task], jobs: int, config: ClassifyConfig
) -> Iterator[Prediction]:
    """Yield predictions in order while others are made; begin anew where a process dies."""
    left: deque[_Task] = deque()
    while True:
        with _pool(classifier, jobs) as pool:
            under_way: deque[tuple[_Task, Future[Prediction]]] = deque()
            try:
                while True:
                    while len(under_way) < AHEAD * jobs and (task := next(tasks, None)):
                        left.append(task)
                        future = _submit(pool, classifier, task, config)
                        under_way.append((task, future))
                    if not under_way:
                        return
                    prediction = under_way[0][1].result()
                    under_way.popleft()
                    left.popleft()
                    yield prediction
            except BrokenProcessPool:
                pass
        # Any of those under way may have ended its process: each is done once more by itself.
        while left:
            yield _alone(classifier, left.popleft(), config)


def _alone(classifier: Classifier, task: _Task, config: ClassifyConfig) -> Prediction:
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
    # What fails to unpickle breaks all of loky's processes, so the bundle is loaded by the task.
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
    """Open processes, or threads for a bundle that no process could load; leave none behind."""
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
