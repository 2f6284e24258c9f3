"""One network fitted: batches in, weights of its best or last epoch out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import keras

from birdsong.images.feeding import Batch, PictureFeed
from birdsong.images.store import ImageStore
from birdsong.learning.epoch_log import EpochLog
from birdsong.learning.material import Material, Part
from birdsong.learning.resume import StateKeeper, kept_epochs
from birdsong.learning.run_folder import CHECKPOINT, write_run_description
from birdsong.learning.schedules import learning_rate
from birdsong.learning.squeezenet import squeezenet
from birdsong.learning.training_config import TrainingConfig


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
        Its training and validation parts; nothing looks at the others.
    config : TrainingConfig
    folder : Path
        Gets the description, the history, the weights and, until the run is finished, the state.
    n_folds : int
        To be told in the description.
    on_epoch : callable, optional
        Told the numbers of each epoch when it ends, as in ``history.csv``.

    Returns
    -------
    keras.Model
        With the weights that were kept.
    list of dict
        The numbers of every epoch.

    Raises
    ------
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
    log = EpochLog(len(material.train.rows), on_epoch, kept_epochs(folder))
    _fit(model, store, material, config, folder, log)
    model.load_weights(folder / CHECKPOINT)
    return model, log.epochs


def _fit(
    model: keras.Model,
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    folder: Path,
    log: EpochLog,
) -> None:
    train_feed = _feed(store, material.train, material, config, training=True)
    has_validation = len(material.validation.rows) > 0
    validation_feed = (
        _feed(store, material.validation, material, config, training=False)
        if has_validation
        else None
    )
    watched = "val_loss" if has_validation else "loss"
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
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        metrics=[
            keras.metrics.CategoricalAccuracy(name="top1"),
            keras.metrics.TopKCategoricalAccuracy(5, name="top5"),
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
    keeper = keras.callbacks.ModelCheckpoint(
        folder / CHECKPOINT,
        monitor=watched,
        save_best_only=has_validation,
        save_weights_only=True,
        initial_value_threshold=min((epoch[watched] for epoch in log.epochs), default=None),
    )
    errors: list[Exception] = []
    train_batches = _watched(train_feed.forever(n_past), errors)
    validation_batches = _watched(validation_feed.forever(), errors) if validation_feed else None
    try:
        model.fit(
            train_batches,
            steps_per_epoch=len(train_feed),
            initial_epoch=n_past,
            epochs=config.epochs,
            validation_data=validation_batches,
            validation_steps=len(validation_feed) if validation_feed else None,
            callbacks=[log, *judges, keeper, StateKeeper(folder, log, judges)],
            shuffle=False,  # the feed does
            verbose=0,
        )
    except Exception as error:
        if errors:
            raise errors[0] from error
        raise
    finally:
        train_batches.close()
        if validation_batches is not None:
            validation_batches.close()


def _watched(batches: Generator[Batch], errors: list[Exception]) -> Generator[Batch]:
    """Feed on, and remember what went wrong: TensorFlow wraps it beyond recognition."""
    try:
        yield from batches
    except Exception as error:
        errors.append(error)
        raise


def _feed(
    store: ImageStore, part: Part, material: Material, config: TrainingConfig, *, training: bool
) -> PictureFeed:
    return PictureFeed(
        store,
        part.rows,
        part.label_indices,
        n_labels=len(material.labels),
        batch_size=config.batch_size,
        n_threads=config.n_threads,
        seed=config.seed,
        shuffle=training,
        augmentation=config.augmentation if training else None,
        background_rows=[row for row in part.rows if row.kind == "background"] if training else [],
    )
