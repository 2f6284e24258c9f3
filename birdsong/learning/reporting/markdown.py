"""Markdown from untrusted text: escaped cells, links and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_MARKS = re.compile(r"([\\`*_\[\]|#~])")
_SCHEMES = ("https://", "http://")


def escape(text: str) -> str:
    """Escape text, so that Markdown shows it as it is, on one line."""
    one_line = " ".join(text.split())
    escaped = _MARKS.sub(r"\\\1", one_line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def inline_code(text: str) -> str:
    """Format text as inline code, also with backticks and in a table."""
    one_line = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", one_line)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if longest else ""
    return f"{fence}{padding}{one_line}{padding}{fence}"


def link(text: str, url: str) -> str:
    """Format a link; only the escaped text if `url` is not a web address."""
    if not url.startswith(_SCHEMES) or any(sign.isspace() for sign in url):
        return escape(text)
    return f"[{escape(text)}]({quote(url, safe=':/?#@!$&*+,;=%~')})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table.

    Parameters
    ----------
    header : sequence of str
    rows : iterable of sequence of str
        Cells from `escape`, `inline_code` and `link`, as many as the header has.

    Returns
    -------
    str
        Without a line break at the end.

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
