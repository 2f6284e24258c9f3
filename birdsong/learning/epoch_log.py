"""What an epoch reports: its losses and accuracies, how long it took, how fast it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import keras


class EpochLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds seconds, images/s and the learning rate to what an epoch reports.

    It has to stand first among the callbacks, so that the others find these numbers too.

    Parameters
    ----------
    n_pictures : int
        Pictures that the network is trained on in an epoch.
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
        n_pictures: int,
        on_epoch: Callable[[Mapping[str, float]], None] | None = None,
        past: Sequence[Mapping[str, float]] = (),
    ) -> None:
        super().__init__()
        self.epochs = [dict(epoch) for epoch in past]
        self._n_pictures = n_pictures
        self._on_epoch = on_epoch
        self._started_s = 0.0
        self._trained_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._started_s = time.perf_counter()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Stop counting images: validation begins."""
        self._trained_s = time.perf_counter() - self._started_s

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Complete the numbers and pass them on."""
        seconds = time.perf_counter() - self._started_s
        logs = logs if logs is not None else {}
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["seconds"] = round(seconds, 2)
        logs["images_per_s"] = round(self._n_pictures / (self._trained_s or seconds), 1)
        self.epochs.append({"epoch": epoch, **{name: float(v) for name, v in logs.items()}})
        if self._on_epoch:
            self._on_epoch(self.epochs[-1])
