"""Batches on their way to the network: how long it waits for them, and what breaks them off."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Self

from birdsong.loading.batch_loader import Batch


class TimedBatches:
    """Hands batches on, and keeps an eye on them: to be used within a `with`.

    Leaving it lets go of the threads that make batches. Where a batch could not be made, that is
    what is raised, whatever came of it: TensorFlow wraps it beyond recognition.

    Parameters
    ----------
    batches : generator of Batch

    Attributes
    ----------
    waited_s : float
        Seconds that it took to get the batches so far; next to nothing where they lie ready.
    """

    def __init__(self, batches: Generator[Batch, None, None]) -> None:
        self._batches = batches
        self._in_use = threading.Lock()  # TensorFlow asks from a thread of its own
        self.waited_s = 0.0
        self._error: Exception | None = None

    def __iter__(self) -> Generator[Batch, None, None]:
        """Hand the batches on."""
        while True:
            asked_s = time.perf_counter()
            try:
                with self._in_use:
                    batch = next(self._batches)
            except StopIteration:
                return
            except Exception as error:
                self._error = error
                raise
            self.waited_s += time.perf_counter() - asked_s
            yield batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        with self._in_use:  # whoever asks from now on gets no more
            self._batches.close()
        if isinstance(error, Exception) and self._error not in (None, error):
            raise self._error from error
