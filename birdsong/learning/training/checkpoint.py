"""Checkpoints: after each epoch, all that is needed to resume the training."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from birdsong.atomic import write_atomically
from birdsong.learning.training.epoch_metrics import EpochMetrics
from birdsong.old_names import IMAGE_FIELDS, with_new_names

STATE = "last.weights.h5"
"""Weights, state of optimizer and dropout, metrics of past epochs; deleted after the run."""

HISTORY = "history.csv"
_EPOCHS_KEY = "birdsong_epochs"
_SEEDS_KEY = "birdsong_chance"


class TrainingCheckpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes a checkpoint after each epoch, and restores it when training starts.

    It must be the last callback, so that an epoch with a checkpoint is finished.

    Parameters
    ----------
    run_dir : Path
    log : EpochMetrics
        Metrics of the past epochs, from the checkpoint.
    stateful_callbacks : sequence of keras Callback
        Callbacks that depend on past epochs, such as early stopping; when a training resumes, the
        past epochs are replayed to them.
    """

    def __init__(
        self,
        run_dir: Path,
        log: EpochMetrics,
        stateful_callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        super().__init__()
        self._run_dir = run_dir
        self._log = log
        self._stateful_callbacks = stateful_callbacks

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Restore the checkpoint, if there is one."""
        for epoch in self._log.epochs:
            for callback in self._stateful_callbacks:
                callback.on_epoch_end(int(epoch["epoch"]), dict(epoch))
        if self._log.epochs:
            self.model.optimizer.build(self.model.trainable_variables)
            self.model.load_weights(self._run_dir / STATE)
            with h5py.File(self._run_dir / STATE, "r") as file:
                for seed, value in zip(_seeds(self.model), file[_SEEDS_KEY], strict=True):
                    seed.assign(value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the checkpoint atomically, and the history."""
        part = self._run_dir / f".part.{STATE}"
        self.model.save_weights(part, overwrite=True)
        with h5py.File(part, "a") as file:
            file.create_dataset(_EPOCHS_KEY, data=json.dumps(self._log.epochs))
            seeds = [keras.ops.convert_to_numpy(seed) for seed in _seeds(self.model)]
            file.create_dataset(_SEEDS_KEY, data=np.array(seeds))
        os.replace(part, self._run_dir / STATE)
        write_atomically(self._run_dir / HISTORY, _as_csv(self._log.epochs))


def read_epochs(run_dir: Path) -> list[dict[str, float]]:
    """Read the metrics of the finished epochs of a stopped training.

    Parameters
    ----------
    run_dir : Path

    Returns
    -------
    list of dict
        As in ``history.csv``; empty if no epoch is finished, or if the whole run is.
    """
    state = run_dir / STATE
    if not state.exists():
        return []
    with h5py.File(state, "r") as file:
        epochs: list[dict[str, float]] = json.loads(file[_EPOCHS_KEY][()])
    return [with_new_names(epoch, IMAGE_FIELDS) for epoch in epochs]


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """States of the random generators of dropout, which are not among the weights."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _as_csv(epochs: Sequence[Mapping[str, float]]) -> bytes:
    text = io.StringIO()
    # Epochs of an older version may have fewer columns.
    columns = list(dict.fromkeys(name for epoch in epochs for name in epoch))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(epochs)
    return text.getvalue().encode()
