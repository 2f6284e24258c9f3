"""From a folder of images to a run folder with a bundle: one network, parts held out.

A run folder holds ``run.json`` (configs, versions, counts), ``model.txt`` (the summary),
``history.csv`` and ``history.png``, ``system.csv`` and ``system.png``, the weights that were kept,
``metrics.json`` for the recordings that nothing looked at before, and ``bundle``; while the
training lasts, the state to go on from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from birdsong.errors import DatasetError
from birdsong.folder_lock import folder_lock
from birdsong.images.store import ImageStore
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_builder import build_dataset
from birdsong.learning.evaluation.calibration_fit import as_kept, fit_calibration
from birdsong.learning.evaluation.inference import predict_split_logits
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.checkpoint import kept_epochs
from birdsong.learning.training.fit import fit_network
from birdsong.learning.training.run_folder import FOLDS, check_free, check_same_run, finish_run
from birdsong.learning.training.training_config import TrainingConfig


def train(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    *,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    on_dataset: Callable[[Dataset], None] | None = None,
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
    on_dataset : callable, optional
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
        If the images do not suffice or are others than before, or the run folder has a bundle
        already or, without `resume`, a training that was stopped.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    with folder_lock(run_dir):
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
        dataset = build_dataset(store, config.dataset)
        if on_dataset:
            on_dataset(dataset)
        model, history = fit_network(store, dataset, config, run_dir, on_epoch=on_epoch)
        heard = {
            name: predict_split_logits(
                model.predict_on_batch, store, part, dataset.class_index_of, config
            )
            for name, part in (
                ("validation", dataset.validation),
                ("calibration", dataset.calibration),
                ("test", dataset.test),
            )
            if part.rows
        }
        calibration = None
        if "calibration" in heard:
            heard["calibration"] = as_kept(heard["calibration"])
            fitted = fit_calibration(heard["calibration"], dataset.label_space)
            calibration = fitted.calibration
        metrics = {
            "rank": config.dataset.rank,
            "seed": config.seed,
            "epochs": len(history),
            "calibration": {
                "recordings": len(heard["calibration"]) if calibration else 0,
                "highest_promise": calibration.promises.highest if calibration else None,
            },
            **{
                name: (
                    measure_logits(heard[name], dataset.label_space, calibration)
                    if name in heard
                    else {"recordings": 0}
                )
                for name in ("validation", "test")
            },
        }
        finish_run(
            model, store, dataset, config, run_dir,
            history=history, metrics=metrics, calibration_data=heard.get("calibration"),
            told=origin or {},
        )  # fmt: skip
        return metrics
