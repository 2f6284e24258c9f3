"""Read and write manifests: CSV tables with one recording per row.

`read_manifest` checks every row, so that later steps can rely on them. Errors count rows as a
spreadsheet does: the header is row 1.
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from birdsong.atomic import write_atomically
from birdsong.csv_escape import escape_cell, unescape_cell
from birdsong.errors import ManifestError
from birdsong.recordings.manifest_rows import (
    MANIFEST_COLUMNS,
    clean_cell,
    parse_header,
    parse_recording,
    quoted,
)
from birdsong.recordings.recording import Recording

# A NUL, or a byte that is not UTF-8, as `surrogateescape` decodes it.
_UNREADABLE = re.compile("[\0\udc80-\udcff]")


def read_manifest(path: str | os.PathLike[str]) -> list[Recording]:
    """Read a manifest and check every row of it.

    White space around cells is removed, and a line break inside a cell becomes a space. The genus
    is capitalised. `species` may hold the full name (``Turdus merula``, ``Turdus_merula``,
    ``Turdus merula merula``); only the epithet is kept.

    Parameters
    ----------
    path : path-like
        CSV in UTF-8, with or without a byte-order mark.

    Returns
    -------
    list of Recording, in the order of the rows

    Raises
    ------
    ManifestError
        If the table cannot be read, lacks a column or has no recording; or if a row has the wrong
        number of cells, no name, the name of an earlier row, an invalid genus or species, a `file`
        outside the audio folder, or an invalid time.
    """
    path = Path(path)
    rows = _csv_rows(path)
    header = parse_header(next(rows, (1, []))[1], path.name)
    recordings: list[Recording] = []
    row_of: dict[str, int] = {}
    for number, row in rows:
        where = f"{path.name}, row {number}"
        if len(row) != len(header):
            raise ManifestError(
                f"{where}: expected {len(header)} cells, as many as the header has, got {len(row)}"
            )
        recording = parse_recording(dict(zip(header, row, strict=True)), where)
        first = row_of.setdefault(posixpath.normpath(recording.name), number)
        if first != number:
            raise ManifestError(
                f"{where}: {quoted(recording.name)} is already named in row {first}; "
                "every recording needs a unique name"
            )
        recordings.append(recording)
    if not recordings:
        raise ManifestError(f"{path.name}: expected at least one recording, got only a header")
    return recordings


def read_manifests(paths: Sequence[str | os.PathLike[str]]) -> list[Recording]:
    """Read several manifests as one list of recordings.

    Raises
    ------
    ManifestError
        As in `read_manifest`; or if two manifests name the same recording.
    """
    recordings: list[Recording] = []
    manifest_of: dict[str, str] = {}
    for path in paths:
        new_recordings = read_manifest(path)
        for recording in new_recordings:
            name = posixpath.normpath(recording.name)
            if name in manifest_of:
                raise ManifestError(
                    f"{path}: {quoted(recording.name)} is already named in {manifest_of[name]}; "
                    "every recording needs a unique name"
                )
        manifest_of |= {posixpath.normpath(each.name): str(path) for each in new_recordings}
        recordings += new_recordings
    return recordings


def write_manifest(path: str | os.PathLike[str], recordings: Iterable[Recording]) -> None:
    """Write a manifest that `read_manifest` reads back as the same recordings.

    The standard columns come first, then the extra columns in the order of their first appearance.
    The file is written atomically.

    Raises
    ------
    ManifestError
        If an extra column has the name of a standard one, or the file cannot be written.
    """
    path = Path(path)
    try:
        write_atomically(path, manifest_text(recordings, name=path.name).encode())
    except (OSError, UnicodeEncodeError) as error:
        raise ManifestError(f"{path}: the manifest cannot be written: {error}") from error


def manifest_text(recordings: Iterable[Recording], *, name: str = "manifest") -> str:
    """Format a manifest as CSV text; see `write_manifest`.

    Raises
    ------
    ManifestError
        If an extra column has the name of a standard one.
    """
    recordings = list(recordings)
    extra_columns = list(dict.fromkeys(column for each in recordings for column in each.extra))
    for column in extra_columns:
        if column in MANIFEST_COLUMNS:
            raise ManifestError(f"{name}: {column!r} is a standard column, not an extra one")
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow([*MANIFEST_COLUMNS, *extra_columns])
    for recording in recordings:
        standard = [getattr(recording, column) for column in MANIFEST_COLUMNS]
        extra = [recording.extra.get(column, "") for column in extra_columns]
        writer.writerow(
            escape_cell(clean_cell(cell)) if isinstance(cell, str) else cell
            for cell in [*standard, *extra]
        )
    return content.getvalue()


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every row that is not blank."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            for number, row in enumerate(csv.reader(file, strict=True), start=1):
                if bad := _UNREADABLE.search("".join(row)):
                    column = next(i for i, cell in enumerate(row, start=1) if bad[0] in cell)
                    raise ManifestError(
                        f"{path.name}, row {number}, column {column}: expected UTF-8 text, "
                        f"got the byte 0x{ord(bad[0]) & 0xFF:02x}; save the table as CSV in UTF-8"
                    )
                if any(cell.strip() for cell in row):
                    yield number, [unescape_cell(cell) for cell in row]
    except FileNotFoundError as error:
        raise ManifestError(f"no such manifest: {path}") from error
    except OSError as error:
        raise ManifestError(f"{path}: the manifest cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise ManifestError(f"{path.name}, row {number + 1}: not valid CSV: {error}") from error
