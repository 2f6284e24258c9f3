"""Every recording heard once by a network that did not learn from its session.

As many networks are trained as there are folds, each on the recordings of all others, and what each
says of the recordings held out from it is kept in ``folds/<number>``. Together these are the
measurement of the method and the calibration of one more network, which is trained on everything.

References
----------
.. [1] Wolpert (1992), Stacked generalization, Neural Networks 5(2): what is fitted to predictions
   must be fitted to those for items that the predictor has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from birdsong.bundle.calibration_data import CalibrationData
from birdsong.errors import ConfigError, DatasetError
from birdsong.folder_lock import folder_lock
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_builder import build_dataset, build_fold
from birdsong.learning.evaluation.out_of_fold import measure_out_of_fold
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.checkpoint import STATE
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.one_fold import HEARD, read_fold, train_each
from birdsong.learning.training.run_folder import (
    DESCRIPTION,
    FOLDS,
    check_free,
    check_same_run,
    finish_run,
    write_metrics,
)
from birdsong.learning.training.training_config import TrainingConfig


def train_folds(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    n_folds: int,
    *,
    at_once: int = 1,
    folds_only: bool = False,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    on_dataset: Callable[[Dataset], None] | None = None,
    on_fold: Callable[[int, Mapping[str, float]], None] | None = None,
    on_epoch: Callable[[Mapping[str, float]], None] | None = None,
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
        The shares of its material do not count.
    n_folds : int
        2 or more.
    at_once : int, at least 1
        How many networks are trained at a time, each in a process that has its share of the
        cores; the one on everything is then among them.
    folds_only : bool
        Stop when the folds are measured; `resume` goes on from there.
    resume : bool
        Go on where a stopped training was; a fold that was finished is not trained again.
    origin : Mapping, optional
        What else the bundle should tell of where it came from: the command, the licence.
    on_dataset : callable, optional
        Told what will be learned from before each training begins; this and `on_epoch` are called
        in the process that trains.
    on_fold : callable, optional
        Told the number of each fold and how good its network is, when it is finished.
    on_epoch : callable, optional
        Told the numbers of each epoch when it ends, with the number of its ``fold``.

    Returns
    -------
    dict
        The content of ``metrics.json``, with what `measure_out_of_fold` says.

    Raises
    ------
    ConfigError
        If there are fewer than two folds, or the training to go on with had another config.
    DatasetError
        If the images do not suffice or are others than before, there are too few sessions for
        so many folds, or the run folder has a bundle already or, without `resume`, a training
        that was stopped; or if another run is writing into it.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    if n_folds < 2:
        raise ConfigError(f"n_folds must be at least 2, got {n_folds}")
    with folder_lock(run_dir):
        config = replace(
            config,
            dataset=replace(
                config.dataset, validation_share=0.0, calibration_share=0.0, test_share=0.0
            ),
        )
        check_free(run_dir)
        began = [
            f for f in (run_dir, *sorted(run_dir.glob(f"{FOLDS}/*"))) if (f / DESCRIPTION).exists()
        ]
        if began and not resume:
            raise DatasetError(
                f"{run_dir}: holds a training that was stopped; "
                "add --resume to go on with it, or name another folder"
            )
        for folder in began:
            check_same_run(folder, store, config, n_folds=n_folds)

        datasets = [build_fold(store, config.dataset, n_folds, k) for k in range(n_folds)]
        folders = [run_dir / FOLDS / str(fold) for fold in range(n_folds)]
        missing = {k: each for k, each in enumerate(folders) if not (each / HEARD).exists()}
        last = {} if folds_only else {n_folds: run_dir}
        trained = train_each(
            store, config, {**missing, **last}, n_folds,
            at_once=at_once, on_dataset=on_dataset, on_epoch=on_epoch,
        )  # fmt: skip
        parts, by_fold = [], []
        for fold, folder in enumerate(folders):
            if fold in missing:
                next(trained)
            (folder / STATE).unlink(missing_ok=True)
            parts.append(read_fold(folder, datasets[fold]))
            by_fold.append(measure_logits(parts[-1], datasets[fold].label_space))
            if on_fold:
                on_fold(fold, by_fold[-1])
        everything = build_dataset(store, config.dataset)
        heard = CalibrationData.concatenate(parts)
        metrics = {
            "rank": config.dataset.rank,
            "seed": config.seed,
            "epochs": config.epochs,
            "folds": n_folds,
            **measure_out_of_fold(
                heard,
                by_fold,
                everything.label_space,
                segment_s=store.config.segment_s,
                seed=config.seed,
            ),
        }
        write_metrics(run_dir, metrics)
        if folds_only:
            return metrics
        next(trained)
        model, history = fit_network(store, everything, config, run_dir, n_folds=n_folds)
        told = {**(origin or {}), "folds": n_folds}
        finish_run(
            model, store, everything, config, run_dir,
            history=history, metrics=metrics, calibration_data=heard, told=told,
        )  # fmt: skip
        return metrics
