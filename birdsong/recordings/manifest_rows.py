"""Parse the header and the rows of a manifest; each row becomes a `Recording`.

The message of every check says what to correct.
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
"""The standard columns of a manifest, in order."""

_XC_ID = re.compile(r"XC[0-9]+")
_GENUS = re.compile(r"[^\W\d_]+(-[^\W\d_]+)*")
_EPITHET = re.compile(r"[^\W\d_]{2,}(-[^\W\d_]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_short_repr = reprlib.Repr()
_short_repr.maxstring = 60


def parse_header(row: Sequence[str], manifest: str) -> list[str]:
    """Return the column names of a manifest.

    Parameters
    ----------
    row : sequence of str
        Cells of the first row; empty if there is none.
    manifest : str
        Name of the manifest in messages.

    Raises
    ------
    ManifestError
        If a column is missing, has no name, is a duplicate, or has nearly the name of a standard
        column.
    """
    if not row:
        raise ManifestError(f"{manifest}: expected a header and one row per recording, got nothing")
    header = [cell.strip() for cell in row]
    for position, column in enumerate(header, start=1):
        if not column:
            raise ManifestError(f"{manifest}: column {position} has no name; name it or delete it")
        if header.count(column) > 1:
            raise ManifestError(f"{manifest}: two columns are called {quoted(column)}")
    unknown = {column.lower(): column for column in header if column not in MANIFEST_COLUMNS}
    for column in MANIFEST_COLUMNS:
        # With a misspelt session column, sessions would leak between the splits.
        similar = difflib.get_close_matches(column, unknown, n=1, cutoff=0.85)
        if similar and column not in header:
            raise ManifestError(
                f"{manifest}: unknown column {quoted(unknown[similar[0]])}; rename it to {column!r}"
            )
    got = f"got {', '.join(map(quoted, header[:20]))}; columns are separated by commas"
    if "genus" not in header:
        raise ManifestError(f"{manifest}: expected a column 'genus', {got}")
    if "file" not in header and "xc_id" not in header:
        raise ManifestError(f"{manifest}: expected a column 'file' or 'xc_id', {got}")
    return header


def parse_recording(row: Mapping[str, str], where: str) -> Recording:
    """Return the recording of a row.

    Parameters
    ----------
    row : Mapping of str to str
        Cell by column.
    where : str
        Name of the row in messages.

    Raises
    ------
    ManifestError
        If it has no name, an invalid genus or species, a `file` outside the audio folder, or an
        invalid time.
    """
    cells = dict.fromkeys(MANIFEST_COLUMNS, "")
    cells.update((column, clean_cell(cell)) for column, cell in row.items())
    file, xc_id = row.get("file", "").strip(), cells["xc_id"]
    if not file and not xc_id:
        raise ManifestError(f"{where}: 'file' and 'xc_id' are both empty, expected one of them")
    if problem := path_problem(file):
        raise ManifestError(f"{where}: 'file' {problem}, got {quoted(file)}")
    if xc_id and not _XC_ID.fullmatch(xc_id):
        raise ManifestError(f"{where}: 'xc_id' must be like XC558716, got {quoted(xc_id)}")
    # Only the family or order may be known, or that there is no bird.
    has_no_genus = not (cells["genus"] or cells["species"])
    is_above_genus = has_no_genus and (cells["family"] or cells["order"])
    is_background = has_no_genus and not is_above_genus and cells.get(KIND) == BACKGROUND
    if not is_above_genus and not is_background and not _GENUS.fullmatch(cells["genus"]):
        raise ManifestError(
            f"{where}: 'genus' must be one word of letters and hyphens, or empty beside a family "
            f"or an order, or where 'kind' is 'background', got {quoted(cells['genus'])}"
        )
    genus = cells["genus"].capitalize()
    _parse_seconds(cells, "duration_s", where)
    species, original_name = _parse_epithet(cells["species"], genus, where)
    extra = {column: cells[column] for column in row if column not in MANIFEST_COLUMNS}
    if original_name and not extra.get(ORIGINAL_NAME):
        extra[ORIGINAL_NAME] = original_name
    intern = sys.intern  # thousands of rows share these texts: one copy saves memory
    return Recording(
        file=file,
        xc_id=xc_id,
        url=cells["url"],
        order=intern(cells["order"]),
        family=intern(cells["family"]),
        genus=intern(genus),
        species=intern(species),
        english_name=intern(cells["english_name"]),
        recordist=intern(cells["recordist"]),
        licence=intern(cells["licence"]),
        session=cells["session"],
        clip_start_s=_parse_seconds(cells, "clip_start_s", where, may_be_zero=True),
        clip_duration_s=_parse_seconds(cells, "clip_duration_s", where),
        extra=extra,
    )


def _parse_epithet(species: str, genus: str, where: str) -> tuple[str, str]:
    """The epithet; and the whole name if the species is uncertain and only the genus is kept."""
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


def _parse_seconds(
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
    """Strip a cell and replace its line breaks by spaces."""
    return cell.strip().replace("\r\n", " ").replace("\r", " ").replace("\n", " ")


def path_problem(file: str, folder: str = "the audio folder") -> str:
    """Say what is wrong with a relative path in a table; empty if it is valid."""
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
    """Quote a text for a message; a long text is shortened in the middle."""
    return _short_repr.repr(text)
