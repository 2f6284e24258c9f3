"""Compile, fit, keep: from a folder of pictures to a run folder with a bundle.

A run folder holds ``run.json`` (configs, versions, counts), ``model.txt`` (the summary),
``history.csv`` and ``history.png``, the best epoch's weights, ``metrics.json`` for the recordings
that nothing looked at before, and ``bundle``.
"""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

import birdsong
from birdsong.atomic import write_atomically
from birdsong.bundle import Bundle, write_bundle
from birdsong.errors import ConfigError, DatasetError
from birdsong.images.augment import AugmentConfig
from birdsong.images.feeding import Batch, PictureFeed
from birdsong.images.store import ImageStore
from birdsong.learning.epoch_log import EpochLog
from birdsong.learning.evaluation import measure
from birdsong.learning.history_plot import write_history_plot
from birdsong.learning.material import Material, MaterialConfig, Part, gather
from birdsong.learning.onnx_export import to_onnx
from birdsong.learning.schedules import SCHEDULES, learning_rate
from birdsong.learning.squeezenet import squeezenet
from birdsong.recordings.sessions import PARTS

CHECKPOINT = "best.weights.h5"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How a network is trained.

    Attributes
    ----------
    material : MaterialConfig
        Which recordings teach which labels.
    epochs : int
        At most; training stops early where validation does not improve.
    batch_size : int
    learning_rate : float
        The highest; AdamW's.
    weight_decay : float
    schedule : {"cosine", "plateau", "constant"}
        Fall to zero along half a cosine, halve when validation stands still, or stay.
    patience : int
        Epochs without a better validation loss before training stops.
    label_smoothing : float
    dropout : float
    batch_normalization : bool
    augmentation : AugmentConfig or None
    n_threads : int
        Threads that make batches.
    seed : int
        Draws the split, the first weights, the order and the augmentation.
    """

    material: MaterialConfig = field(default_factory=MaterialConfig)
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    patience: int = 10
    label_smoothing: float = 0.05
    dropout: float = 0.5
    batch_normalization: bool = True
    augmentation: AugmentConfig | None = field(default_factory=AugmentConfig)
    n_threads: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigError(
                f"schedule must be one of {', '.join(SCHEDULES)}, got {self.schedule!r}"
            )
        for name in ("epochs", "batch_size", "patience", "n_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must be in (0, 1), got {self.learning_rate!r}")


def train(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    *,
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
    DatasetError
        If the pictures do not suffice, or the run folder has a bundle already.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    if (run_dir / "bundle").exists():
        raise DatasetError(f"{run_dir}: holds a finished run already; name another folder")
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
    _write_run_description(run_dir, store, config, material, model)
    history = _fit(model, store, material, config, run_dir, on_epoch)
    write_history_plot(history, run_dir / "history.png")
    model.load_weights(run_dir / CHECKPOINT)
    metrics = {
        "rank": config.material.rank,
        "seed": config.seed,
        "epochs": len(history),
        **{
            name: measure(model, store, part, material, n_threads=config.n_threads)
            for name, part in (("validation", material.validation), ("test", material.test))
        },
    }
    write_atomically(run_dir / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    _write_bundle(model, store, material, config, metrics, run_dir)
    return metrics


def _fit(
    model: keras.Model,
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    run_dir: Path,
    on_epoch: Callable[[Mapping[str, float]], None] | None,
) -> list[dict[str, float]]:
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
    record = EpochLog(len(material.train.rows), on_epoch)
    callbacks: list[keras.callbacks.Callback] = [
        record,
        keras.callbacks.CSVLogger(run_dir / "history.csv"),
        keras.callbacks.ModelCheckpoint(
            run_dir / CHECKPOINT, monitor=watched, save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.EarlyStopping(monitor=watched, patience=config.patience),
    ]
    if config.schedule == "plateau":
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=watched, factor=0.5, patience=max(1, config.patience // 3)
            )
        )
    errors: list[Exception] = []
    train_batches = _watched(train_feed.forever(), errors)
    validation_batches = _watched(validation_feed.forever(), errors) if validation_feed else None
    try:
        model.fit(
            train_batches,
            steps_per_epoch=len(train_feed),
            epochs=config.epochs,
            validation_data=validation_batches,
            validation_steps=len(validation_feed) if validation_feed else None,
            callbacks=callbacks,
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
    return record.epochs


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


def _write_run_description(
    run_dir: Path, store: ImageStore, config: TrainingConfig, material: Material, model: keras.Model
) -> None:
    parts = (material.train, material.validation, material.test)
    description = {
        "config": asdict(config),
        "images": {"fingerprint": store.config.fingerprint(), "settings": dict(store.settings)},
        "labels": len(material.labels),
        "parts": {
            name: {
                "recordings": len(part.recordings),
                "sessions": len(part.sessions),
                "pictures": len(part.rows),
            }
            for name, part in zip(PARTS, parts, strict=True)
        },
        "parameters": model.count_params(),
        "versions": _versions(),
    }
    write_atomically(run_dir / "run.json", (json.dumps(description, indent=2) + "\n").encode())
    summary = io.StringIO()
    model.summary(print_fn=lambda line: summary.write(line + "\n"), line_length=100)
    write_atomically(run_dir / "model.txt", summary.getvalue().encode())


def _versions() -> dict[str, str]:
    return {
        "birdsong": birdsong.__version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _write_bundle(
    model: keras.Model,
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    metrics: Mapping[str, Any],
    run_dir: Path,
) -> None:
    learned = material.train.sessions | material.validation.sessions
    bundle = Bundle(
        name=run_dir.name,
        labels=material.labels,
        taxonomy=material.taxonomy,
        spectrogram=store.config,
        filters=store.filters,
        step_s=float(store.settings["step_s"]),
        model_onnx=to_onnx(model),
        sessions=frozenset(learned),
        provenance={
            "config": asdict(config),
            "versions": _versions(),
            "recordings": len(material.train.recordings) + len(material.validation.recordings),
            "metrics": dict(metrics),
        },
    )
    write_bundle(bundle, run_dir / "bundle", weights=run_dir / CHECKPOINT)
