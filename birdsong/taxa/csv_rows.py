"""CSV tables of names as people have them: encodings, separators, headers, numbered rows.

Column names are compared without regard to case, and underscores count as spaces: ``Family_name``
is ``family name``.
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
    """A table that was read whole.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    header : tuple of str
        The columns as they are written.
    rows : tuple of (int, dict)
        Number of each row, counted as a spreadsheet shows them, and its cells by `column_key`.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]

    @property
    def keys(self) -> frozenset[str]:
        """The columns as `column_key` writes them."""
        return frozenset(map(column_key, self.header))

    def written(self, key: str) -> str:
        """Find how the table itself writes a column."""
        return next(column for column in self.header if column_key(column) == key)


def column_key(column: str) -> str:
    """The form in which columns are compared: lower case, single spaces for underscores."""
    return re.sub(r"[\s_]+", " ", column).strip().casefold()


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a text in UTF-8, with or without a byte-order mark, or else in Windows' Latin-1.

    Raises
    ------
    TaxonomyError
        If the file cannot be read, or is a workbook.
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
    """Take bytes for a text, as `read_text` does.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for messages.

    Raises
    ------
    TaxonomyError
        If they are a workbook, or no text.
    """
    if content.startswith(b"PK\x03\x04"):
        raise TaxonomyError(f"{name}: is a workbook; save its sheet as CSV in UTF-8")
    if b"\0" in content:
        raise TaxonomyError(f"{name}: holds NUL bytes, so it is no text; save it in UTF-8")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")  # never fails


def read_csv(path: str | os.PathLike[str]) -> CsvTable:
    """Read a table.

    Raises
    ------
    TaxonomyError
        As `read_text` and `parse_csv` do.
    """
    return parse_csv(Path(path).name, read_text(path))


def parse_csv(name: str, text: str, *, comments: bool = False) -> CsvTable:
    """Take a text apart whose first row is a header; cells stand between ``,``, ``;`` or tabs.

    Blank rows are left out, and a row that ends early is filled up.

    Parameters
    ----------
    name : str
        Of the table, for messages.
    text : str
    comments : bool
        Whether lines that begin with ``#`` are left out; within a quoted cell they are data.

    Raises
    ------
    TaxonomyError
        If it is no table, has no header, or a row has more cells than that.
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
            in_row = True  # until the reader has the row whole
            yield line if is_data else "\n"

    def whole_rows() -> Iterator[list[str]]:
        nonlocal in_row
        for row in csv.reader(content(), delimiter=separator, strict=True):
            in_row = False
            yield row

    numbered = _numbered(name, whole_rows())
    header = tuple(next(numbered, (1, []))[1])
    if not header:
        raise TaxonomyError(f"{name}: expected a header and a row a taxon, got nothing")
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


def _numbered(name: str, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, its cells without white space around them."""
    number = 0
    try:
        for number, row in enumerate(reader, start=1):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells
    except csv.Error as error:
        raise TaxonomyError(f"{name}, row {number + 1}: not valid CSV: {error}") from error
