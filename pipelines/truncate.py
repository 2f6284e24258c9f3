"""Shortens a list for a message: the first items, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

MAX_ITEMS = 5


def truncate(
    items: Sequence[str], more: str = "and {} more", max_items: int = MAX_ITEMS
) -> list[str]:
    """Return the first items, and a last line with the number of items left out.

    Examples
    --------
    >>> truncate(["a", "b", "c"], max_items=2)
    ['a', 'b', 'and 1 more']
    """
    n_left = len(items) - max_items
    return [*items[:max_items], *([more.format(n_left)] if n_left > 0 else [])]
