"""How much there will be, before the work begins, and whether the disk has room for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from birdsong.errors import AudioError
from birdsong.preprocessing.preprocess_recording import PreprocessConfig, longest_s
from birdsong.runs.work_item import WorkItem
from birdsong.sound.audio_reader import AudioReader

N_PROBED = 20
"""Headers that are read of the files of each kind."""

BYTES_BESIDE_PIXELS = 1000
"""Of a PNG with its share of the tables: the mean over 8,798 images of 1,815 recordings."""

SHARE_WITH_SONG = 0.64
"""Of a regular grid's images, how many there are of songs and background, in the same ones."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is about to be done, roughly: lengths are taken from a few headers of each kind.

    Attributes
    ----------
    n_recordings : int
        To be worked on.
    hours : float
        Of sound.
    n_images : int
    n_bytes : int
        That they will take on the disk.
    free_bytes : int
        That the disk has left.
    """

    n_recordings: int
    hours: float
    n_images: int
    n_bytes: int
    free_bytes: int


def estimate(items: Sequence[WorkItem], config: PreprocessConfig, out_dir: Path) -> Estimate:
    """Look at a few headers of each kind of file, and at the disk.

    Parameters
    ----------
    items : sequence of WorkItem
        The recordings that are not done yet.
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
    """Of a few files, from the first to the last; 0 where none can be read."""
    seconds, n_bytes = 0.0, 0
    for item in items[:: -(-len(items) // N_PROBED)]:
        if item.path is None:
            continue
        try:
            with AudioReader(item.path, config.spectrogram.sample_rate_hz) as reader:
                length_s = reader.info.length_s
        except AudioError:
            continue  # it will stand in the receipt
        if length_s:
            seconds += longest_s(length_s, item.n_bytes)
            n_bytes += item.n_bytes
    return seconds / n_bytes if n_bytes else 0.0
