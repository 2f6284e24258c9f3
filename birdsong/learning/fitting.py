"""One network fitted: batches in, weights of its best or last epoch out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from birdsong.images.store import ImageStore
from birdsong.learning.averages import AveragedWeights
from birdsong.learning.epoch_log import EpochLog
from birdsong.learning.hardware import hardware
from birdsong.learning.material import Material
from birdsong.learning.prepared import Prepared, new_learner, new_network, prepare
from birdsong.learning.resume import STATE, StateKeeper, kept_epochs
from birdsong.learning.run_folder import CHECKPOINT, write_run_description
from birdsong.learning.schedules import learning_rate
from birdsong.learning.system_log import SystemLog
from birdsong.learning.teachers import TEACHERS, teacher_config
from birdsong.learning.training_config import TrainingConfig
from birdsong.learning.watched_feed import WatchedFeed


def fit_network(
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    folder: Path,
    *,
    n_folds: int = 0,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Fit a network, going on after the last epoch that was kept in its folder.

    Where there is a validation part, training stops when that no longer improves, and the best
    epoch's weights are kept; where there is none, nothing tells which epoch is the best: all are
    trained, and the last one's weights are kept.

    Parameters
    ----------
    store : ImageStore
    material : Material
        Its training and validation parts and what is partly named; nothing looks at the others.
    config : TrainingConfig
    folder : Path
        Gets the description, the history, the log of the machine, the weights and, until the run is
        finished, the state.
    n_folds : int
        To be told in the description.
    on_epoch : callable, optional
        Told the numbers of each epoch when it ends, as in ``history.csv``.

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
        If a picture is missing or damaged.
    """
    epochs = kept_epochs(folder)
    if len(epochs) < config.epochs:  # else nothing is left to train, here or elsewhere
        with hardware(config):
            teachers = [
                _teacher(
                    store, material, teacher_config(config, n), folder / TEACHERS / str(n), on_epoch
                )
                for n in range(1, config.n_teachers + 1)
            ]
            epochs = _fit_in(
                store, material, config, folder, "network", on_epoch,
                teachers=teachers, n_folds=n_folds,
            ).epochs  # fmt: skip
    network = new_network(material, config)
    network.load_weights(folder / CHECKPOINT)
    return network, epochs


def _teacher(
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    folder: Path,
    on_epoch: Callable[[Mapping[str, float]], None] | None,
) -> keras.Model:
    """Fit a teacher, unless it was; it keeps what it learned beside the labels.

    It begins by chance, whatever its pupil begins with: teachers are to differ.
    """
    material = replace(material, beginning=None)
    done = folder / CHECKPOINT
    if not done.exists() or (folder / STATE).exists():
        _fit_in(store, material, config, folder, "learner", on_epoch)
        (folder / STATE).unlink()
    learner = new_learner(new_network(material, config), material)
    learner.load_weights(done)
    return learner


def _fit_in(
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    folder: Path,
    kept: str,
    on_epoch: Callable[[Mapping[str, float]], None] | None,
    *,
    teachers: Sequence[keras.Model] = (),
    n_folds: int = 0,
) -> EpochLog:
    """Fit what a config describes, and keep the weights of its `kept`: network or learner."""
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    log = EpochLog(len(material.teaching.rows), on_epoch, kept_epochs(folder))
    prepared = prepare(
        store,
        material,
        config,
        lambda n_batches: learning_rate(
            config.schedule,
            highest=config.learning_rate,
            n_epochs=config.epochs,
            n_batches=n_batches,
        ),
        teachers,
    )
    write_run_description(folder, store, config, material, prepared.network, n_folds=n_folds)
    with SystemLog(folder):
        _fit(prepared, config, folder, log, getattr(prepared, kept))
    return log


class _NetworkKeeper(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Keeps the weights of a network, not those of what is trained beside it."""

    def __init__(
        self,
        network: keras.Model,
        path: Path,
        averages: AveragedWeights | None = None,
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
    prepared: Prepared, config: TrainingConfig, folder: Path, log: EpochLog, kept: keras.Model
) -> None:
    n_past = len(log.epochs)
    has_validation = prepared.validation_feed is not None
    watched = "val_loss" if has_validation else "loss"
    judges: list[keras.callbacks.Callback] = []
    if has_validation:
        judges.append(keras.callbacks.EarlyStopping(monitor=watched, patience=config.patience))
    if config.schedule == "plateau":
        judges.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=watched, factor=0.5, patience=max(1, config.patience // 3)
            )
        )
    averages = AveragedWeights() if config.weight_averaging > 0 else None
    keeper = _NetworkKeeper(
        kept,
        folder / CHECKPOINT,
        averages,
        monitor=watched,
        save_best_only=has_validation,
        initial_value_threshold=min((epoch[watched] for epoch in log.epochs), default=None),
    )
    callbacks = [log, *judges, *([averages] if averages else []), keeper]
    with ExitStack() as stack:
        batches = stack.enter_context(WatchedFeed(prepared.train_batches(n_past)))
        log.watch(batches)
        validation = prepared.validation_batches()
        prepared.model.fit(
            iter(batches),
            steps_per_epoch=len(prepared.train_feed),
            initial_epoch=n_past,
            epochs=config.epochs,
            validation_data=iter(stack.enter_context(WatchedFeed(validation)))
            if validation
            else None,
            validation_steps=len(prepared.validation_feed) if prepared.validation_feed else None,
            callbacks=[*callbacks, StateKeeper(folder, log, judges)],
            shuffle=False,  # the feed does
            verbose=0,
        )
