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

import keras
import numpy as np

from birdsong.atomic import write_atomically
from birdsong.calibration_data import (
    CalibrationData,
    calibration_from_bytes,
    calibration_to_bytes,
)
from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.learning.evaluation import measure_heard
from birdsong.learning.fitting import fit_network
from birdsong.learning.gathering import gather, gather_fold
from birdsong.learning.hearing import hear_part
from birdsong.learning.material import Material
from birdsong.learning.promises_kept import measure_promises
from birdsong.learning.resume import STATE
from birdsong.learning.run_folder import (
    DESCRIPTION,
    FOLDS,
    check_free,
    check_same_run,
    finish_run,
    write_metrics,
)
from birdsong.learning.training_config import TrainingConfig
from birdsong.one_writer import one_writer
from birdsong.taxa.rules import BY_HAND, RULES

HEARD = "held_out.npz"
"""In a fold's folder: what its network said of the recordings held out from it."""


def train_folds(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    n_folds: int,
    *,
    folds_only: bool = False,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    on_material: Callable[[Material], None] | None = None,
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
    folds_only : bool
        Stop when the folds are measured; `resume` goes on from there.
    resume : bool
        Go on where a stopped training was; a fold that was finished is not trained again.
    origin : Mapping, optional
        What else the bundle should tell of where it came from: the command, the licence.
    on_material : callable, optional
        Told what will be learned from before each training begins.
    on_fold : callable, optional
        Told the number of each fold and how good its network is, when it is finished.
    on_epoch : callable, optional
        Told the numbers of each epoch when it ends.

    Returns
    -------
    dict
        The content of ``metrics.json``: ``out_of_fold`` for all recordings that were held out,
        ``by_fold``, ``mean_of_folds``, and ``promises``, as `promises_kept.measure_promises` says.

    Raises
    ------
    ConfigError
        If the training to go on with had another config.
    DatasetError
        If the pictures do not suffice or are others than before, there are too few sessions for
        so many folds, or the run folder has a bundle already or, without `resume`, a training
        that was stopped; or if another run is writing into it.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    with one_writer(run_dir):
        config = replace(
            config,
            material=replace(
                config.material, validation_share=0.0, calibration_share=0.0, test_share=0.0
            ),
        )
        check_free(run_dir)
        folders = [run_dir / FOLDS / str(fold) for fold in range(n_folds)]
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

        parts, by_fold = [], []
        for fold, folder in enumerate(folders):
            material = gather_fold(store, config.material, n_folds, fold)
            if not (folder / HEARD).exists():
                if on_material:
                    on_material(material)
                data = _train_fold(store, material, config, folder, n_folds, fold, on_epoch)
                write_atomically(folder / HEARD, calibration_to_bytes(data))
            (folder / STATE).unlink(missing_ok=True)
            parts.append(_read_fold(folder / HEARD, material))
            by_fold.append(measure_heard(parts[-1], material))
            if on_fold:
                on_fold(fold, by_fold[-1])
        everything = gather(store, config.material)
        heard = CalibrationData.concatenate(parts)
        metrics = {
            "rank": config.material.rank,
            "seed": config.seed,
            "epochs": config.epochs,
            "folds": n_folds,
            "out_of_fold": measure_heard(heard, everything),
            "mean_of_folds": {
                name: float(np.mean([each[name] for each in by_fold if name in each]))
                for name in dict.fromkeys(name for each in by_fold for name in each)
                if name not in ("recordings", "sessions")
            },
            "by_fold": by_fold,
            "promises": measure_promises(
                heard,
                everything.bird_labels,
                everything.taxonomy,
                background=everything.has_background,
                segment_s=store.config.segment_s,
                rules=(*RULES, *BY_HAND),
                seed=config.seed,
            ),
        }
        write_metrics(run_dir, metrics)
        if folds_only:
            return metrics
        if on_material:
            on_material(everything)
        keras.backend.clear_session()
        model, history = fit_network(
            store, everything, config, run_dir, n_folds=n_folds, on_epoch=on_epoch
        )
        told = {**(origin or {}), "folds": n_folds}
        finish_run(
            model, store, everything, config, run_dir,
            history=history, metrics=metrics, calibration_data=heard, told=told,
        )  # fmt: skip
        return metrics


def _train_fold(
    store: ImageStore,
    material: Material,
    config: TrainingConfig,
    folder: Path,
    n_folds: int,
    fold: int,
    on_epoch: Callable[[Mapping[str, float]], None] | None,
) -> CalibrationData:
    keras.backend.clear_session()
    model, _ = fit_network(store, material, config, folder, n_folds=n_folds, on_epoch=on_epoch)
    return hear_part(
        model.predict_on_batch, store, material.test, material.class_index_of, config, fold=fold
    )


def _read_fold(path: Path, material: Material) -> CalibrationData:
    """Read what a fold's network said, and see that it speaks of the recordings held out."""
    try:
        data = calibration_from_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path}: cannot be read ({error}); delete it to train the fold anew"
        ) from error
    expected = [(name, material.class_index_of[name]) for name in material.test.recordings]
    n_columns = len(material.labels)
    if (
        sorted(zip(data.recordings, data.y_true.tolist(), strict=True)) != sorted(expected)
        or data.logits.shape[1] != n_columns
    ):
        raise DatasetError(
            f"{path}: holds other recordings or labels than this fold; delete it to train it anew"
        )
    return data
