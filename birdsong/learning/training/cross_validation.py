"""Cross-validation: logits for every recording from a network that did not learn from its session.

As many networks are trained as there are folds, each on the recordings of all others, and the
logits for the recordings held out from it are kept in ``folds/<number>``. Together these measure
the method, and calibrate one more network, which is trained on everything.

References
----------
.. [1] Wolpert (1992), Stacked generalization, Neural Networks 5(2): what is fitted to predictions
   must be fitted to those for items that the predictor has not seen.
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
from birdsong.learning.training.listener import SILENT, TrainingListener
from birdsong.learning.training.one_fold import HEARD, read_fold, train_each
from birdsong.learning.training.run_folder import (
    DESCRIPTION,
    FOLDS,
    check_free,
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
    """Train a network for each fold, then one on everything, and write the bundle.

    No network is steered by recordings that it does not learn from: each is trained for as many
    epochs as the config says.

    Parameters
    ----------
    store : ImageStore
    run_dir : Path
        Made if need be; must hold no bundle yet.
    config : TrainingConfig
        The shares of its dataset do not count.
    folds : CrossValidationConfig
    resume : bool
        Go on where a stopped training was; a fold that was finished is not trained again.
    origin : Mapping, optional
        What else the bundle keeps of where it came from: the command, the licence.
    listener : TrainingListener

    Returns
    -------
    dict
        The content of ``metrics.json``, with what `measure_out_of_fold` returns.

    Raises
    ------
    ConfigError
        If the training to go on with had another config.
    DatasetError
        If the images do not suffice or are others than before, there are too few sessions for
        so many folds, or the run folder has a bundle already or, without `resume`, a training
        that was stopped; or if another run is writing into it.
    TaxonomyError
        If the labels cannot be chosen as asked.
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
        missing = {k: each for k, each in enumerate(folders) if not (each / HEARD).exists()}
        last = {} if folds.folds_only else {n_folds: run_dir}
        trained = train_each(
            store, config, {**missing, **last}, n_folds, at_once=folds.at_once, listener=listener
        )
        parts, by_fold = [], []
        for fold, folder in enumerate(folders):
            if fold in missing:
                next(trained)
            (folder / STATE).unlink(missing_ok=True)
            parts.append(read_fold(folder, datasets[fold]))
            by_fold.append(measure_logits(parts[-1], datasets[fold].label_space))
            listener.on_fold(fold, by_fold[-1])
        everything = build_dataset(store, config.dataset)
        logits = CalibrationData.concatenate(parts)
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
    """Refuse a folder that holds another run, or one that was stopped and is not to go on."""
    check_free(run_dir)
    began = [
        folder
        for folder in (run_dir, *sorted(run_dir.glob(f"{FOLDS}/*")))
        if (folder / DESCRIPTION).exists()
    ]
    if began and not resume:
        raise DatasetError(
            f"{run_dir}: holds a training that was stopped; "
            "add --resume to go on with it, or name another folder"
        )
    for folder in began:
        check_same_run(folder, store, config, n_folds=n_folds)
