"""Who and where: the recordings that a manifest names.

A manifest is a CSV table, a row a recording. `read_manifest` checks everything at the door, so that
no later step has to ask again; its errors count rows as a spreadsheet shows them, the header being
row 1. The module is long because every check brings a message that says what to mend.
"""

import csv
import difflib
import io
import math
import os
import posixpath
import re
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from birdsong.atomic import write_atomically
from birdsong.cells import as_cell, from_cell
from birdsong.errors import ManifestError

_XC_ID = re.compile(r"XC[0-9]+")
_GENUS = re.compile(r"[^\W\d_]+(-[^\W\d_]+)*")
_EPITHET = re.compile(r"[^\W\d_]{2,}(-[^\W\d_]+)*")  # a lone "x" marks a hybrid
_UNIDENTIFIED = frozenset({"sp", "sp.", "spp", "spp.", "spec."})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
# A NUL, or a byte that is not UTF-8 and that `surrogateescape` let through to be named here.
_UNREADABLE = re.compile("[\0\udc80-\udcff]")

_shortened = reprlib.Repr()
_shortened.maxstring = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One row of a manifest: where a recording lies, what sings in it, whose it is.

    Attributes
    ----------
    file : str
        Path relative to the audio folder; empty where the file is named after `xc_id`.
    xc_id : str
        Catalogue number at xeno-canto, written ``XC558716``, or empty.
    genus, species : str
        ``Turdus`` and the epithet alone, ``merula``; an empty `species` is a recording known to
        its genus only, and an empty `genus` one known to its family or order only. Nothing is
        known of one without a bird, see `is_background`.
    session : str
        Recordings with one session stay on one side of a split. Left empty, it becomes the
        recording's own `name`: the recording is its own session.
    clip_start_s, clip_duration_s : float or None
        Which stretch of the published recording was used.
    extra : mapping of str to str
        The manifest's other columns, in their order; compared, but not hashed.
    """

    file: str = ""
    xc_id: str = ""
    url: str = ""
    order: str = ""
    family: str = ""
    genus: str = ""
    species: str = ""
    english_name: str = ""
    recordist: str = ""
    licence: str = ""
    session: str = ""
    clip_start_s: float | None = None
    clip_duration_s: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.session:
            object.__setattr__(self, "session", self.name)

    @property
    def name(self) -> str:
        """What the recording is called everywhere: its `file`, or its `xc_id` without one."""
        return self.file or self.xc_id

    @property
    def scientific_name(self) -> str:
        """The binomial, ``Turdus merula``; empty where the species is not known."""
        return f"{self.genus} {self.species}" if self.species else ""

    @property
    def taxon(self) -> str:
        """The most specific taxon that is known."""
        return self.scientific_name or self.genus or self.family or self.order

    @property
    def is_background(self) -> bool:
        """Whether the recording is known to hold no bird: it says so, and names none."""
        return self.extra.get(KIND) == BACKGROUND and not self.taxon


KIND = "kind"
"""The extra column that says `BACKGROUND` of a recording without a bird."""
BACKGROUND = "background"

MANIFEST_COLUMNS = tuple(each.name for each in fields(Recording) if each.name != "extra")
"""The standard columns of a manifest, in their order."""

ORIGINAL_NAME = "original_name"
"""The extra column of what a bird was called before it was given the name of a table of taxa."""


def read_manifest(path: str | os.PathLike[str]) -> list[Recording]:
    """Read a manifest and check every row of it.

    Cells lose the white space around them, and a line break inside one becomes a space. The genus
    is capitalised. `species` may also hold the full name (``Turdus merula``, ``Turdus_merula``,
    ``Turdus merula merula``); the epithet is kept.

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
        If the table cannot be read, lacks a column or holds no recording, or if a row has the
        wrong number of cells, no name, the name of an earlier row, a genus or species that is no
        word, a `file` that leaves the audio folder, or a time that cannot be.
    """
    path = Path(path)
    rows = _csv_rows(path)
    header = _checked_header(next(rows, (1, []))[1], path.name)
    recordings: list[Recording] = []
    row_of: dict[str, int] = {}
    for number, row in rows:
        where = f"{path.name}, row {number}"
        if len(row) != len(header):
            raise ManifestError(
                f"{where}: expected {len(header)} cells, as many as the header has, got {len(row)}"
            )
        recording = _checked_recording(dict(zip(header, row, strict=True)), where)
        first = row_of.setdefault(posixpath.normpath(recording.name), number)
        if first != number:
            raise ManifestError(
                f"{where}: {quoted(recording.name)} is already named in row {first}; "
                "every recording needs a name of its own"
            )
        recordings.append(recording)
    if not recordings:
        raise ManifestError(f"{path.name}: expected at least one recording, got only a header")
    return recordings


def read_manifests(paths: Sequence[str | os.PathLike[str]]) -> list[Recording]:
    """Read several manifests, one after the other.

    Raises
    ------
    ManifestError
        As `read_manifest` does; or if two of them name one recording.
    """
    recordings: list[Recording] = []
    manifest_of: dict[str, str] = {}
    for path in paths:
        of_this = read_manifest(path)
        for recording in of_this:
            name = posixpath.normpath(recording.name)
            if name in manifest_of:
                raise ManifestError(
                    f"{path}: {quoted(recording.name)} is already named in {manifest_of[name]}; "
                    "every recording needs a name of its own"
                )
        manifest_of |= {posixpath.normpath(each.name): str(path) for each in of_this}
        recordings += of_this
    return recordings


def write_manifest(path: str | os.PathLike[str], recordings: Iterable[Recording]) -> None:
    """Write a manifest that `read_manifest` reads back as the same recordings.

    The standard columns come first, then the extra ones in the order in which they first appear.
    The file appears whole or not at all.

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
    """Write a manifest as a text; see `write_manifest`.

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
            as_cell(_one_line(cell)) if isinstance(cell, str) else cell
            for cell in [*standard, *extra]
        )
    return content.getvalue()


def path_fault(file: str) -> str:
    """Say what is wrong with a recording's relative path; empty where nothing is."""
    if _CONTROL.search(file):
        return "must hold no control characters"
    if "\\" in file:
        return "must have / between folders, not a backslash"
    if file.startswith("/") or _DRIVE.match(file):
        return "must be relative to the audio folder"
    if ".." in file.split("/"):
        return "must stay inside the audio folder"
    return ""


