"""An iterator over batches that measures how long training waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Self

from birdsong.loading.batch_loader import Batch


class BatchIterator:
    """Iterates over batches and measures the time spent waiting for them; a context manager.

    Leaving the context stops the threads that load batches. If loading a batch failed, that error
    is raised in place of the one that TensorFlow makes of it.

    Parameters
    ----------
    batches : generator of Batch

    Attributes
    ----------
    waited_s : float
        Seconds spent waiting for batches so far; about 0 if they are ready in time.
    """

    def __init__(self, batches: Generator[Batch, None, None]) -> None:
        self._batches = batches
        self._lock = threading.Lock()  # TensorFlow iterates in a thread of its own
        self.waited_s = 0.0
        self._error: Exception | None = None

    def __iter__(self) -> Generator[Batch, None, None]:
        """Yield the batches."""
        while True:
            started_s = time.perf_counter()
            try:
                with self._lock:
                    batch = next(self._batches)
            except StopIteration:
                return
            except Exception as error:
                self._error = error
                raise
            self.waited_s += time.perf_counter() - started_s
            yield batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with self._lock:  # no batch is loaded while the generator closes
            self._batches.close()
        if isinstance(error, Exception) and self._error not in (None, error):
            raise self._error from error
