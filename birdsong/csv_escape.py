"""Escape CSV cells that a spreadsheet would run as formulas.

Text from other people may begin with ``=``, and a spreadsheet would run it. Such a cell is written
with an apostrophe in front, which marks it as text. Reading removes the apostrophe, so that every
text survives the round trip.

References
----------
.. [1] OWASP, CSV injection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def escape_cell(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def escape_cells(values: Iterable[object]) -> list[object]:
    """Escape the texts among the values of a row."""
    return [escape_cell(value) if isinstance(value, str) else value for value in values]


def unescape_cell(cell: str) -> str:
    """Remove the apostrophe that `escape_cell` adds."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
