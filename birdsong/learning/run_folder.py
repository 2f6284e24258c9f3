"""What a run folder tells: what was trained, from what, with which versions; and the bundle."""

from __future__ import annotations

import io
import json
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

import birdsong
from birdsong.atomic import write_atomically
from birdsong.bundle import WEIGHTS, Bundle, write_bundle
from birdsong.errors import ConfigError, DatasetError
from birdsong.images.store import ImageStore
from birdsong.learning.material import Material
from birdsong.learning.onnx_export import to_onnx
from birdsong.learning.training_config import TrainingConfig
from birdsong.recordings.sessions import PARTS

CHECKPOINT = "best.weights.h5"
DESCRIPTION = "run.json"


def write_run_description(
    run_dir: Path, store: ImageStore, config: TrainingConfig, material: Material, model: keras.Model
) -> None:
    """Write ``run.json`` and ``model.txt``, before the first epoch."""
    parts = (material.train, material.validation, material.test)
    description = {
        "config": asdict(config),
        "images": _told_of(store),
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
    write_atomically(run_dir / DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())
    summary = io.StringIO()
    model.summary(print_fn=lambda line: summary.write(line + "\n"), line_length=100)
    write_atomically(run_dir / "model.txt", summary.getvalue().encode())


def check_same_run(run_dir: Path, store: ImageStore, config: TrainingConfig) -> None:
    """See that a training goes on with what it began with.

    Raises
    ------
    ConfigError
        If ``run.json`` tells of another config; the message names each setting that differs.
    DatasetError
        If it tells of other pictures.
    """
    began = json.loads((run_dir / DESCRIPTION).read_text(encoding="utf-8"))
    asked = json.loads(json.dumps(asdict(config)))
    differing = [
        f"{name} {asked[name]!r} instead of {began['config'].get(name)!r}"
        for name in asked
        if name != "n_threads" and asked[name] != began["config"].get(name)
    ]
    if differing:
        raise ConfigError(
            f"{run_dir}: cannot go on with {', '.join(differing)}; "
            "give the options that it began with, or name another folder"
        )
    if began["images"] != _told_of(store):
        raise DatasetError(
            f"{run_dir}: began with other pictures than those of {store.folder}; "
            "name the folder that it began with, or another --out"
        )


def _told_of(store: ImageStore) -> dict[str, Any]:
    return {
        "fingerprint": store.config.fingerprint(),
        "pictures": len(store.rows),
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


def write_run_bundle(
    model: keras.Model,
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    run_dir: Path,
    told: Mapping[str, Any],
) -> None:
    """Write ``bundle``, with the network as ONNX and as Keras's weights.

    Parameters
    ----------
    model : keras.Model
    store : ImageStore
    material : Material
    config : TrainingConfig
    run_dir : Path
    told : Mapping
        What else the bundle tells of where it came from.
    """
    bundle = Bundle(
        name=run_dir.name,
        labels=material.labels,
        taxonomy=material.taxonomy,
        spectrogram=store.config,
        filters=store.filters,
        step_s=float(store.settings["step_s"]),
        model_onnx=to_onnx(model),
        sessions=material.train.sessions | material.validation.sessions,
        provenance={
            "config": asdict(config),
            "versions": _versions(),
            "learned_from": material.learned_from(),
            **told,
        },
    )
    bare = keras.models.clone_model(model)  # without the optimizer's state, twice its size
    bare.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / WEIGHTS
        bare.save_weights(weights)
        write_bundle(bundle, run_dir / "bundle", weights=weights)
