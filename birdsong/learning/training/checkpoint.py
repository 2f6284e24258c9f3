"""A training that was stopped goes on: after each epoch all that the next one needs is kept."""

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
"""Weights, the state of optimizer and dropout, the epochs so far; gone when a run is finished."""

HISTORY = "history.csv"
_EPOCHS = "birdsong_epochs"
_CHANCE = "birdsong_chance"


class TrainingCheckpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the state after each epoch, and begins with the one that was kept.

    It has to stand last among the callbacks: an epoch that was kept is a finished one.

    Parameters
    ----------
    run_dir : Path
    log : EpochMetrics
        Its epochs, where it has some at the start, are those of the state that was kept.
    stateful_callbacks : sequence of keras Callback
        Callbacks that decide by earlier epochs; they see these again when a training is resumed.
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
        """Take up the state, if one was kept."""
        for epoch in self._log.epochs:
            for callback in self._stateful_callbacks:
                callback.on_epoch_end(int(epoch["epoch"]), dict(epoch))
        if self._log.epochs:
            self.model.optimizer.build(self.model.trainable_variables)
            self.model.load_weights(self._run_dir / STATE)
            with h5py.File(self._run_dir / STATE, "r") as file:
                for seed, kept in zip(_seeds(self.model), file[_CHANCE], strict=True):
                    seed.assign(kept)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the state, whole or not at all, and the history beside it."""
        beside = self._run_dir / f".part.{STATE}"
        self.model.save_weights(beside, overwrite=True)
        with h5py.File(beside, "a") as file:
            file.create_dataset(_EPOCHS, data=json.dumps(self._log.epochs))
            seeds = [keras.ops.convert_to_numpy(seed) for seed in _seeds(self.model)]
            file.create_dataset(_CHANCE, data=np.array(seeds))
        os.replace(beside, self._run_dir / STATE)
        write_atomically(self._run_dir / HISTORY, _as_csv(self._log.epochs))


def kept_epochs(run_dir: Path) -> list[dict[str, float]]:
    """Read what the epochs of a stopped training reported.

    Parameters
    ----------
    run_dir : Path

    Returns
    -------
    list of dict
        As in ``history.csv``; empty where no epoch was finished, or the whole run was.
    """
    state = run_dir / STATE
    if not state.exists():
        return []
    with h5py.File(state, "r") as file:
        epochs: list[dict[str, float]] = json.loads(file[_EPOCHS][()])
    return [with_new_names(epoch, IMAGE_FIELDS) for epoch in epochs]


def _seeds(model: keras.Model) -> list[keras.Variable]:
    """States of the generators that dropout draws from; they are no weights."""
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _as_csv(epochs: Sequence[Mapping[str, float]]) -> bytes:
    text = io.StringIO()
    # A training that an older version began told less of its first epochs.
    columns = list(dict.fromkeys(name for epoch in epochs for name in epoch))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(epochs)
    return text.getvalue().encode()
