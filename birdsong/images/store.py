"""The folder of PNGs: pictures, ``index.csv``, ``receipt.csv``, ``config.json``, mel filters.

The folder explains itself: `config.json` holds how the pictures were made and the fingerprint that
every PNG carries too, `mel_filters.npy` the filters, ``index.csv`` a row for each picture and
``receipt.csv`` a row for each recording of the manifest. Files are written beside their place and
moved into it, so that none is ever seen half-written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from birdsong.arrays import FloatArray, ImageArray
from birdsong.atomic import write_atomically
from birdsong.errors import DatasetError
from birdsong.images.png import read_png
from birdsong.sound.filters import FILTERS_FILE, filters_from_bytes, filters_to_bytes
from birdsong.sound.spectrogram import SpectrogramConfig

INDEX = "index.csv"
RECEIPT = "receipt.csv"
CONFIG = "config.json"
FORMAT_VERSION = 1
MAX_NAME = 60  # characters of a recording or a taxon: no file system takes more than 255 bytes

KINDS = ("bird", "background")
STATUSES = ("ok", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One picture: where it lies, what it shows, and whose it is."""

    image: str
    recording: str
    session: str
    start_s: float
    end_s: float
    order: str
    family: str
    genus: str
    species: str
    kind: str
    english_name: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """What became of one recording of the manifest."""

    recording: str
    status: str
    reason: str
    duration_s: float
    segments_found: int
    images_written: int


@dataclass(frozen=True, slots=True)
class ImageStore:
    """A finished folder of pictures, opened for reading.

    Attributes
    ----------
    folder : Path
    config : SpectrogramConfig
        How the pictures were made.
    settings : Mapping
        All of ``config.json``.
    filters : float32, shape (64, n_fft // 2 + 1)
        The mel filters.
    rows : tuple of IndexRow
        One for each picture.
    """

    folder: Path
    config: SpectrogramConfig
    settings: Mapping[str, Any]
    filters: FloatArray
    rows: tuple[IndexRow, ...]

    def read_picture(self, row: IndexRow) -> ImageArray:
        """Return the picture of one row, ``uint8 (64, 200)``."""
        return read_png(self.folder / row.image)


def picture_path(recording: str, taxon: str, start_s: float) -> str:
    """Where the picture of a segment lies, relative to the folder, with forward slashes.

    Two recordings never share a name: where a recording's name holds anything but letters, digits,
    dots, hyphens and underscores, or is long, a hash of the whole name follows.
    """
    folder = re.sub(r"[^\w-]+", "_", taxon)[:MAX_NAME] or "_"
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", recording).lstrip(".")
    if stem != recording or len(stem) > MAX_NAME:
        stem = f"{stem[:MAX_NAME]}-{hashlib.sha256(recording.encode()).hexdigest()[:8]}"
    return f"{folder}/{stem}_{round(start_s * 1000):08d}.png"


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


def write_table(path: Path, kind: type[IndexRow | ReceiptRow], rows: Iterable[Any]) -> None:
    """Write ``index.csv`` or ``receipt.csv``: the fields of the row's dataclass are the columns."""
    columns = [field.name for field in fields(kind)]
    content = io.StringIO(newline="")
    writer = csv.DictWriter(content, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in asdict(row).items()})
    write_atomically(path, content.getvalue().encode())


def open_store(folder: Path) -> ImageStore:
    """Open a folder that ``birdsong preprocess`` finished.

    Raises
    ------
    DatasetError
        If the folder, one of its files, or a field of them is missing or wrong.
    """
    settings = _read_settings(folder / CONFIG)
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
        rows=tuple(_index_row(folder / INDEX, n, row) for n, row in _read_csv(folder / INDEX)),
    )


def is_store(folder: Path) -> bool:
    """Tell whether `write_settings` has been in a folder, of whatever version it was."""
    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and {"fingerprint", "spectrogram"} <= settings.keys()


def read_receipt(folder: Path) -> list[ReceiptRow]:
    """Read ``receipt.csv``.

    Raises
    ------
    DatasetError
        If it is missing or a row is not what it should be.
    """
    path = folder / RECEIPT
    receipt = []
    for number, row in _read_csv(path):
        try:
            receipt.append(
                ReceiptRow(
                    recording=row["recording"],
                    status=_one_of(row["status"], STATUSES),
                    reason=row["reason"],
                    duration_s=float(row["duration_s"]),
                    segments_found=int(row["segments_found"]),
                    images_written=int(row["images_written"]),
                )
            )
        except (KeyError, ValueError, TypeError) as error:
            raise DatasetError(f"{path}, row {number}: {error}") from error
    return receipt


def _read_filters(path: Path, config: SpectrogramConfig) -> FloatArray:
    try:
        return filters_from_bytes(path.read_bytes(), config)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: {error}") from error


def _read_settings(path: Path) -> Mapping[str, Any]:
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


def _read_csv(path: Path) -> Sequence[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(enumerate(csv.DictReader(file), start=2))
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: no such file; preprocessing did not finish, run it again to go on"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a table ({error})") from error
    for number, row in rows:
        if None in row or None in row.values():
            raise DatasetError(f"{path}, row {number}: has not as many cells as the header")
    return rows


def _index_row(path: Path, number: int, row: Mapping[str, str]) -> IndexRow:
    try:
        image = row["image"]
        if Path(image).is_absolute() or ".." in Path(image).parts:
            raise ValueError(f"'image' must stay inside the folder, got {image!r}")
        values: dict[str, Any] = {field.name: row[field.name] for field in fields(IndexRow)}
        values |= {"start_s": float(row["start_s"]), "end_s": float(row["end_s"])}
        values["kind"] = _one_of(row["kind"], KINDS)
        return IndexRow(**values)
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{path}, row {number}: {error}") from error


def _one_of(value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ValueError(f"expected one of {', '.join(allowed)}, got {value!r}")
    return value


def _cell(value: object) -> object:
    """Seconds to the millisecond, so that a table does not change with a last bit.

    A carriage return becomes a space: Python 3.11's csv does not quote it, and reads a row's end.
    """
    if isinstance(value, float):
        return f"{value:.3f}"
    return value.replace("\r", " ") if isinstance(value, str) else value
