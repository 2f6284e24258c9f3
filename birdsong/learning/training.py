"""Compile, fit, keep: from a folder of pictures to a run folder with a bundle.

A run folder holds ``run.json`` (configs, versions, counts), ``model.txt`` (the summary),
``history.csv`` and ``history.png``, the best epoch's weights, ``metrics.json`` for the recordings
that nothing looked at before, and ``bundle``; while the training lasts, the state to go on from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from birdsong.atomic import write_atomically
from birdsong.errors import DatasetError
from birdsong.images.feeding import Batch, PictureFeed
from birdsong.images.store import ImageStore
from birdsong.learning.epoch_log import EpochLog
from birdsong.learning.evaluation import measure, score
from birdsong.learning.history_plot import write_history_plot
from birdsong.learning.material import Material, Part, gather
from birdsong.learning.resume import STATE, StateKeeper, kept_epochs
from birdsong.learning.run_folder import (
    CHECKPOINT,
    check_same_run,
    write_run_bundle,
    write_run_description,
)
from birdsong.learning.schedules import learning_rate
from birdsong.learning.squeezenet import squeezenet
from birdsong.learning.training_config import TrainingConfig
from birdsong.taxa.labels import BACKGROUND


def train(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    *,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    on_material: Callable[[Material], None] | None = None,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
) -> dict[str, Any]:
    """Train a network, keep its best epoch, and write the bundle.

    Parameters
    ----------
    store : ImageStore
    run_dir : Path
        Made if need be; must hold no bundle yet.
    config : TrainingConfig
    resume : bool
        Go on after the last epoch that a stopped training finished in `run_dir`; where there is
        none, begin. The outcome is that of a training that was never stopped.
    origin : Mapping, optional
        What else the bundle should tell of where it came from: the command, the licence.
    on_material : callable, optional
        Told what will be learned from before training begins.
    on_epoch : callable, optional
        Told the numbers of each epoch when it ends, as in ``history.csv``.

    Returns
    -------
    dict
        The content of ``metrics.json``: by recording, on sessions that the network did not see.

    Raises
    ------
    ConfigError
        If the training to go on with had another config.
    DatasetError
        If the pictures do not suffice or are others than before, or the run folder has a bundle
        already or, without `resume`, a training that was stopped.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    if (run_dir / "bundle").exists():
        raise DatasetError(f"{run_dir}: holds a finished run already; name another folder")
    past = kept_epochs(run_dir)
    if past and not resume:
        raise DatasetError(
            f"{run_dir}: holds a training that was stopped after epoch {len(past)}; "
            "add --resume to go on with it, or name another folder"
        )
    if past:
        check_same_run(run_dir, store, config)
    run_dir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(config.seed)
    material = gather(store, config.material)
    if on_material:
        on_material(material)
    model = squeezenet(
        len(material.labels),
        batch_normalization=config.batch_normalization,
        dropout=config.dropout,
    )
    write_run_description(run_dir, store, config, material, model)
    log = EpochLog(len(material.train.rows), on_epoch, past)
    _fit(model, store, material, config, run_dir, log)
    history = log.epochs
    write_history_plot(history, run_dir / "history.png")
    model.load_weights(run_dir / CHECKPOINT)
    metrics = {
        "rank": config.material.rank,
        "seed": config.seed,
        "epochs": len(history),
        **{
            name: _measure(model, store, part, material, config)
            for name, part in (("validation", material.validation), ("test", material.test))
        },
    }
    write_atomically(run_dir / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    training_s = round(sum(epoch["seconds"] for epoch in history))
    told = {"training_s": training_s, **(origin or {}), "metrics": metrics}
    write_run_bundle(model, store, material, config, run_dir, told)
    (run_dir / STATE).unlink()
    return metrics


def _fit(
    model: keras.Model,
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    run_dir: Path,
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
    judges = [keras.callbacks.EarlyStopping(monitor=watched, patience=config.patience)]
    if config.schedule == "plateau":
        judges.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=watched, factor=0.5, patience=max(1, config.patience // 3)
            )
        )
    best = keras.callbacks.ModelCheckpoint(
        run_dir / CHECKPOINT,
        monitor=watched,
        save_best_only=True,
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
            callbacks=[log, *judges, best, StateKeeper(run_dir, log, judges)],
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
    )


def _measure(
    model: keras.Model, store: ImageStore, part: Part, material: Material, config: TrainingConfig
) -> dict[str, Any]:
    """Score one part; an empty one has ``recordings`` 0 and nothing else."""
    if not part.rows:
        return {"recordings": 0}
    background = BACKGROUND in material.labels
    class_index_of = {
        row.recording: int(label)
        for row, label in zip(part.rows, part.label_indices, strict=True)
        if row.kind == "bird"
    }
    scored = score(
        lambda pictures: model.predict_on_batch(pictures[..., np.newaxis]),
        store,
        [row for row in part.rows if row.recording in class_index_of],
        class_index_of,
        [label for label in material.labels if label != BACKGROUND],
        material.taxonomy,
        background=background,
        n_threads=config.n_threads,
    )
    return {
        "recordings": len(scored.recordings),
        "sessions": len(part.sessions),
        **measure(scored),
    }
