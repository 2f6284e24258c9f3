"""What an epoch reports: its losses and accuracies, how long it took, how fast it was."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import keras

from birdsong.learning.training.system_log import memory_mb
from birdsong.learning.training.timed_batches import TimedBatches

_STEPS = 4


class EpochMetrics(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds to what an epoch reports how long it took, how fast it was, and what it needed.

    ``seconds``; ``images_per_s`` in training; ``waiting_share``, of the training that the network
    waited for its batches; ``memory_mb``, held by the process and its children at the end;
    ``memory_growth_mb`` over the last four epochs where it grew in each of them, else 0, those of
    a process before left out; and the ``learning_rate``.

    It has to stand first among the callbacks, so that the others find these numbers too.

    Parameters
    ----------
    n_images : int
        Images that the network is trained on in an epoch.
    on_epoch : callable, optional
        Told each epoch's numbers when it ends.
    past : sequence of mappings
        The numbers of epochs before, where a training goes on.

    Attributes
    ----------
    epochs : list of dict
        The numbers of every epoch so far.
    """

    def __init__(
        self,
        n_images: int,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None,
        past: Sequence[Mapping[str, float]] = (),
    ) -> None:
        super().__init__()
        self.epochs = [dict(epoch) for epoch in past]
        self._n_past = len(self.epochs)
        self._n_images = n_images
        self._on_epoch = on_epoch
        self._started_s = 0.0
        self._trained_s = 0.0
        self._feed: TimedBatches | None = None
        self._waited_s = 0.0

    def watch(self, feed: TimedBatches) -> None:
        """Look at how long batches are waited for."""
        self._feed = feed

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._started_s = time.perf_counter()
        self._waited_s = self._feed.waited_s if self._feed else 0.0

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Stop counting images: validation begins."""
        self._trained_s = time.perf_counter() - self._started_s

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Complete the numbers and pass them on."""
        seconds = time.perf_counter() - self._started_s
        logs = logs if logs is not None else {}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["seconds"] = round(seconds, 2)
        trained_s = self._trained_s or seconds
        logs["images_per_s"] = round(self._n_images / trained_s, 1)
        waited_s = (self._feed.waited_s if self._feed else 0.0) - self._waited_s
        logs["waiting_share"] = round(min(waited_s / trained_s, 1.0), 3)
        logs["memory_mb"] = round(memory_mb(), 1)
        logs["memory_growth_mb"] = steady_growth(
            [*(epoch["memory_mb"] for epoch in self.epochs[self._n_past :]), logs["memory_mb"]]
        )
        self.epochs.append({"epoch": epoch, **{name: float(v) for name, v in logs.items()}})
        if self._on_epoch:
            self._on_epoch(self.epochs[-1])


def steady_growth(values: Sequence[float]) -> float:
    """How much values grew over the last four steps, if they grew in each; else 0.

    Parameters
    ----------
    values : sequence of float
        One for each epoch, the latest last.
    """
    last = values[-1 - _STEPS :]
    if len(last) <= _STEPS or any(b <= a for a, b in itertools.pairwise(last)):
        return 0.0
    return round(last[-1] - last[0], 1)
