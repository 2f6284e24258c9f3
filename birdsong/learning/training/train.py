"""From a folder of images to a run folder with a bundle: one network, parts held out.

A run folder holds ``run.json`` (configs, versions, counts), ``model.txt`` (the summary),
``history.csv`` and ``history.png``, ``system.csv`` and ``system.png``, the weights that were kept,
``metrics.json`` for the recordings that nothing looked at before, and ``bundle``; while the
training lasts, the state to go on from.
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
from birdsong.learning.evaluation.calibration_fit import as_kept, fit_calibration
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.checkpoint import kept_epochs
from birdsong.learning.training.finished_run import FinishedTraining, finish_run
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.run_folder import FOLDS, check_free, check_same_run
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
    listener : TrainingListener

    Returns
    -------
    dict
        The content of ``metrics.json``: by recording, on sessions that the network did not see.

    Raises
    ------
    ConfigError
        If the training to go on with had another config.
    DatasetError
        If the images do not suffice or are others than before, or the run folder has a bundle
        already or, without `resume`, a training that was stopped.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    with folder_lock(run_dir):
        _require_free_or_resumed(run_dir, store, config, resume=resume)
        dataset = build_dataset(store, config.dataset)
        listener.on_dataset(dataset)
        model, history = fit_network(store, dataset, config, run_dir, listener=listener)
        logits = _predict_splits(model, store, dataset, config.n_threads)
        calibration = None
        if "calibration" in logits:
            logits["calibration"] = as_kept(logits["calibration"])
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
    """Refuse a folder that holds another run, or one that was stopped and is not to go on."""
    check_free(run_dir)
    if (run_dir / FOLDS).exists():
        raise DatasetError(
            f"{run_dir}: holds a training in folds; go on with it by --folds and --resume, "
            "or name another folder"
        )
    past = kept_epochs(run_dir)
    if past and not resume:
        raise DatasetError(
            f"{run_dir}: holds a training that was stopped after epoch {len(past)}; "
            "add --resume to go on with it, or name another folder"
        )
    if past:
        check_same_run(run_dir, store, config)


def _predict_splits(
    model: keras.Model, store: ImageStore, dataset: Dataset, n_threads: int
) -> dict[str, CalibrationData]:
    """Logits for the recordings of each split that is kept apart, where it is not empty."""
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
