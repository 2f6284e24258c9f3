"""One network fitted: batches in, weights of its best or last epoch out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.training.checkpoint import STATE, TrainingCheckpoint, kept_epochs
from birdsong.learning.training.devices import hardware
from birdsong.learning.training.distillation import TEACHERS, teacher_config
from birdsong.learning.training.ema_weights import EmaWeights
from birdsong.learning.training.epoch_metrics import EpochMetrics
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.run_folder import CHECKPOINT, write_run_description
from birdsong.learning.training.schedules import learning_rate
from birdsong.learning.training.system_log import SystemLog
from birdsong.learning.training.timed_batches import TimedBatches
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.learning.training.training_setup import (
    TrainingSetup,
    build_network,
    build_training_setup,
    build_with_auxiliary,
)


def fit_network(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    folder: Path,
    *,
    n_folds: int = 0,
    listener: TrainingListener = SILENT,
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Fit a network, going on after the last epoch that was kept in its folder.

    Where there is a validation part, training stops when that no longer improves, and the best
    epoch's weights are kept; where there is none, nothing tells which epoch is the best: all are
    trained, and the last one's weights are kept.

    Parameters
    ----------
    store : ImageStore
    dataset : Dataset
        Its training and validation parts and what is partly named; nothing looks at the others.
    config : TrainingConfig
    folder : Path
        Gets the description, the history, the log of the machine, the weights and, until the run is
        finished, the state.
    n_folds : int
        To be told in the description.
    listener : TrainingListener

    Returns
    -------
    keras.Model
        With the weights that were kept; whatever the loss and however it was computed, one that
        computes with 32 bits and has one column for each label.
    list of dict
        The numbers of every epoch.

    Raises
    ------
    ConfigError
        If the loss needs a rank above the labels, and there is none; if the bundle to begin with
        has another network; or if there are not as many devices as the config wants.
    DatasetError
        If an image is missing or damaged.
    """
    epochs = kept_epochs(folder)
    if len(epochs) < config.epochs:  # else nothing is left to train, here or elsewhere
        with hardware(config):
            teachers = [
                _teacher(
                    store, dataset, teacher_config(config, n), folder / TEACHERS / str(n), listener
                )
                for n in range(1, config.distillation.n_teachers + 1)
            ]
            epochs = _fit_in(
                store, dataset, config, folder, "network", listener,
                teachers=teachers, n_folds=n_folds,
            ).epochs  # fmt: skip
    network = build_network(store, dataset, config).network
    network.load_weights(folder / CHECKPOINT)
    return network, epochs


def _teacher(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    folder: Path,
    listener: TrainingListener,
) -> keras.Model:
    """Fit a teacher, unless it was; it keeps what it learned beside the labels.

    It is trained from scratch, whatever its student begins with: teachers are to differ.
    """
    dataset = replace(dataset, pretrained=None)
    done = folder / CHECKPOINT
    if not done.exists() or (folder / STATE).exists():
        _fit_in(store, dataset, config, folder, "model_with_auxiliary", listener)
        (folder / STATE).unlink()
    model_with_auxiliary = build_with_auxiliary(
        build_network(store, dataset, config), dataset
    ).network
    model_with_auxiliary.load_weights(done)
    return model_with_auxiliary


def _fit_in(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    folder: Path,
    kept: str,
    listener: TrainingListener,
    *,
    teachers: Sequence[keras.Model] = (),
    n_folds: int = 0,
) -> EpochMetrics:
    """Fit what a config describes; `kept` is the field of `TrainingSetup` whose weights stay."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    log = EpochMetrics(len(dataset.full_train.rows), listener.on_epoch, kept_epochs(folder))
    prepared = build_training_setup(
        store,
        dataset,
        config,
        lambda n_batches: learning_rate(
            config.optimizer.schedule,
            highest=config.optimizer.learning_rate,
            n_epochs=config.epochs,
            n_batches=n_batches,
        ),
        teachers,
    )
    write_run_description(folder, store, config, dataset, prepared.network, n_folds=n_folds)
    with SystemLog(folder):
        _fit(prepared, config, folder, log, getattr(prepared, kept))
    return log


class _BestWeights(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Keeps the weights of a network, not those of what is trained beside it."""

    def __init__(
        self,
        network: keras.Model,
        path: Path,
        averages: EmaWeights | None = None,
        **options: Any,
    ) -> None:
        super().__init__(path, save_weights_only=True, **options)
        self._network = network
        self._averages = averages

    def set_model(self, model: keras.Model) -> None:
        """Look at the network, whatever is trained."""
        super().set_model(self._network)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the weights, or their averages where there are some."""
        if self._averages is None:
            super().on_epoch_end(epoch, logs)
            return
        with self._averages.in_place():
            super().on_epoch_end(epoch, logs)


def _fit(
    prepared: TrainingSetup,
    config: TrainingConfig,
    folder: Path,
    log: EpochMetrics,
    kept: keras.Model,
) -> None:
    n_past = len(log.epochs)
    has_validation = prepared.validation_feed is not None
    watched = "val_loss" if has_validation else "loss"
    steering: list[keras.callbacks.Callback] = []
    if has_validation:
        steering.append(keras.callbacks.EarlyStopping(monitor=watched, patience=config.patience))
    if config.optimizer.schedule == "plateau":
        steering.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=watched, factor=0.5, patience=max(1, config.patience // 3)
            )
        )
    averages = EmaWeights() if config.optimizer.ema_momentum > 0 else None
    keeper = _BestWeights(
        kept,
        folder / CHECKPOINT,
        averages,
        monitor=watched,
        save_best_only=has_validation,
        initial_value_threshold=min((epoch[watched] for epoch in log.epochs), default=None),
    )
    callbacks = [log, *steering, *([averages] if averages else []), keeper]
    with ExitStack() as stack:
        batches = stack.enter_context(TimedBatches(prepared.train_batches(n_past)))
        log.watch(batches)
        validation = prepared.validation_batches()
        prepared.model.fit(
            iter(batches),
            steps_per_epoch=len(prepared.train_feed),
            initial_epoch=n_past,
            epochs=config.epochs,
            validation_data=iter(stack.enter_context(TimedBatches(validation)))
            if validation
            else None,
            validation_steps=len(prepared.validation_feed) if prepared.validation_feed else None,
            callbacks=[*callbacks, TrainingCheckpoint(folder, log, steering)],
            shuffle=False,  # the feed does
            verbose=0,
        )
