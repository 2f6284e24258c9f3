"""Accuracy with segments around songs or on a grid, weighted by song level or equally.

    python -m benchmarks.segment_placement --run runs/birds --images images --audio audio

The networks of a run of ``birdsong train --folds`` predict their held-out recordings as
``birdsong classify`` does, in four ways: with segments on the grid of ``--overlap 0.5`` or around
songs, which is the default; and with equal weights or weights by the amplitude of the song. The
means of the folds are printed, by recording.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from birdsong.answers.segment_logits import run_inference
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import read_bundle
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.onnx_network import Network
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.data.dataset_builder import build_fold
from birdsong.learning.evaluation.scores import measure_logits
from birdsong.learning.training.run_folder import CHECKPOINT, DESCRIPTION, FOLDS
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.learning.training.training_setup import build_network
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import read_manifest

OVERLAPS_S = {"regular grid": 0.5, "around songs": None}
METRICS = ("top1", "top5", "top1_genus", "macro_recall")


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict with the network of every fold in all four ways."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.segment_placement", description=__doc__
    )
    parser.add_argument("--run", type=Path, required=True, help="a run in folds")
    parser.add_argument("--images", type=Path, required=True, help="the images of that run")
    parser.add_argument("--manifest", type=Path, default=Path("data_manifest.csv"))
    parser.add_argument("--audio", type=Path, required=True, help="the recordings of these")
    options = parser.parse_args(arguments)
    store, bundle = open_store(options.images), read_bundle(options.run / "bundle")
    folder = AudioFolder(options.audio)
    recordings = {each.name: each for each in read_manifest(options.manifest)}
    measured: dict[str, list[dict[str, float]]] = {}
    for fold in sorted((options.run / FOLDS).iterdir(), key=lambda path: int(path.name)):
        for way, data, dataset in _predict(
            fold, store, bundle, lambda name: folder.find(recordings[name])
        ):
            measured.setdefault(way, []).append(measure_logits(data, dataset.label_space))
    for way, by_fold in measured.items():
        means = [f"{name} {100 * np.mean([m[name] for m in by_fold]):.1f} %" for name in METRICS]
        print(f"{way}: {', '.join(means)}")
    return 0


def _predict(
    folder: Path, store: ImageStore, bundle: Bundle, file_of: Callable[[str], Path]
) -> Iterator[tuple[str, CalibrationData, Dataset]]:
    """Logits of the network of a fold, with the name of each way."""
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    config = TrainingConfig.from_dict(description["config"])
    dataset = build_fold(store, config.dataset, description["folds"], int(folder.name))
    model = build_network(store, dataset, config).network
    model.load_weights(folder / CHECKPOINT)

    def logits(images: Any) -> Any:
        return model.predict_on_batch(images[..., np.newaxis])

    network = cast(Network, SimpleNamespace(logits=logits))
    files = [file_of(name) for name in dataset.test.recordings]
    for placement, overlap_s in OVERLAPS_S.items():
        predicted = [run_inference(file, bundle, network, overlap_s=overlap_s) for file in files]
        data = CalibrationData(
            logits=np.concatenate([each.logits for each in predicted]),
            starts_s=np.concatenate([each.starts_s for each in predicted]).astype(np.float32),
            signal_level_db=np.concatenate([each.signal_level_db for each in predicted]),
            offsets=np.cumsum([0, *(len(each.logits) for each in predicted)]),
            y_true=np.array([dataset.class_index_of[name] for name in dataset.test.recordings]),
            folds=np.full(len(files), int(folder.name)),
            recordings=dataset.test.recordings,
            sessions=dataset.test.recordings,  # not used by these metrics
        )
        equal = replace(data, signal_level_db=np.zeros_like(data.signal_level_db))
        yield f"{placement}, equal weights", equal, dataset
        yield f"{placement}, weighted by song", data, dataset


if __name__ == "__main__":
    sys.exit(main())
