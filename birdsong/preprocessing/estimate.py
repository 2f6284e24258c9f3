"""Estimate of the work before it begins: hours of audio, images, and disk space."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from birdsong.errors import AudioError
from birdsong.preprocessing.preprocess_recording import PreprocessConfig, max_duration_s
from birdsong.runs.work_item import WorkItem
from birdsong.sound.audio_reader import AudioReader

N_PROBED = 20
"""Number of headers to read, of files with each suffix."""

BYTES_BESIDE_PIXELS = 1000
"""Of a PNG, with its rows in the tables: the mean over 8,798 images of 1,815 recordings."""

SHARE_WITH_SONG = 0.64
"""Number of images of songs and background, as a share of the images on a regular grid."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated size of a run, from a few headers of files with each suffix.

    Attributes
    ----------
    n_recordings : int
        Recordings to process.
    hours : float
        Hours of audio.
    n_images : int
    n_bytes : int
        Disk space that the images will take.
    free_bytes : int
        Free disk space.
    """

    n_recordings: int
    hours: float
    n_images: int
    n_bytes: int
    free_bytes: int


def estimate(items: Sequence[WorkItem], config: PreprocessConfig, out_dir: Path) -> Estimate:
    """Estimate the size of a run from a few headers, and read the free disk space.

    Parameters
    ----------
    items : sequence of WorkItem
        The recordings still to process.
    config : PreprocessConfig
    out_dir : Path
        An existing folder.

    Returns
    -------
    Estimate
    """
    of_kind: dict[str, list[WorkItem]] = {}
    for item in items:
        if item.path is not None:
            of_kind.setdefault(item.path.suffix.lower(), []).append(item)
    seconds = sum(
        sum(item.n_bytes for item in alike) * _seconds_per_byte(alike, config)
        for alike in of_kind.values()
    )
    bytes_per_image = prod(config.spectrogram.shape) + BYTES_BESIDE_PIXELS
    n_images = seconds / config.step_s * (1.0 if config.grid else SHARE_WITH_SONG)
    return Estimate(
        n_recordings=len(items),
        hours=seconds / 3600,
        n_images=round(n_images),
        n_bytes=round(n_images * bytes_per_image),
        free_bytes=shutil.disk_usage(out_dir).free,
    )


def _seconds_per_byte(items: Sequence[WorkItem], config: PreprocessConfig) -> float:
    """Seconds of audio per byte, from evenly spread files; 0 if none can be read."""
    seconds, n_bytes = 0.0, 0
    for item in items[:: -(-len(items) // N_PROBED)]:
        if item.path is None:
            continue
        try:
            with AudioReader(item.path, config.spectrogram.sample_rate_hz) as reader:
                length_s = reader.info.length_s
        except AudioError:
            continue  # the run will report it in the receipt
        if length_s:
            seconds += max_duration_s(length_s, item.n_bytes)
            n_bytes += item.n_bytes
    return seconds / n_bytes if n_bytes else 0.0
