"""The folder of PNGs: images, ``index.csv``, ``receipt.csv``, ``config.json``, mel filters.

The folder explains itself: `config.json` holds how the images were made and the fingerprint that
every PNG carries too, `mel_filters.npy` the filters, ``index.csv`` a row for each image,
``receipt.csv`` a row for each recording of the manifest, and ``attribution.csv`` the recordists.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdsong.arrays import FloatArray, ImageArray
from birdsong.atomic import write_atomically
from birdsong.errors import DatasetError
from birdsong.images.png import read_png
from birdsong.images.tables import IndexRow, read_index
from birdsong.sound.mel_filters import FILTERS_FILE, filters_from_bytes, filters_to_bytes
from birdsong.sound.spectrogram import SpectrogramConfig

CONFIG = "config.json"
FORMAT_VERSION = 1
_IMAGE_NAME = re.compile(r"\.?(?P<stem>[^/]+)_\d{8,}\.png(\.\d+\.part)?")
MAX_NAME = 60  # characters of a recording or a taxon: no file system takes more than 255 bytes


@dataclass(frozen=True, slots=True)
class ImageStore:
    """A finished folder of images, opened for reading.

    Attributes
    ----------
    folder : Path
    config : SpectrogramConfig
        How the images were made.
    settings : Mapping
        All of ``config.json``.
    filters : float32, shape (n_mels, n_fft // 2 + 1)
        The mel filters.
    rows : tuple of IndexRow
        One for each image.
    """

    folder: Path
    config: SpectrogramConfig
    settings: Mapping[str, Any]
    filters: FloatArray
    rows: tuple[IndexRow, ...]

    def read_image(self, row: IndexRow) -> ImageArray:
        """Return the image of one row, ``uint8 (n_mels, n_frames)``."""
        return read_png(self.folder / row.image, self.config.shape)


def image_path(recording: str, taxon: str, start_s: float) -> str:
    """Path of the image of a segment, relative to the folder, with forward slashes.

    Paths are unique: if a recording's name is long, or holds anything but letters, digits, dots,
    hyphens and underscores, a hash of the whole name is added.
    """
    folder = re.sub(r"[^\w-]+", "_", taxon)[:MAX_NAME] or "_"
    return f"{folder}/{image_stem(recording)}_{round(start_s * 1000):08d}.png"


def image_stem(recording: str) -> str:
    """The start of the file names of a recording's images; see `image_path`."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", recording).lstrip(".")
    if stem != recording or len(stem) > MAX_NAME:
        stem = f"{stem[:MAX_NAME]}-{hashlib.sha256(recording.encode()).hexdigest()[:8]}"
    return stem


def recording_stem(file_name: str) -> str | None:
    """The `image_stem` in the name of an image or unfinished image; None for other files."""
    found = _IMAGE_NAME.fullmatch(file_name)
    return found["stem"] if found else None


def write_settings(folder: Path, settings: Mapping[str, Any], filters: FloatArray) -> None:
    """Write ``config.json`` and the mel filters; `settings` holds ``spectrogram``, at least."""
    config = SpectrogramConfig.from_dict(settings["spectrogram"])
    write_atomically(folder / FILTERS_FILE, filters_to_bytes(filters))
    described = {
        "format_version": FORMAT_VERSION,
        "fingerprint": config.fingerprint(),
        **settings,
    }
    write_atomically(folder / CONFIG, (json.dumps(described, indent=2) + "\n").encode())


def open_store(folder: Path) -> ImageStore:
    """Open a folder that ``birdsong preprocess`` finished.

    Raises
    ------
    DatasetError
        If the folder, one of its files, or a field of them is missing or wrong.
    """
    settings = read_settings(folder)
    try:
        config = SpectrogramConfig.from_dict(settings["spectrogram"])
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{folder / CONFIG}: no usable spectrogram config ({error})") from error
    if settings.get("fingerprint") != config.fingerprint():
        raise DatasetError(
            f"{folder / CONFIG}: its fingerprint is {settings.get('fingerprint')!r}, but its "
            f"fields give {config.fingerprint()!r}; preprocess again"
        )
    return ImageStore(
        folder=folder,
        config=config,
        settings=settings,
        filters=_read_filters(folder / FILTERS_FILE, config),
        rows=read_index(folder),
    )


def read_settings(folder: Path) -> Mapping[str, Any]:
    """Read ``config.json``: how the images of a folder were made.

    Raises
    ------
    DatasetError
        If it is missing, or cannot be used.
    """
    path = folder / CONFIG
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(
            f"{path.parent}: holds no {path.name}, so it is no folder of preprocessed images"
        ) from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(settings, dict) or settings.get("format_version") != FORMAT_VERSION:
        raise DatasetError(f"{path}: expected format_version {FORMAT_VERSION}; preprocess again")
    return settings


def is_store(folder: Path) -> bool:
    """Whether a folder has the ``config.json`` of an image folder, of any version."""
    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and {"fingerprint", "spectrogram"} <= settings.keys()


def _read_filters(path: Path, config: SpectrogramConfig) -> FloatArray:
    try:
        return filters_from_bytes(path.read_bytes(), config)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}") from error
