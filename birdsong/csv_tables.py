"""Tables as CSV files whose rows are dataclasses: the fields of a row are the columns.

Tables are written beside their place and moved into it, so that none is ever seen half-written.
What a spreadsheet would run is marked, and read without the mark; see `cells`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from birdsong.atomic import atomic_writer
from birdsong.csv_escape import escape_cell, unescape_cell
from birdsong.errors import DatasetError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


def write_table(path: Path, kind: type[Row], rows: Iterable[Row]) -> None:
    """Write a table.

    Parameters
    ----------
    path : Path
        What is there already is replaced.
    kind : type
        The dataclass of the rows.
    rows : iterable of `kind`

    Raises
    ------
    OSError
        If it cannot be written.
    """
    columns = [field.name for field in fields(kind)]
    with atomic_writer(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(getattr(row, name)) for name in columns])


def read_table(path: Path, kind: type[Row], *, made_by: str) -> Iterator[Row]:
    """Read a table row by row.

    Parameters
    ----------
    path : Path
    kind : type
        The dataclass of the rows, of texts, whole numbers and numbers. Tables of earlier versions
        may lack a column that has a default; an empty cell of one is the default, too.
    made_by : str
        What writes the table, for messages.

    Yields
    ------
    object of `kind`

    Raises
    ------
    DatasetError
        If it is missing or a row is not what it should be.
    """
    hints = get_type_hints(kind)
    parse: dict[str, Callable[[str], Any]] = {
        each.name: next(iter(get_args(hints[each.name])), hints[each.name]) for each in fields(kind)
    }
    needed = {each.name for each in fields(kind) if each.default is MISSING}
    for number, row in read_cells(path, made_by=made_by):
        try:
            values = {
                name: parse[name](row[name]) for name in parse if name in needed or row.get(name)
            }
            made = kind(**values)
        except (KeyError, ValueError, TypeError) as error:
            raise DatasetError(f"{path}, row {number}: {error}") from error
        yield made


def read_cells(path: Path, *, made_by: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Read a table row by row: of a million rows, only what is made of them is kept.

    Parameters
    ----------
    path : Path
    made_by : str
        What writes the table, for messages.

    Yields
    ------
    number : int
        Of the row, as a spreadsheet counts.
    cells : dict of str to str
        By column.

    Raises
    ------
    DatasetError
        If it is missing, or no table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                if None in row or None in row.values():
                    raise DatasetError(f"{path}, row {number}: has not as many cells as the header")
                if any(cell[:1] == "'" for cell in row.values()):
                    row = {name: unescape_cell(cell) for name, cell in row.items()}
                yield number, row
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: no such file; {made_by} did not finish, run it again to go on"
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a table ({error})") from error


def _cell(value: object) -> object:
    """Seconds to the millisecond, so that a table does not change with a last bit.

    A carriage return becomes a space: Python 3.11's csv does not quote it, and reads a row's end.
    """
    if isinstance(value, float):
        return f"{value:.3f}"
    return escape_cell(value.replace("\r", " ")) if isinstance(value, str) else value
