"""The checks of a manifest: its header, and each row of it, which becomes a `Recording`.

Every check brings a message that says what to mend.
"""

from __future__ import annotations

import difflib
import math
import re
import reprlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields

from birdsong.errors import ManifestError
from birdsong.recordings.recording import (
    BACKGROUND,
    KIND,
    ORIGINAL_NAME,
    UNIDENTIFIED,
    Recording,
)
from birdsong.recordings.taxon_names import is_intergeneric_hybrid, is_uncertain

MANIFEST_COLUMNS = tuple(each.name for each in fields(Recording) if each.name != "extra")
"""The standard columns of a manifest, in their order."""

_XC_ID = re.compile(r"XC[0-9]+")
_GENUS = re.compile(r"[^\W\d_]+(-[^\W\d_]+)*")
_EPITHET = re.compile(r"[^\W\d_]{2,}(-[^\W\d_]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_shortened = reprlib.Repr()
_shortened.maxstring = 60


def parse_header(row: Sequence[str], manifest: str) -> list[str]:
    """Return the names of a manifest's columns.

    Parameters
    ----------
    row : sequence of str
        The cells of the first row; empty where there is none.
    manifest : str
        What messages call the manifest.

    Raises
    ------
    ManifestError
        If a column is missing, nameless, there twice, or named nearly as a standard one.
    """
    if not row:
        raise ManifestError(f"{manifest}: expected a header and a row a recording, got nothing")
    header = [cell.strip() for cell in row]
    for position, column in enumerate(header, start=1):
        if not column:
            raise ManifestError(f"{manifest}: column {position} has no name; name it or delete it")
        if header.count(column) > 1:
            raise ManifestError(f"{manifest}: two columns are called {quoted(column)}")
    unknown = {column.lower(): column for column in header if column not in MANIFEST_COLUMNS}
    for column in MANIFEST_COLUMNS:
        # A session column lost to a slip of the keyboard would leak between the sides of a split.
        near = difflib.get_close_matches(column, unknown, n=1, cutoff=0.85)
        if near and column not in header:
            raise ManifestError(
                f"{manifest}: unknown column {quoted(unknown[near[0]])}; rename it to {column!r}"
            )
    got = f"got {', '.join(map(quoted, header[:20]))}; columns are separated by commas"
    if "genus" not in header:
        raise ManifestError(f"{manifest}: expected a column 'genus', {got}")
    if "file" not in header and "xc_id" not in header:
        raise ManifestError(f"{manifest}: expected a column 'file' or 'xc_id', {got}")
    return header


def parse_recording(row: Mapping[str, str], where: str) -> Recording:
    """Return what a row names.

    Parameters
    ----------
    row : Mapping of str to str
        Cells by column.
    where : str
        What messages call the row.

    Raises
    ------
    ManifestError
        If it has no name, a genus or species that is no word, a `file` that leaves the audio
        folder, or a time that cannot be.
    """
    cells = dict.fromkeys(MANIFEST_COLUMNS, "")
    cells.update((column, clean_cell(cell)) for column, cell in row.items())
    file, xc_id = row.get("file", "").strip(), cells["xc_id"]
    if not file and not xc_id:
        raise ManifestError(f"{where}: 'file' and 'xc_id' are both empty, expected one of them")
    if fault := path_problem(file):
        raise ManifestError(f"{where}: 'file' {fault}, got {quoted(file)}")
    if xc_id and not _XC_ID.fullmatch(xc_id):
        raise ManifestError(f"{where}: 'xc_id' must be like XC558716, got {quoted(xc_id)}")
    # Someone may know a warbler, and no more; or that nothing sings.
    has_neither = not (cells["genus"] or cells["species"])
    is_above_genus = has_neither and (cells["family"] or cells["order"])
    is_background = has_neither and not is_above_genus and cells.get(KIND) == BACKGROUND
    if not is_above_genus and not is_background and not _GENUS.fullmatch(cells["genus"]):
        raise ManifestError(
            f"{where}: 'genus' must be one word of letters and hyphens, or empty beside a family "
            f"or an order, or where 'kind' is 'background', got {quoted(cells['genus'])}"
        )
    genus = cells["genus"].capitalize()
    _checked_seconds(cells, "duration_s", where)
    species, original_name = _checked_epithet(cells["species"], genus, where)
    extra = {column: cells[column] for column in row if column not in MANIFEST_COLUMNS}
    if original_name and not extra.get(ORIGINAL_NAME):
        extra[ORIGINAL_NAME] = original_name
    same = sys.intern  # thousands of rows share these words, and one copy of them will do
    return Recording(
        file=file,
        xc_id=xc_id,
        url=cells["url"],
        order=same(cells["order"]),
        family=same(cells["family"]),
        genus=same(genus),
        species=same(species),
        english_name=same(cells["english_name"]),
        recordist=same(cells["recordist"]),
        licence=same(cells["licence"]),
        session=cells["session"],
        clip_start_s=_checked_seconds(cells, "clip_start_s", where, may_be_zero=True),
        clip_duration_s=_checked_seconds(cells, "clip_duration_s", where),
        extra=extra,
    )


def _checked_epithet(species: str, genus: str, where: str) -> tuple[str, str]:
    """The epithet; and the whole name where it is uncertain and only the genus is kept."""
    words = species.replace("_", " ").split()
    if len(words) > 1 and words[0].capitalize() == genus:
        del words[0]
    elif len(words) > 1 and words[0][0].isupper() and not is_uncertain(words[:1]):
        raise ManifestError(
            f"{where}: 'species' must be of the genus {genus!r}, got {quoted(species)}"
        )
    if not words or words[0].lower() in UNIDENTIFIED:
        return "", ""
    if is_uncertain(words):
        if is_intergeneric_hybrid(words, genus):
            raise ManifestError(
                f"{where}: 'species' must be of the genus {genus!r}, got a hybrid with another "
                f"genus, {quoted(species)}; leave 'genus' and 'species' empty and name the 'family'"
            )
        return "", f"{genus} {' '.join(words)}"
    if not all(map(_EPITHET.fullmatch, words)):
        raise ManifestError(
            f"{where}: 'species' must be a word of letters and hyphens, such as 'merula', or empty "
            f"where only the genus is known, got {quoted(species)}"
        )
    return words[0].lower(), ""


def _checked_seconds(
    cells: Mapping[str, str], column: str, where: str, *, may_be_zero: bool = False
) -> float | None:
    cell = cells.get(column, "")
    if not cell:
        return None
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds) and (seconds > 0 or (may_be_zero and seconds == 0)):
        return seconds
    expected = "0 or greater" if may_be_zero else "greater than 0"
    raise ManifestError(f"{where}: {column!r} must be {expected}, got {quoted(cell)}")


def clean_cell(cell: str) -> str:
    """Return a cell without white space around it, and on one line."""
    return cell.strip().replace("\r\n", " ").replace("\r", " ").replace("\n", " ")


def path_problem(file: str, folder: str = "the audio folder") -> str:
    """Say what is wrong with a path that a table names in a folder; empty where nothing is."""
    if _CONTROL.search(file):
        return "must hold no control characters"
    if "\\" in file:
        return "must have / between folders, not a backslash"
    if file.startswith("/") or _DRIVE.match(file):
        return f"must be relative to {folder}"
    if ".." in file.split("/"):
        return f"must stay inside {folder}"
    return ""


def quoted(text: str) -> str:
    """Quote what was found for a message, shortened in its middle."""
    return _shortened.repr(text)
