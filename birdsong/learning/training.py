"""From a folder of pictures to a run folder with a bundle: one network, parts held out.

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
from birdsong.images.store import ImageStore
from birdsong.learning.calibration import as_kept, fit_calibration
from birdsong.learning.evaluation import measure_heard
from birdsong.learning.fitting import fit_network
from birdsong.learning.gathering import gather
from birdsong.learning.hearing import hear_part
from birdsong.learning.material import Material
from birdsong.learning.resume import kept_epochs
from birdsong.learning.run_folder import FOLDS, check_free, check_same_run, finish_run
from birdsong.learning.training_config import TrainingConfig
from birdsong.one_writer import one_writer


def train(
    store: ImageStore,
    run_dir: Path,
    config: TrainingConfig,
    *,
    resume: bool = False,
    origin: Mapping[str, str] | None = None,
    on_material: Callable[[Material], None] | None = None,
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
    on_material : callable, optional
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
        If the pictures do not suffice or are others than before, or the run folder has a bundle
        already or, without `resume`, a training that was stopped.
    TaxonomyError
        If the labels cannot be chosen as asked.
    """
    with one_writer(run_dir):
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
        material = gather(store, config.material)
        if on_material:
            on_material(material)
        model, history = fit_network(store, material, config, run_dir, on_epoch=on_epoch)
        heard = {
            name: hear_part(model.predict_on_batch, store, part, material.class_index_of, config)
            for name, part in (
                ("validation", material.validation),
                ("calibration", material.calibration),
                ("test", material.test),
            )
            if part.rows
        }
        calibration = None
        if "calibration" in heard:
            heard["calibration"] = as_kept(heard["calibration"])
            calibration = fit_calibration(
                heard["calibration"],
                material.bird_labels,
                material.taxonomy,
                background=material.has_background,
            ).calibration
        metrics = {
            "rank": config.material.rank,
            "seed": config.seed,
            "epochs": len(history),
            "calibration": {
                "recordings": len(heard["calibration"]) if calibration else 0,
                "highest_promise": calibration.promises.highest if calibration else None,
            },
            **{
                name: (
                    measure_heard(heard[name], material, calibration)
                    if name in heard
                    else {"recordings": 0}
                )
                for name in ("validation", "test")
            },
        }
        finish_run(
            model, store, material, config, run_dir,
            history=history, metrics=metrics, calibration_data=heard.get("calibration"),
            told=origin or {},
        )  # fmt: skip
        return metrics