def quoted(text: str) -> str:
    """Quote what was found for a message, shortened in its middle."""
    return _shortened.repr(text)


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Row number and cells of every row that is not blank."""
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
                    yield number, [from_cell(cell) for cell in row]
    except FileNotFoundError as error:
        raise ManifestError(f"no such manifest: {path}") from error
    except OSError as error:
        raise ManifestError(f"{path}: the manifest cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise ManifestError(f"{path.name}, row {number + 1}: not valid CSV: {error}") from error


def _checked_header(row: list[str], manifest: str) -> list[str]:
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


def _checked_recording(row: Mapping[str, str], where: str) -> Recording:
    cells = dict.fromkeys(MANIFEST_COLUMNS, "")
    cells.update((column, _one_line(cell)) for column, cell in row.items())
    file, xc_id = row.get("file", "").strip(), cells["xc_id"]
    if not file and not xc_id:
        raise ManifestError(f"{where}: 'file' and 'xc_id' are both empty, expected one of them")
    if fault := path_fault(file):
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
    same = sys.intern  # thousands of rows share these words, and one copy of them will do
    return Recording(
        file=file,
        xc_id=xc_id,
        url=cells["url"],
        order=same(cells["order"]),
        family=same(cells["family"]),
        genus=same(genus),
        species=same(_checked_epithet(cells["species"], genus, where)),
        english_name=same(cells["english_name"]),
        recordist=same(cells["recordist"]),
        licence=same(cells["licence"]),
        session=cells["session"],
        clip_start_s=_checked_seconds(cells, "clip_start_s", where, may_be_zero=True),
        clip_duration_s=_checked_seconds(cells, "clip_duration_s", where),
        extra={column: cells[column] for column in row if column not in MANIFEST_COLUMNS},
    )


def _checked_epithet(species: str, genus: str, where: str) -> str:
    words = species.replace("_", " ").split()
    if len(words) > 1 and words[0].capitalize() == genus:
        del words[0]
    elif len(words) > 1 and words[0][0].isupper():
        raise ManifestError(
            f"{where}: 'species' must be of the genus {genus!r}, got {quoted(species)}"
        )
    if not words or words[0].lower() in _UNIDENTIFIED:
        return ""
    if not all(map(_EPITHET.fullmatch, words)):
        raise ManifestError(
            f"{where}: 'species' must be a word of letters and hyphens, such as 'merula', or empty "
            f"where only the genus is known, got {quoted(species)}"
        )
    return words[0].lower()


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


def _one_line(cell: str) -> str:
    return cell.strip().replace("\r\n", " ").replace("\r", " ").replace("\n", " ")
