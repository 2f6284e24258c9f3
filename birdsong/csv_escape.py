"""Cells of tables that a spreadsheet must not take for formulas.

A name or a comment that someone else wrote may begin with ``=``, and a spreadsheet would run it. So
tables are written with an apostrophe before such a cell, which marks a text, and read without it:
what was written is read again, whatever it was.

References
----------
.. [1] OWASP, CSV injection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_RUN = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape_cell(text: str) -> str:
    """Mark a text that a spreadsheet would run."""
    return f"'{text}" if _RUN.match(text) and not _NUMBER.fullmatch(text) else text


def escape_cells(values: Iterable[object]) -> list[object]:
    """Mark the texts among the values of a row."""
    return [escape_cell(value) if isinstance(value, str) else value for value in values]


def unescape_cell(cell: str) -> str:
    """Take the mark off again."""
    return cell[1:] if cell.startswith("'") and _RUN.match(cell) else cell
