"""Markdown from what people typed: cells and links that cannot break the table they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_MARKS = re.compile(r"([\\`*_\[\]|#~])")
_SCHEMES = ("https://", "http://")


def plain(text: str) -> str:
    """Return text that reads as it was typed: on one line, and no character of it a mark."""
    one_line = " ".join(text.split())
    escaped = _MARKS.sub(r"\\\1", one_line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Return text as code, also where it holds backticks or stands in a table."""
    one_line = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", one_line)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest else ""
    return f"{fence}{padding}{one_line}{padding}{fence}"


def link(text: str, url: str) -> str:
    """Return a link to a page; the text alone where `url` is no address of one."""
    if not url.startswith(_SCHEMES) or any(sign.isspace() for sign in url):
        return plain(text)
    return f"[{plain(text)}]({quote(url, safe=':/?#@!$&*+,;=%~')})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay rows out as a table.

    Parameters
    ----------
    header : sequence of str
    rows : iterable of sequence of str
        Cells from `plain`, `code` and `link`, as many as the header has.

    Returns
    -------
    str
        Lines without a line break at the end.

    Raises
    ------
    ValueError
        If a row has another number of cells.
    """
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"expected {len(header)} cells, got {len(row)}")
        lines.append(_line(row))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
