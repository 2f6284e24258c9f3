"""The tables beside the images: ``index.csv``, ``receipt.csv``, ``attribution.csv``.

A row of each is a dataclass, whose fields are the columns; see `csv_tables`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from birdsong.csv_tables import read_cells, read_table, write_table
from birdsong.errors import DatasetError
from birdsong.recordings.manifest_rows import path_problem
from birdsong.recordings.recording import Recording
from birdsong.runs.receipt import RECEIPT, Outcome

INDEX = "index.csv"
ATTRIBUTION = "attribution.csv"

KINDS = ("bird", "background")

_MADE_BY = "preprocessing"


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One image: its path, segment, taxon and session.

    `original_name` is the name in the manifest, if a table of taxa replaced it; otherwise empty.
    """

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
    original_name: str = ""

    @property
    def taxon(self) -> str:
        """The species, or the most specific taxon that is known."""
        return f"{self.genus} {self.species}".strip() or self.family or self.order


_INDEX_COLUMNS = tuple(field.name for field in fields(IndexRow))
_SHARED_COLUMNS = tuple(
    name for name in _INDEX_COLUMNS if name not in ("image", "start_s", "end_s")
)


@dataclass(frozen=True, slots=True)
class ReceiptRow(Outcome):
    """The result of one recording of the manifest, and facts about its file.

    These columns follow those of `Outcome`; receipts of earlier versions lack the last ones.
    `peak_dbfs` is None if the recording was not decoded or is digital silence. `duration_s` is the
    decoded length, `declared_s` the length in the file's header (None if it has none), `missing_s`
    what is declared or present and could not be decoded. `channel` is the channel used, such as
    ``channel 1 of 2``, ``mix`` for the mean of all, and empty for a mono file.
    """

    segments_found: int
    images_written: int
    sample_rate_hz: int = 0
    n_channels: int = 0
    peak_dbfs: float | None = None
    clipped_share: float = 0.0
    declared_s: float | None = None
    missing_s: float = 0.0
    channel: str = ""


@dataclass(frozen=True, slots=True)
class AttributionRow:
    """The recordist and the licence of a recording."""

    recording: str
    xc_id: str
    url: str
    recordist: str
    licence: str


def write_attribution(path: Path, recordings: Iterable[Recording]) -> None:
    """Write the recordist and licence of each recording."""
    rows = (AttributionRow(r.name, r.xc_id, r.url, r.recordist, r.licence) for r in recordings)
    write_table(path, AttributionRow, rows)


def read_index(folder: Path) -> tuple[IndexRow, ...]:
    """Read ``index.csv``.

    Raises
    ------
    DatasetError
        If it is missing or a row is not what it should be.
    """
    path = folder / INDEX
    seen: dict[str, str] = {}
    return tuple(
        _index_row(path, number, row, seen) for number, row in read_cells(path, made_by=_MADE_BY)
    )


def read_receipt(folder: Path) -> list[ReceiptRow]:
    """Read ``receipt.csv``.

    Raises
    ------
    DatasetError
        If it is missing or a row is not what it should be.
    """
    return list(read_table(folder / RECEIPT, ReceiptRow, made_by=_MADE_BY))


def read_attribution(folder: Path) -> list[AttributionRow]:
    """Read ``attribution.csv``.

    Raises
    ------
    DatasetError
        If it is missing or lacks a column.
    """
    path = folder / ATTRIBUTION
    columns = [field.name for field in fields(AttributionRow)]
    try:
        return [
            AttributionRow(*(row[name] for name in columns))
            for _, row in read_cells(path, made_by=_MADE_BY)
        ]
    except KeyError as error:
        raise DatasetError(f"{path}: has no column {error}; preprocess again") from error


def known_attribution(folder: Path) -> list[AttributionRow]:
    """Read ``attribution.csv``; an empty list if the folder has none."""
    return read_attribution(folder) if (folder / ATTRIBUTION).exists() else []


def _index_row(path: Path, number: int, row: Mapping[str, str], seen: dict[str, str]) -> IndexRow:
    """Make a row; strings that repeat in many rows are stored once, in `seen`."""
    try:
        image = row["image"]
        if fault := path_problem(image, "the folder"):
            raise ValueError(f"'image' {fault}, got {image!r}")
        row = {"original_name": "", **row}  # tables of earlier versions lack it
        values: dict[str, Any] = {name: row[name] for name in _INDEX_COLUMNS}
        values |= {name: seen.setdefault(row[name], row[name]) for name in _SHARED_COLUMNS}
        values |= {"start_s": float(row["start_s"]), "end_s": float(row["end_s"])}
        values["kind"] = _one_of(row["kind"], KINDS)
        return IndexRow(**values)
    except (KeyError, ValueError, TypeError) as error:
        raise DatasetError(f"{path}, row {number}: {error}") from error


def _one_of(value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ValueError(f"expected one of {', '.join(allowed)}, got {value!r}")
    return value
