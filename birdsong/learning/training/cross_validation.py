"""Cross-validation: out-of-fold logits for every recording, and a network trained on everything.

A network is trained for each fold, on the recordings of the other folds, and predicts its held-out
recordings; ``folds/<number>`` keeps the logits. Together they measure the method and calibrate a
last network, which is trained on all recordings.

References
----------
.. [1] Wolpert (1992), Stacked generalization, Neural Networks 5(2): fit to out-of-fold
   predictions, not to predictions for training items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from birdsong.bundle.calibration_data import CalibrationData
from birdsong.errors import DatasetError
from birdsong.folder_lock import folder_lock
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.evaluation.out_of_fold import measure_out_of_fold
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.checkpoint import STATE
from birdsong.learning.training.cross_validation_config import CrossValidationConfig
from birdsong.learning.training.finished_run import FinishedTraining, finish_run
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.fold_training import HELD_OUT_LOGITS, read_fold, train_networks
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.run_folder import (
    DESCRIPTION,
    FOLDS,
    check_not_used,
    check_same_run,
    write_metrics,
)
from birdsong.learning.training.training_config import TrainingConfig


def train_folds(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    folds: CrossValidationConfig,
    *,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    listener: TrainingListener = SILENT,
) -> dict[str, Any]:
    """Train a network for each fold, then one on all recordings, and write the bundle.

    There is no validation split and no early stopping: each network is trained for all epochs of
    the config.

    Parameters
    ----------
    store : ImageStore
    run_dir : Path
        Created if it does not exist; must not hold a bundle.
    config : TrainingConfig
        The shares of its dataset are ignored.
    folds : CrossValidationConfig
    resume : bool
        Continue a stopped training; finished folds are not trained again.
    origin : Mapping, optional
        Further provenance for the bundle: the command, the licence.
    listener : TrainingListener

    Returns
    -------
    dict
        Content of ``metrics.json``, which includes that of `measure_out_of_fold`.

    Raises
    ------
    ConfigError
        If the training to resume has another config.
    DatasetError
        If there are too few images or sessions, the images differ from those of the training to
        resume, the run folder holds a bundle or, without `resume`, a stopped training, or another
        run is writing into it.
    TaxonomyError
        If the labels cannot be chosen as configured.
    """
    config = replace(
        config,
        dataset=replace(
            config.dataset, validation_share=0.0, calibration_share=0.0, test_share=0.0
        ),
    )
    n_folds = folds.n_folds
    with folder_lock(run_dir):
        _require_free_or_resumed(run_dir, store, config, n_folds, resume=resume)
        datasets = [build_fold(store, config.dataset, n_folds, k) for k in range(n_folds)]
        folders = [run_dir / FOLDS / str(fold) for fold in range(n_folds)]
        missing = {
            k: each for k, each in enumerate(folders) if not (each / HELD_OUT_LOGITS).exists()
        }
        final = {} if folds.folds_only else {n_folds: run_dir}
        trained = train_networks(
            store,
            config,
            {**missing, **final},
            n_folds,
            n_parallel=folds.n_parallel,
            listener=listener,
        )
        fold_logits, by_fold = [], []
        for fold, folder in enumerate(folders):
            if fold in missing:
                next(trained)
            (folder / STATE).unlink(missing_ok=True)
            fold_logits.append(read_fold(folder, datasets[fold]))
            by_fold.append(measure_logits(fold_logits[-1], datasets[fold].label_space))
            listener.on_fold(fold, by_fold[-1])
        everything = build_dataset(store, config.dataset)
        logits = CalibrationData.concatenate(fold_logits)
        metrics = _metrics(logits, by_fold, everything, store, config)
        write_metrics(run_dir, metrics)
        if folds.folds_only:
            return metrics
        next(trained)
        model, history = fit_network(store, everything, config, run_dir, n_folds=n_folds)
        training = FinishedTraining(
            model=model,
            dataset=everything,
            history=history,
            metrics=metrics,
            calibration_data=logits,
            origin={**(origin or {}), "folds": n_folds},
        )
        finish_run(training, store, config, run_dir)
        return metrics


def _metrics(
    logits: CalibrationData,
    by_fold: Sequence[Mapping[str, float]],
    everything: Dataset,
    store: ImageStore,
    config: TrainingConfig,
) -> dict[str, Any]:
    return {
        "rank": config.dataset.rank,
        "seed": config.seed,
        "epochs": config.epochs,
        "folds": len(by_fold),
        **measure_out_of_fold(
            logits,
            by_fold,
            everything.label_space,
            segment_s=store.config.segment_s,
            seed=config.seed,
        ),
    }


def _require_free_or_resumed(
    run_dir: Path, store: ImageStore, config: TrainingConfig, n_folds: int, *, resume: bool
) -> None:
    """Refuse a folder that holds another run, or a stopped one without `resume`."""
    check_not_used(run_dir)
    started = [
        folder
        for folder in (run_dir, *sorted(run_dir.glob(f"{FOLDS}/*")))
        if (folder / DESCRIPTION).exists()
    ]
    if started and not resume:
        raise DatasetError(
            f"{run_dir}: holds a training that was stopped; "
            "add --resume to continue it, or name another folder"
        )
    for folder in started:
        check_same_run(folder, store, config, n_folds=n_folds)
