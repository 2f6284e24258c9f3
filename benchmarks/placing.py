"""What it gains to look around songs, and to weigh segments by how loud their song is.

    python -m benchmarks.placing --run runs/birds --images images --manifest M --audio audio

The networks of a run of ``birdsong train --folds`` are asked about the recordings that they did not
hear, cut into segments in four ways: on the regular grid that ``birdsong classify --overlap 0.5``
walks, or around songs, as it does by default; each segment counting as much, or as the amplitude of
its song. Told is the mean of the folds, by recording.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from birdsong.calibration_data import CalibrationData
from birdsong.images.augment_config import AugmentConfig
from birdsong.images.store import ImageStore, open_store
from birdsong.learning.evaluation import measure_heard
from birdsong.learning.gathering import gather_fold
from birdsong.learning.material import Material
from birdsong.learning.material_config import MaterialConfig
from birdsong.learning.prepared import new_network
from birdsong.learning.run_folder import CHECKPOINT, DESCRIPTION, FOLDS
from birdsong.learning.training_config import TrainingConfig
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import read_manifest
from birdsong.sound.audio import AudioReader
from birdsong.sound.grey_levels import song_db
from birdsong.sound.segments import Segment, walk_segments
from birdsong.sound.songs import SongRules, cover_segments

OVERLAP_S = 0.5
METRICS = ("top1", "top5", "top1_genus", "macro_recall")


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask every fold's network in every way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placing", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run in folds")
    parser.add_argument("--images", type=Path, required=True, help="the pictures of that run")
    parser.add_argument("--manifest", type=Path, default=Path("data_manifest.csv"))
    parser.add_argument("--audio", type=Path, required=True, help="the recordings of these")
    asked = parser.parse_args(arguments)
    store, folder = open_store(asked.images), AudioFolder(asked.audio)
    recordings = {each.name: each for each in read_manifest(asked.manifest)}
    measured: dict[str, list[dict[str, float]]] = {}
    for fold in sorted((asked.run / FOLDS).iterdir(), key=lambda path: int(path.name)):
        for way, heard, material in _ask(fold, store, lambda name: folder.find(recordings[name])):
            measured.setdefault(way, []).append(measure_heard(heard, material))
    for way, by_fold in measured.items():
        means = [f"{name} {100 * np.mean([m[name] for m in by_fold]):.1f} %" for name in METRICS]
        print(f"{way}: {', '.join(means)}")
    return 0


def _ask(
    folder: Path, store: ImageStore, file_of: Callable[[str], Path]
) -> Iterator[tuple[str, CalibrationData, Material]]:
    """What a fold's network says, by the name of each way."""
    told = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    config = _config(told["config"])
    material = gather_fold(store, config.material, told["folds"], int(folder.name))
    network = new_network(material, config)
    network.load_weights(folder / CHECKPOINT)
    for name, cut in _cuts(store).items():
        heard = _hear(network.predict_on_batch, cut, store, material, file_of)
        yield (
            f"{name}, each as much",
            replace(heard, song_db=np.zeros_like(heard.song_db)),
            material,
        )
        yield f"{name}, weighed by song", heard, material


def _config(told: dict[str, Any]) -> TrainingConfig:
    lists: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in told["material"].items()
    }
    augmentation = AugmentConfig(**told["augmentation"]) if told["augmentation"] else None
    material = MaterialConfig(**lists)
    return TrainingConfig(**told | {"material": material, "augmentation": augmentation})


def _cuts(store: ImageStore) -> dict[str, Callable[[AudioReader], Iterator[Segment]]]:
    config, filters = store.config, store.filters
    grid_s = config.segment_s - OVERLAP_S
    return {
        "regular grid": lambda reader: walk_segments(
            reader.blocks(), config, filters, step_s=grid_s
        ),
        "around songs": lambda reader: cover_segments(
            reader.blocks(), config, filters, SongRules(), step_s=store.settings["step_s"]
        ),
    }


def _hear(
    predict: Callable[[Any], Any],
    cut: Callable[[AudioReader], Iterator[Segment]],
    store: ImageStore,
    material: Material,
    file_of: Callable[[str], Path],
) -> CalibrationData:
    """Ask about the recordings that were held out, but about silence."""
    sessions = {row.recording: row.session for row in material.test.rows}
    logits, starts_s, loud = [], [], []
    names = list(material.test.recordings)
    for name in names:
        with AudioReader(file_of(name), store.config.sample_rate_hz) as reader:
            segments = list(cut(reader))
        segments = [each for each in segments if not each.silent] or segments
        pictures = np.stack([each.picture for each in segments])
        logits.append(predict(pictures[..., np.newaxis]))
        starts_s.append([each.start_s for each in segments])
        loud.append(song_db(pictures, store.config))
    return CalibrationData(
        logits=np.concatenate(logits),
        starts_s=np.concatenate(starts_s).astype(np.float32),
        song_db=np.concatenate(loud),
        offsets=np.cumsum([0, *map(len, loud)]),
        y_true=np.array([material.class_index_of[name] for name in names]),
        folds=np.zeros(len(names), np.int64),
        recordings=tuple(names),
        sessions=tuple(sessions[name] for name in names),
    )


if __name__ == "__main__":
    sys.exit(main())
