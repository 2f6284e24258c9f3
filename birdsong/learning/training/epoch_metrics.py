"""Metrics of an epoch: losses, accuracies, time, speed and memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence

import keras

from birdsong.learning.training.batch_iterator import BatchIterator
from birdsong.learning.training.system_log import memory_mb

_GROWTH_EPOCHS = 4


class EpochMetrics(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds time, speed and memory to the metrics of each epoch.

    ``seconds``; ``images_per_s`` in training; ``waiting_share``, the share of the training time
    spent waiting for batches; ``memory_mb`` of the process and its children at the end of the
    epoch; ``memory_growth_mb`` over the last four epochs of this process if memory grew in each of
    them, else 0; and the ``learning_rate``.

    It must be the first callback, so that the others get these metrics, too.

    Parameters
    ----------
    n_images : int
        Training images of an epoch.
    on_epoch : callable, optional
        Called with the metrics of each epoch when it ends.
    past : sequence of mappings
        Metrics of the epochs before a resumed training.

    Attributes
    ----------
    epochs : list of dict
        Metrics of every epoch so far.
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
        self._batches: BatchIterator | None = None
        self._waited_s = 0.0

    def watch(self, batches: BatchIterator) -> None:
        """Measure the waiting time of an iterator."""
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._started_s = time.perf_counter()
        self._waited_s = self._batches.waited_s if self._batches else 0.0

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Stop counting images: validation begins."""
        self._trained_s = time.perf_counter() - self._started_s

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the metrics and report them."""
        seconds = time.perf_counter() - self._started_s
        logs = logs if logs is not None else {}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["seconds"] = round(seconds, 2)
        trained_s = self._trained_s or seconds
        logs["images_per_s"] = round(self._n_images / trained_s, 1)
        waited_s = (self._batches.waited_s if self._batches else 0.0) - self._waited_s
        logs["waiting_share"] = round(min(waited_s / trained_s, 1.0), 3)
        logs["memory_mb"] = round(memory_mb(), 1)
        logs["memory_growth_mb"] = steady_growth(
            [*(epoch["memory_mb"] for epoch in self.epochs[self._n_past :]), logs["memory_mb"]]
        )
        self.epochs.append({"epoch": epoch, **{name: float(v) for name, v in logs.items()}})
        if self._on_epoch:
            self._on_epoch(self.epochs[-1])


def steady_growth(values: Sequence[float]) -> float:
    """Growth over the last four values, if each of them is larger than the one before; else 0.

    Parameters
    ----------
    values : sequence of float
        One value for each epoch.
    """
    last = values[-1 - _GROWTH_EPOCHS :]
    if len(last) <= _GROWTH_EPOCHS or any(b <= a for a, b in itertools.pairwise(last)):
        return 0.0
    return round(last[-1] - last[0], 1)
