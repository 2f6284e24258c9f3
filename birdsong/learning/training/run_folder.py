"""Files of a run folder: the description of the training, and checks before it starts."""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

import birdsong
from birdsong.atomic import write_atomically
from birdsong.errors import ConfigError, DatasetError
from birdsong.images.store import ImageStore, is_store
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.flatten_settings import flatten_settings
from birdsong.learning.data.pretrained_bundle import PretrainedBundle, read_pretrained
from birdsong.learning.training.checkpoint import HISTORY, STATE
from birdsong.learning.training.devices import machine_name
from birdsong.learning.training.system_log import SYSTEM_LOG, SYSTEM_PLOT
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.old_names import IMAGE_FIELDS, current_training_fields, with_new_names
from birdsong.recordings.splits import SPLITS

CHECKPOINT = "best.weights.h5"
DESCRIPTION = "run.json"
FOLDS = "folds"
RUN_FILES = (
    *("model.txt", "metrics.json", "history.png", HISTORY),
    *(SYSTEM_LOG, SYSTEM_PLOT, CHECKPOINT, STATE),
)
"""Files that a training writes after `DESCRIPTION`."""
MACHINE_SETTINGS = ("n_threads", "n_devices", "gradient_checkpointing")
"""Settings that may differ when a training resumes: they do not change its result."""


def check_not_used(run_dir: Path) -> None:
    """Check that a folder holds no finished run, no images and no files of another origin.

    Raises
    ------
    DatasetError
        If the folder holds a bundle or images, or files with the names of `RUN_FILES` but no
        `DESCRIPTION`.
    """
    if is_store(run_dir):
        raise DatasetError(f"{run_dir}: holds images; name another folder for the run")
    if (run_dir / "bundle").exists():
        raise DatasetError(f"{run_dir}: holds a finished run; name another folder")
    if not (run_dir / DESCRIPTION).exists() and not (run_dir / FOLDS).exists():
        there = [name for name in RUN_FILES if (run_dir / name).exists()]
        if there:
            raise DatasetError(
                f"{run_dir}: holds {', '.join(there)} but no {DESCRIPTION}, so these files are "
                "not from a training and would be overwritten; name another folder"
            )


def write_run_description(
    run_dir: Path,
    store: ImageStore,
    config: TrainingConfig,
    dataset: Dataset,
    model: keras.Model,
    *,
    n_folds: int = 0,
) -> None:
    """Write ``run.json`` and ``model.txt``, before the first epoch."""
    description = {
        "config": asdict(config),
        "folds": n_folds,
        "began_with": _fingerprint(dataset.pretrained),
        "images": _store_summary(store),
        "labels": len(dataset.label_space.bird_labels),
        "background": dataset.label_space.has_background,
        "parts": {
            name: {
                "recordings": len(split.recordings),
                "sessions": len(split.sessions),
                "images": len(split.rows),
            }
            for name, split in (
                (name, getattr(dataset, name)) for name in (*SPLITS, "auxiliary", "partial")
            )
        },
        "parameters": model.count_params(),
        "machine": machine_name(),
        "precision": keras.config.dtype_policy().name,
        "versions": _versions(),
    }
    write_atomically(run_dir / DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())
    summary = io.StringIO()
    model.summary(print_fn=lambda line: summary.write(line + "\n"), line_length=100)
    write_atomically(run_dir / "model.txt", summary.getvalue().encode())


def check_same_run(
    run_dir: Path, store: ImageStore, config: TrainingConfig, *, n_folds: int = 0
) -> None:
    """Check that a training resumes with the config, images and bundle that it started with.

    A setting that is missing in ``run.json`` is newer than the run and counts as its default.

    Raises
    ------
    ConfigError
        If the config differs; the message names each setting that does.
    BundleError
        If the pretrained bundle cannot be read.
    DatasetError
        If the images or the pretrained bundle differ.
    """
    description = json.loads((run_dir / DESCRIPTION).read_text(encoding="utf-8"))
    config_before = _with_defaults(
        current_training_fields(description["config"]), _as_json(TrainingConfig())
    )
    before = {**flatten_settings(config_before), "folds": description["folds"]}
    wanted = {**flatten_settings(_as_json(config)), "folds": n_folds}
    differing = [
        f"{name} {wanted.get(name)!r} instead of {before.get(name)!r}"
        for name in dict.fromkeys([*wanted, *before])
        if name not in MACHINE_SETTINGS and wanted.get(name) != before.get(name)
    ]
    if differing:
        raise ConfigError(
            f"{run_dir}: cannot resume with {', '.join(differing)}; "
            "give the options that it started with, or name another folder"
        )
    if with_new_names(description["images"], IMAGE_FIELDS) != _store_summary(store):
        raise DatasetError(
            f"{run_dir}: started with other images than those of {store.folder}; "
            "name the folder that it started with, or another --out"
        )
    folder = config.dataset.pretrained
    pretrained = read_pretrained(Path(folder)) if folder else None
    if description.get("began_with") != _fingerprint(pretrained):
        raise DatasetError(
            f"{run_dir}: started with another bundle than the one in {folder} now; "
            "restore that bundle, or name another --out"
        )


def _fingerprint(pretrained: PretrainedBundle | None) -> str | None:
    return pretrained.bundle.fingerprint if pretrained else None


def _as_json(config: TrainingConfig) -> dict[str, Any]:
    """Convert a config as ``run.json`` does: with lists for tuples."""
    settings: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return settings


def _with_defaults(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Fill missing settings with their defaults, also in nested configs."""
    filled = {**defaults, **settings}
    for name, default in defaults.items():
        if isinstance(default, Mapping) and isinstance(filled[name], Mapping):
            filled[name] = _with_defaults(filled[name], default)
    return filled


def _store_summary(store: ImageStore) -> dict[str, Any]:
    return {
        "fingerprint": store.config.fingerprint(),
        "images": len(store.rows),
        "settings": dict(store.settings),
    }


def _versions() -> dict[str, str]:
    return {
        "birdsong": birdsong.__version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def write_metrics(run_dir: Path, metrics: Mapping[str, Any]) -> None:
    """Write ``metrics.json``."""
    write_atomically(run_dir / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
