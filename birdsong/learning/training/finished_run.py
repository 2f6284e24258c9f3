"""Writes the results of a finished training: history plot, metrics and bundle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import WEIGHTS, write_bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.csv_tables import write_table
from birdsong.images.store import ImageStore
from birdsong.images.tables import ATTRIBUTION, AttributionRow, known_attribution
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.evaluation.calibration_fit import calibrate
from birdsong.learning.export.int8_quantization import calibration_images, quantize_int8
from birdsong.learning.export.onnx_export import to_onnx
from birdsong.learning.training.checkpoint import STATE
from birdsong.learning.training.history_plot import write_history_plot
from birdsong.learning.training.run_folder import DESCRIPTION, write_metrics
from birdsong.learning.training.training_config import TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedTraining:
    """The result of a training.

    Attributes
    ----------
    model : keras.Model
        With the final weights.
    dataset : Dataset
    history : sequence of mappings
        Metrics of each epoch.
    metrics : Mapping
        Content of ``metrics.json``.
    calibration_data : CalibrationData or None
        Logits of held-out recordings.
    origin : Mapping
        Further provenance for the bundle: the command, the licence.
    """

    model: keras.Model
    dataset: Dataset
    history: Sequence[Mapping[str, float]]
    metrics: Mapping[str, Any]
    calibration_data: CalibrationData | None
    origin: Mapping[str, Any]


def finish_run(
    training: FinishedTraining, store: ImageStore, config: TrainingConfig, run_dir: Path
) -> None:
    """Write the history plot, ``metrics.json`` and ``bundle``, and delete the checkpoint.

    Parameters
    ----------
    training : FinishedTraining
    store : ImageStore
    config : TrainingConfig
    run_dir : Path
    """
    write_history_plot(training.history, run_dir / "history.png")
    write_metrics(run_dir, training.metrics)
    bundle = _build_bundle(training, store, config, run_dir)
    # A copy without the optimizer's state, which is twice as large, and without the loss.
    copy = type(training.model).from_config(training.model.get_config())
    copy.set_weights(training.model.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / WEIGHTS
        copy.save_weights(weights)
        write_bundle(calibrate(bundle), run_dir / "bundle", weights=weights)
    _write_attribution(store, training.dataset, run_dir / "bundle")
    (run_dir / STATE).unlink()


def _build_bundle(
    training: FinishedTraining, store: ImageStore, config: TrainingConfig, run_dir: Path
) -> Bundle:
    dataset = training.dataset
    described = json.loads((run_dir / DESCRIPTION).read_text(encoding="utf-8"))
    model_onnx = to_onnx(training.model)
    if config.int8:
        images = calibration_images(store, dataset.train, config.seed)
        model_onnx = quantize_int8(model_onnx, images)
    return Bundle(
        name=run_dir.name,
        labels=dataset.labels,
        taxonomy=dataset.taxonomy,
        spectrogram=store.config,
        filters=store.filters,
        step_s=float(store.settings["step_s"]),
        model_onnx=model_onnx,
        sessions=dataset.known_sessions,
        provenance={
            "config": asdict(config),
            "versions": described["versions"],
            "machine": described.get("machine"),  # missing in older runs
            "learned_from": dataset.training_counts(),
            "training_s": round(sum(epoch["seconds"] for epoch in training.history)),
            **training.origin,
            **_pretrained_provenance(dataset, training.origin),
            "metrics": training.metrics,
        },
        calibration_data=training.calibration_data,
    )


def _pretrained_provenance(dataset: Dataset, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance of the pretrained bundle; its licence is used if the training names none."""
    if (pretrained := dataset.pretrained) is None:
        return {}
    licence = str(origin.get("licence") or pretrained.bundle.licence)
    return {"began_with": pretrained.provenance(), "licence": licence}


def _write_attribution(store: ImageStore, dataset: Dataset, folder: Path) -> None:
    """Write the recordists of the training recordings, as far as the images' folder names them."""
    rows = dataset.pretrained.attribution() if dataset.pretrained else []
    sessions = dataset.known_sessions
    learned = {row.recording for row in store.rows if row.session in sessions}
    own = [row for row in known_attribution(store.folder) if row.recording in learned]
    if rows := list(dict.fromkeys([*own, *rows])):
        write_table(folder / ATTRIBUTION, AttributionRow, rows)
