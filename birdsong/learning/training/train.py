"""Trains a network on a folder of images and writes a run folder with a bundle.

A run folder holds ``run.json`` (config, versions, counts), ``model.txt`` (the summary),
``history.csv`` and ``history.png``, ``system.csv`` and ``system.png``, the best weights,
``metrics.json`` with the metrics on the test split, and ``bundle``. During the training it also
holds the checkpoint to resume from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from birdsong.bundle.calibration_data import CalibrationData
from birdsong.errors import DatasetError
from birdsong.folder_lock import folder_lock
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.evaluation.calibration_fit import fit_calibration, round_logits
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.checkpoint import read_epochs
from birdsong.learning.training.finished_run import FinishedTraining, finish_run
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.run_folder import FOLDS, check_not_used, check_same_run
from birdsong.learning.training.training_config import TrainingConfig


def train(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    *,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    listener: TrainingListener = SILENT,
) -> dict[str, Any]:
    """Train a network, keep the weights of its best epoch, and write the bundle.

    Parameters
    ----------
    store : ImageStore
    run_dir : Path
        Created if it does not exist; must not hold a bundle.
    config : TrainingConfig
    resume : bool
        Continue after the last finished epoch of a stopped training in `run_dir`, if there is one.
        The result is the same as without the stop.
    origin : Mapping, optional
        Further provenance for the bundle: the command, the licence.
    listener : TrainingListener

    Returns
    -------
    dict
        Content of ``metrics.json``: metrics by recording, on sessions that are not in training.

    Raises
    ------
    ConfigError
        If the training to resume has another config.
    DatasetError
        If there are too few images, they differ from those of the training to resume, or the run
        folder holds a bundle or, without `resume`, a stopped training.
    TaxonomyError
        If the labels cannot be chosen as configured.
    """
    with folder_lock(run_dir):
        _require_free_or_resumed(run_dir, store, config, resume=resume)
        dataset = build_dataset(store, config.dataset)
        listener.on_dataset(dataset)
        model, history = fit_network(store, dataset, config, run_dir, listener=listener)
        logits = _predict_splits(model, store, dataset, config.n_threads)
        calibration = None
        if "calibration" in logits:
            logits["calibration"] = round_logits(logits["calibration"])
            fitted = fit_calibration(logits["calibration"], dataset.label_space)
            calibration = fitted.calibration
        metrics = {
            "rank": config.dataset.rank,
            "seed": config.seed,
            "epochs": len(history),
            "calibration": {
                "recordings": len(logits["calibration"]) if calibration else 0,
                "highest_promise": calibration.promises.highest if calibration else None,
            },
            **{
                name: measure_logits(logits[name], dataset.label_space, calibration)
                if name in logits
                else {"recordings": 0}
                for name in ("validation", "test")
            },
        }
        training = FinishedTraining(
            model=model,
            dataset=dataset,
            history=history,
            metrics=metrics,
            calibration_data=logits.get("calibration"),
            origin=origin or {},
        )
        finish_run(training, store, config, run_dir)
        return metrics


def _require_free_or_resumed(
    run_dir: Path, store: ImageStore, config: TrainingConfig, *, resume: bool
) -> None:
    """Refuse a folder that holds another run, or a stopped one without `resume`."""
    check_not_used(run_dir)
    if (run_dir / FOLDS).exists():
        raise DatasetError(
            f"{run_dir}: holds a cross-validation; continue it with --folds and --resume, "
            "or name another folder"
        )
    epochs = read_epochs(run_dir)
    if epochs and not resume:
        raise DatasetError(
            f"{run_dir}: holds a training that was stopped after epoch {len(epochs)}; "
            "add --resume to continue it, or name another folder"
        )
    if epochs:
        check_same_run(run_dir, store, config)


def _predict_splits(
    model: keras.Model, store: ImageStore, dataset: Dataset, n_threads: int
) -> dict[str, CalibrationData]:
    """Predict the recordings of each held-out split that is not empty."""
    return {
        name: predict_split_logits(
            model.predict_on_batch, store, split, dataset.class_index_of, n_threads=n_threads
        )
        for name, split in (
            ("validation", dataset.validation),
            ("calibration", dataset.calibration),
            ("test", dataset.test),
        )
        if split.rows
    }
