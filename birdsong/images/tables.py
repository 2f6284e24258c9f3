"""The tables beside the images: ``index.csv``, ``receipt.csv``, ``attribution.csv``.

A row of each is a dataclass, whose fields are the columns. Tables are written beside their place
and moved into it, so that none is ever seen half-written. What a spreadsheet would run is marked,
and read without the mark; see `cells`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from birdsong.atomic import replacing
from birdsong.cells import as_cell, from_cell
from birdsong.errors import DatasetError
from birdsong.recordings.manifest_rows import path_fault
from birdsong.recordings.recording import Recording

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

INDEX = "index.csv"
RECEIPT = "receipt.csv"
ATTRIBUTION = "attribution.csv"

KINDS = ("bird", "background")
STATUSES = ("ok", "skipped", "failed")

Row = TypeVar("Row", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One image: where it lies, what it shows, and whose it is.

    `original_name` is what the bird was called where the names are now those of a table of taxa;
    empty where it was called the same.
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
class ReceiptRow:
    """What became of one recording of the manifest, and what its file held.

    `peak_dbfs` is none for a recording that was not heard or is digital silence. `duration_s` is
    what was heard, `declared_s` what the file's header declares (none where it declares nothing),
    `missing_s` what is declared or in the file and could not be decoded. `channel` is the one that
    was heard, as in ``channel 1 of 2``, ``mix`` for the mean of all, and empty where there is one.
    """

    recording: str
    status: str
    reason: str
    duration_s: float
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
    """Who recorded a recording, and what its licence is."""

    recording: str
    xc_id: str
    url: str
    recordist: str
    licence: str


def write_table(path: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write a table: the fields of the row's dataclass are the columns."""
    columns = [field.name for field in fields(kind)]
    with replacing(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(getattr(row, name)) for name in columns])


def write_attribution(path: Path, recordings: Iterable[Recording]) -> None:
    """Write whom to credit, a row a recording."""
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
    return tuple(_index_row(path, number, row, seen) for number, row in _read_csv(path))


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
                    # Receipts of earlier versions lack what follows.
                    sample_rate_hz=int(row.get("sample_rate_hz") or 0),
                    n_channels=int(row.get("n_channels") or 0),
                    peak_dbfs=float(row["peak_dbfs"]) if row.get("peak_dbfs") else None,
                    clipped_share=float(row.get("clipped_share") or 0),
                    declared_s=float(row["declared_s"]) if row.get("declared_s") else None,
                    missing_s=float(row.get("missing_s") or 0),
                    channel=row.get("channel") or "",
                )
            )
        except (KeyError, ValueError, TypeError) as error:
            raise DatasetError(f"{path}, row {number}: {error}") from error
    return receipt


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
        return [AttributionRow(*(row[name] for name in columns)) for _, row in _read_csv(path)]
    except KeyError as error:
        raise DatasetError(f"{path}: has no column {error}; preprocess again") from error


def known_attribution(folder: Path) -> list[AttributionRow]:
    """Read ``attribution.csv`` where a folder has one; where it has none, nothing is known."""
    return read_attribution(folder) if (folder / ATTRIBUTION).exists() else []


def _read_csv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a table row by row: of a million rows, only what is made of them is kept."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                if None in row or None in row.values():
                    raise DatasetError(f"{path}, row {number}: has not as many cells as the header")
                if any(cell[:1] == "'" for cell in row.values()):
                    row = {name: from_cell(cell) for name, cell in row.items()}
                yield number, row
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: no such file; preprocessing did not finish, run it again to go on"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a table ({error})") from error


def _index_row(path: Path, number: int, row: Mapping[str, str], seen: dict[str, str]) -> IndexRow:
    """Make a row; names that stand in many rows are kept once, in `seen`."""
    try:
        image = row["image"]
        if fault := path_fault(image, "the folder"):
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


def _cell(value: object) -> object:
    """Seconds to the millisecond, so that a table does not change with a last bit.

    A carriage return becomes a space: Python 3.11's csv does not quote it, and reads a row's end.
    """
    if isinstance(value, float):
        return f"{value:.3f}"
    return as_cell(value.replace("\r", " ")) if isinstance(value, str) else value
