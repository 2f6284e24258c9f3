"""What a run folder tells: what was trained, from what, with which versions; and the bundle."""

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
from birdsong.learning.training.devices import machine
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
"""What a training writes after `DESCRIPTION`, beside folders."""
MACHINE_SETTINGS = ("n_threads", "n_devices", "gradient_checkpointing")
"""What may change when a training goes on: how it is computed, not what."""


def check_free(run_dir: Path) -> None:
    """See that no finished run would be overwritten, and nothing that is not of a training.

    Raises
    ------
    DatasetError
        If the folder holds a bundle, images, or files that are named as those of a training,
        which none of ours began.
    """
    if is_store(run_dir):
        raise DatasetError(f"{run_dir}: holds images; name another folder for the run")
    if (run_dir / "bundle").exists():
        raise DatasetError(f"{run_dir}: holds a finished run already; name another folder")
    if not (run_dir / DESCRIPTION).exists() and not (run_dir / FOLDS).exists():
        there = [name for name in RUN_FILES if (run_dir / name).exists()]
        if there:
            raise DatasetError(
                f"{run_dir}: holds {', '.join(there)} and no {DESCRIPTION}, so it is not of a "
                "training and would be overwritten; name another folder"
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
        "images": _told_of(store),
        "labels": len(dataset.bird_labels),
        "background": dataset.has_background,
        "parts": {
            name: {
                "recordings": len(part.recordings),
                "sessions": len(part.sessions),
                "images": len(part.rows),
            }
            for name, part in (
                (name, getattr(dataset, name)) for name in (*SPLITS, "auxiliary", "partial")
            )
        },
        "parameters": model.count_params(),
        "machine": machine(),
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
    """See that a training goes on with what it began with.

    A setting that ``run.json`` does not know began as its default: settings come with one that
    leaves everything as it was before them.

    Raises
    ------
    ConfigError
        If ``run.json`` tells of another config; the message names each setting that differs.
    BundleError
        If the bundle that the training began with cannot be read.
    DatasetError
        If it tells of other images, or that bundle is another now.
    """
    began = json.loads((run_dir / DESCRIPTION).read_text(encoding="utf-8"))
    config_before = _filled(current_training_fields(began["config"]), _as_read(TrainingConfig()))
    before = {**flatten_settings(config_before), "folds": began["folds"]}
    asked = {**flatten_settings(_as_read(config)), "folds": n_folds}
    differing = [
        f"{name} {asked.get(name)!r} instead of {before.get(name)!r}"
        for name in dict.fromkeys([*asked, *before])
        if name not in MACHINE_SETTINGS and asked.get(name) != before.get(name)
    ]
    if differing:
        raise ConfigError(
            f"{run_dir}: cannot go on with {', '.join(differing)}; "
            "give the options that it began with, or name another folder"
        )
    if with_new_names(began["images"], IMAGE_FIELDS) != _told_of(store):
        raise DatasetError(
            f"{run_dir}: began with other images than those of {store.folder}; "
            "name the folder that it began with, or another --out"
        )
    asked_for = config.dataset.pretrained
    pretrained = read_pretrained(Path(asked_for)) if asked_for else None
    if began.get("began_with") != _fingerprint(pretrained):
        raise DatasetError(
            f"{run_dir}: began with another bundle than the one that lies in {asked_for} now; "
            "put that one back, or name another --out"
        )


def _fingerprint(pretrained: PretrainedBundle | None) -> str | None:
    return pretrained.bundle.fingerprint if pretrained else None


def _as_read(config: TrainingConfig) -> dict[str, Any]:
    """A config as ``run.json`` gives it back: with lists for tuples."""
    read: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return read


def _filled(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Give settings that are not there their defaults, those of the configs within it as well."""
    filled = {**defaults, **settings}
    for name, default in defaults.items():
        if isinstance(default, Mapping) and isinstance(filled[name], Mapping):
            filled[name] = _filled(filled[name], default)
    return filled


def _told_of(store: ImageStore) -> dict[str, Any]:
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
