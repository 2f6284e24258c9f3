"""Batches on their way to the network: how long it waits for them, and what breaks them off."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

from birdsong.images.feeding import Batch


class WatchedFeed:
    """Hands batches on, and keeps an eye on them.

    Parameters
    ----------
    batches : generator of Batch

    Attributes
    ----------
    waited_s : float
        Seconds that it took to get the batches so far; next to nothing where they lie ready.
    error : Exception or None
        What the feed raised: TensorFlow wraps it beyond recognition.
    """

    def __init__(self, batches: Generator[Batch, None, None]) -> None:
        self._batches = batches
        self._in_use = threading.Lock()  # TensorFlow asks from a thread of its own
        self.waited_s = 0.0
        self.error: Exception | None = None

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
                self.error = error
                raise
            self.waited_s += time.perf_counter() - asked_s
            yield batch

    def close(self) -> None:
        """Let go of the threads that make them; whoever asks from now on gets no more."""
        with self._in_use:
            self._batches.close()
