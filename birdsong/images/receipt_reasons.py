"""The reasons in a receipt, with equal and similar ones grouped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from birdsong.images.tables import ReceiptRow

MAX_EXACT = 5
"""More texts than this that differ only in numbers become one, with the range of each number."""

_NUMBER = re.compile(r"(?<![\w./\\-])-?\d+(?:\.\d+)?(?![\w/\\-]|\.\w)")
"""A number that stands alone, or before a unit sign: not one in a file's name."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why recordings were skipped, failed, or got a warning.

    Attributes
    ----------
    status : {"ok", "skipped", "failed"}
    text : str
        The reason without the recording's name. If many differ only in numbers, each number is a
        range, as in "lasts 4.1 to 12.3 s".
    recordings : tuple of str
    """

    status: str
    text: str
    recordings: tuple[str, ...]


def group_reasons(receipt: Iterable[ReceiptRow]) -> list[Reason]:
    """Group recordings with the same reason.

    If more than `MAX_EXACT` reasons differ only in numbers, such as the length of each recording,
    they become one reason with ranges.

    Parameters
    ----------
    receipt : iterable of ReceiptRow

    Returns
    -------
    list of Reason
        Failed first, warnings last; within each the most frequent first. A recording with two
        warnings is in two groups.
    """
    texts_of: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in receipt:
        for text in row.reason.split("; ") if row.status == "ok" else [row.reason]:
            if text:
                text = _without_name(text, row.recording)
                template = (row.status, _NUMBER.sub("#", text))
                texts_of.setdefault(template, []).append((text, row.recording))
    grouped = []
    for (status, _), members in texts_of.items():
        recordings: dict[str, list[str]] = {}
        for text, name in members:
            recordings.setdefault(text, []).append(name)
        if len(recordings) > MAX_EXACT:
            recordings = {_with_ranges(list(recordings)): [name for _, name in members]}
        grouped += [Reason(status, text, tuple(names)) for text, names in recordings.items()]
    order = ("failed", "skipped", "ok")
    return sorted(grouped, key=lambda r: (order.index(r.status), -len(r.recordings), r.text))


def _with_ranges(texts: Sequence[str]) -> str:
    """Merge texts that differ only in numbers: each number that varies becomes a range."""
    ranges = []
    for numbers in zip(*(_NUMBER.findall(text) for text in texts), strict=True):
        low, high = min(numbers, key=float), max(numbers, key=float)
        ranges.append(low if float(low) == float(high) else f"{low} to {high}")
    return _NUMBER.sub(lambda _: ranges.pop(0), texts[0])


def _without_name(text: str, recording: str) -> str:
    """Remove a leading ``XC1.mp3: `` that names the recording."""
    name, _, rest = text.partition(": ")
    return rest if PurePosixPath(name).stem == PurePosixPath(recording).stem else text
