"""Fits a network and returns it with the weights of its best or last epoch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.training.batch_iterator import BatchIterator
from birdsong.learning.training.checkpoint import STATE, TrainingCheckpoint, read_epochs
from birdsong.learning.training.devices import device_scope
from birdsong.learning.training.distillation import TEACHERS, teacher_config
from birdsong.learning.training.ema_weights import EmaCallback
from birdsong.learning.training.epoch_metrics import EpochMetrics
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.run_folder import CHECKPOINT, write_run_description
from birdsong.learning.training.schedules import learning_rate
from birdsong.learning.training.system_log import SystemLog
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
    """Fit a network; resume after the last epoch that has a checkpoint in the folder.

    With a validation split, training stops early when the validation loss no longer improves, and
    the weights of the best epoch are kept. Without one, all epochs are trained and the weights of
    the last are kept.

    Parameters
    ----------
    store : ImageStore
    dataset : Dataset
        Its calibration and test splits are not used.
    config : TrainingConfig
    folder : Path
        Gets the description, the history, the system log, the weights and, until the run is
        finished, the checkpoint.
    n_folds : int
        Number of folds, for the description.
    listener : TrainingListener

    Returns
    -------
    keras.Model
        A float32 network with a column of logits for each label, whatever the loss and precision
        of the training.
    list of dict
        Metrics of each epoch.

    Raises
    ------
    ConfigError
        If the loss needs a rank above the labels, and there is none; if the pretrained bundle has
        another network; or if there are fewer devices than the config asks for.
    DatasetError
        If an image is missing or damaged.
    """
    epochs = read_epochs(folder)
    if len(epochs) < config.epochs:
        with device_scope(config.n_devices, mixed_precision=config.mixed_precision):
            teachers = [
                _fit_teacher(
                    store, dataset, teacher_config(config, n), folder / TEACHERS / str(n), listener
                )
                for n in range(1, config.distillation.n_teachers + 1)
            ]
            epochs = _fit_in_folder(
                store, dataset, config, folder, "network", listener,
                teachers=teachers, n_folds=n_folds,
            ).epochs  # fmt: skip
    network = build_network(store, dataset, config).network
    network.load_weights(folder / CHECKPOINT)
    return network, epochs


def _fit_teacher(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    folder: Path,
    listener: TrainingListener,
) -> keras.Model:
    """Fit a teacher, unless it is finished, and return it with its auxiliary classes.

    Teachers are always trained from scratch, so that they differ from each other.
    """
    dataset = replace(dataset, pretrained=None)
    weights = folder / CHECKPOINT
    if not weights.exists() or (folder / STATE).exists():
        _fit_in_folder(store, dataset, config, folder, "model_with_auxiliary", listener)
        (folder / STATE).unlink()
    model_with_auxiliary = build_with_auxiliary(
        build_network(store, dataset, config), dataset
    ).network
    model_with_auxiliary.load_weights(weights)
    return model_with_auxiliary


def _fit_in_folder(
    store: ImageStore,
    dataset: Dataset,
    config: TrainingConfig,
    folder: Path,
    saved_model: str,
    listener: TrainingListener,
    *,
    teachers: Sequence[keras.Model] = (),
    n_folds: int = 0,
) -> EpochMetrics:
    """Fit a model; `saved_model` is the field of `TrainingSetup` whose weights are saved."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    log = EpochMetrics(len(dataset.full_train.rows), listener.on_epoch, read_epochs(folder))
    setup = build_training_setup(
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
    write_run_description(folder, store, config, dataset, setup.network, n_folds=n_folds)
    with SystemLog(folder):
        _run_fit(setup, config, folder, log, getattr(setup, saved_model))
    return log


class _BestWeights(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Saves the weights of a network that is a part of the trained model."""

    def __init__(
        self,
        network: keras.Model,
        path: Path,
        ema: EmaCallback | None = None,
        **options: Any,
    ) -> None:
        super().__init__(path, save_weights_only=True, **options)
        self._network = network
        self._ema = ema

    def set_model(self, model: keras.Model) -> None:
        """Save the network, not the trained model."""
        super().set_model(self._network)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the weights, or their moving average if there is one."""
        if self._ema is None:
            super().on_epoch_end(epoch, logs)
            return
        with self._ema.swapped_in():
            super().on_epoch_end(epoch, logs)


def _run_fit(
    setup: TrainingSetup,
    config: TrainingConfig,
    folder: Path,
    log: EpochMetrics,
    network: keras.Model,
) -> None:
    """Run `Model.fit` and save the weights of `network`."""
    n_past = len(log.epochs)
    has_validation = setup.validation_loader is not None
    monitor = "val_loss" if has_validation else "loss"
    stateful_callbacks: list[keras.callbacks.Callback] = []
    if has_validation:
        stateful_callbacks.append(
            keras.callbacks.EarlyStopping(monitor=monitor, patience=config.patience)
        )
    if config.optimizer.schedule == "plateau":
        stateful_callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=monitor, factor=0.5, patience=max(1, config.patience // 3)
            )
        )
    ema = EmaCallback() if config.optimizer.ema_momentum > 0 else None
    best_weights = _BestWeights(
        network,
        folder / CHECKPOINT,
        ema,
        monitor=monitor,
        save_best_only=has_validation,
        initial_value_threshold=min((epoch[monitor] for epoch in log.epochs), default=None),
    )
    callbacks = [log, *stateful_callbacks, *([ema] if ema else []), best_weights]
    with ExitStack() as stack:
        batches = stack.enter_context(BatchIterator(setup.train_batches(n_past)))
        log.watch(batches)
        validation = setup.validation_batches()
        setup.model.fit(
            iter(batches),
            steps_per_epoch=len(setup.train_loader),
            initial_epoch=n_past,
            epochs=config.epochs,
            validation_data=iter(stack.enter_context(BatchIterator(validation)))
            if validation
            else None,
            validation_steps=len(setup.validation_loader) if setup.validation_loader else None,
            callbacks=[*callbacks, TrainingCheckpoint(folder, log, stateful_callbacks)],
            shuffle=False,  # the loader shuffles
            verbose=0,
        )
