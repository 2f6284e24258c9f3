"""A few of many things named, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

MAX_NAMED = 5


def first_few(
    things: Sequence[str], more: str = "and {} more", n_named: int = MAX_NAMED
) -> list[str]:
    """Take the first things, and a last line with the number of those that are left."""
    n_left = len(things) - n_named
    return [*things[:n_named], *([more.format(n_left)] if n_left > 0 else [])]
