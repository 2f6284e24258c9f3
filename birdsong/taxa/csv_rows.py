"""Read CSV tables of names in any common encoding and with any common separator.

Column names are compared without case, and underscores count as spaces: ``Family_name`` equals
``family name``.
"""

import csv
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from birdsong.errors import TaxonomyError

_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table in memory.

    Attributes
    ----------
    name : str
        Name of the file, for messages.
    header : tuple of str
        Original column names.
    rows : tuple of (int, dict)
        Number of each row, as in a spreadsheet, and its cells by `column_key`.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]

    @property
    def keys(self) -> frozenset[str]:
        """The `column_key` of every column."""
        return frozenset(map(column_key, self.header))

    def original_column(self, key: str) -> str:
        """Return the original name of a column."""
        return next(column for column in self.header if column_key(column) == key)


def column_key(column: str) -> str:
    """Normalise a column name for comparison: lower case, single spaces for underscores."""
    return re.sub(r"[\s_]+", " ", column).strip().casefold()


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a text file in UTF-8, with or without a byte-order mark, or else in Windows-1252.

    Raises
    ------
    TaxonomyError
        If the file cannot be read, or is a spreadsheet workbook.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise TaxonomyError(f"no such file: {path}") from error
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_text(content, path.name)


def decode_text(content: bytes, name: str) -> str:
    """Decode the content of a text file, see `read_text`.

    Parameters
    ----------
    content : bytes
    name : str
        Name of the file, for messages.

    Raises
    ------
    TaxonomyError
        If the content is a spreadsheet workbook or binary.
    """
    if content.startswith(b"PK\x03\x04"):
        raise TaxonomyError(f"{name}: is a workbook; save its sheet as CSV in UTF-8")
    if b"\0" in content:
        raise TaxonomyError(f"{name}: holds NUL bytes, so it is not a text file; save it in UTF-8")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")  # accepts every byte


def read_csv(path: str | os.PathLike[str]) -> CsvTable:
    """Read a table.

    Raises
    ------
    TaxonomyError
        As in `read_text` and `parse_csv`.
    """
    return parse_csv(Path(path).name, read_text(path))


def parse_csv(name: str, text: str, *, comments: bool = False) -> CsvTable:
    """Parse a table with a header; the separator is ``,``, ``;`` or a tab.

    Blank rows are skipped, and short rows are filled with empty cells.

    Parameters
    ----------
    name : str
        Name of the table, for messages.
    text : str
    comments : bool
        Whether to skip lines that begin with ``#``, except within a quoted cell.

    Raises
    ------
    TaxonomyError
        If the text is not valid CSV, has no header, or a row has more cells than the header.
    """

    def is_comment(line: str) -> bool:
        return comments and line.lstrip().startswith("#")

    lines = (line for line in io.StringIO(text) if line.strip() and not is_comment(line))
    separator = max(_SEPARATORS, key=next(lines, "").count)
    in_row = False

    def content() -> Iterator[str]:
        nonlocal in_row
        for line in io.StringIO(text, newline=""):
            is_data = in_row or not is_comment(line)
            in_row = True  # until the reader returns the whole row
            yield line if is_data else "\n"

    def whole_rows() -> Iterator[list[str]]:
        nonlocal in_row
        for row in csv.reader(content(), delimiter=separator, strict=True):
            in_row = False
            yield row

    numbered = _numbered_rows(name, whole_rows())
    header = tuple(next(numbered, (1, []))[1])
    if not header:
        raise TaxonomyError(f"{name}: expected a header and one row per taxon, got nothing")
    keys = [column_key(column) for column in header]
    rows = []
    for number, cells in numbered:
        if any(cells[len(keys) :]):
            raise TaxonomyError(
                f"{name}, row {number}: expected {len(keys)} cells, as many as the header has, "
                f"got {len(cells)}"
            )
        row: dict[str, str] = {}
        for key, cell in zip(keys, [*cells, *[""] * len(keys)], strict=False):
            row.setdefault(key, cell)
        rows.append((number, row))
    return CsvTable(name, header, tuple(rows))


def _numbered_rows(name: str, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the stripped cells of each row that is not blank."""
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise TaxonomyError(f"{name}, row {number + 1}: not valid CSV: {error}") from error
