"""One network fitted: batches in, weights of its best or last epoch out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from birdsong.images.feeding import PictureFeed
from birdsong.images.store import ImageStore
from birdsong.learning.auxiliary_heads import with_heads
from birdsong.learning.epoch_log import EpochLog
from birdsong.learning.label_levels import label_levels
from birdsong.learning.losses import loss_of
from birdsong.learning.material import Material
from birdsong.learning.part import Part
from birdsong.learning.resume import StateKeeper, kept_epochs
from birdsong.learning.run_folder import CHECKPOINT, write_run_description
from birdsong.learning.schedules import learning_rate
from birdsong.learning.squeezenet import squeezenet
from birdsong.learning.system_log import SystemLog
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
        With the weights that were kept; whatever the loss, with one column for each label.
    list of dict
        The numbers of every epoch.

    Raises
    ------
    ConfigError
        If the loss needs a rank above the labels, and there is none.
    DatasetError
        If a picture is missing or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    model = squeezenet(
        len(material.labels),
        batch_normalization=config.batch_normalization,
        dropout=config.dropout,
    )
    write_run_description(folder, store, config, material, model, n_folds=n_folds)
    n_pictures = len(material.train.rows) + len(material.partly_named.rows)
    log = EpochLog(n_pictures, on_epoch, kept_epochs(folder))
    with SystemLog(folder):
        _fit(model, store, material, config, folder, log)
    model.load_weights(folder / CHECKPOINT)
    return model, log.epochs


class _NetworkKeeper(keras.callbacks.ModelCheckpoint):  # type: ignore[misc]
    """Keeps the weights of a network, not those of the heads that are trained beside it."""

    def __init__(self, network: keras.Model, path: Path, **options: Any) -> None:
        super().__init__(path, save_weights_only=True, **options)
        self._network = network

    def set_model(self, model: keras.Model) -> None:
        """Look at the network, whatever is trained."""
        super().set_model(self._network)


class _OfLabels(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]
    """An accuracy of what is said of the labels, over the pictures whose label is known."""

    def __init__(self, n_labels: int, accuracy: Callable[..., Any], **options: Any) -> None:
        super().__init__(accuracy, **options)
        self._n_labels = n_labels

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Look at the columns of the labels, which come first."""
        of_labels = y_true[:, : self._n_labels]
        known = keras.ops.sum(of_labels, axis=1) > 0.5
        return super().update_state(of_labels, y_pred[:, : self._n_labels], known)


def _fit(
    network: keras.Model,
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    folder: Path,
    log: EpochLog,
) -> None:
    levels = label_levels(material.labels, material.taxonomy)
    n_labels = len(material.labels)
    n_columns = levels.n_columns if material.partly_named.rows else n_labels
    teaching = material.train.joined(material.partly_named)
    train_feed = _feed(store, teaching, n_columns, config, training=True)
    has_validation = len(material.validation.rows) > 0
    validation_feed = (
        _feed(store, material.validation, n_columns, config, training=False)
        if has_validation
        else None
    )
    watched = "val_loss" if has_validation else "loss"
    model = with_heads(network, levels) if config.loss == "auxiliary" else network
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate(
                config.schedule,
                highest=config.learning_rate,
                n_epochs=config.epochs,
                n_batches=len(train_feed),
            ),
            weight_decay=config.weight_decay,
        ),
        loss=loss_of(config, levels),
        metrics=[
            _OfLabels(n_labels, keras.metrics.categorical_accuracy, name="top1"),
            _OfLabels(n_labels, keras.metrics.top_k_categorical_accuracy, name="top5", k=5),
        ],
    )
    n_past = len(log.epochs)
    judges = []
    if has_validation:
        judges.append(keras.callbacks.EarlyStopping(monitor=watched, patience=config.patience))
    if config.schedule == "plateau":
        judges.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=watched, factor=0.5, patience=max(1, config.patience // 3)
            )
        )
    keeper = _NetworkKeeper(
        network,
        folder / CHECKPOINT,
        monitor=watched,
        save_best_only=has_validation,
        initial_value_threshold=min((epoch[watched] for epoch in log.epochs), default=None),
    )
    train_batches = WatchedFeed(train_feed.forever(n_past))
    validation_batches = WatchedFeed(validation_feed.forever()) if validation_feed else None
    log.watch(train_batches)
    try:
        model.fit(
            iter(train_batches),
            steps_per_epoch=len(train_feed),
            initial_epoch=n_past,
            epochs=config.epochs,
            validation_data=iter(validation_batches) if validation_batches else None,
            validation_steps=len(validation_feed) if validation_feed else None,
            callbacks=[log, *judges, keeper, StateKeeper(folder, log, judges)],
            shuffle=False,  # the feed does
            verbose=0,
        )
    except Exception as error:
        for feed in (train_batches, validation_batches):
            if feed and feed.error:
                raise feed.error from error
        raise
    finally:
        train_batches.close()
        if validation_batches is not None:
            validation_batches.close()


def _feed(
    store: ImageStore, part: Part, n_columns: int, config: TrainingConfig, *, training: bool
) -> PictureFeed:
    return PictureFeed(
        store,
        part.rows,
        part.label_indices,
        n_labels=n_columns,
        batch_size=config.batch_size,
        n_threads=config.n_threads,
        seed=config.seed,
        shuffle=training,
        sampling=config.sampling if training else "plain",
        augmentation=config.augmentation if training else None,
        background_rows=[row for row in part.rows if row.kind == "background"] if training else [],
    )
