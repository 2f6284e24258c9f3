"""The reasons of a receipt, alike ones together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from birdsong.images.tables import ReceiptRow

MAX_EXACT = 5
"""More texts than this that differ in figures alone become one, with the range of each figure."""

_FIGURE = re.compile(r"(?<![\w./\\-])-?\d+(?:\.\d+)?(?![\w/\\-]|\.\w)")
"""A number that stands alone, or before a unit sign: not one in a file's name."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why recordings were skipped, failed, or got a warning.

    Attributes
    ----------
    status : {"ok", "skipped", "failed"}
    text : str
        What is true of each of the recordings, without the recording's name. Where many differ in
        figures alone, a figure is the range of theirs, as in "lasts 4.1 to 12.3 s".
    recordings : tuple of str
    """

    status: str
    text: str
    recordings: tuple[str, ...]


def group_reasons(receipt: Iterable[ReceiptRow]) -> list[Reason]:
    """Put recordings together that have the same reason.

    Reasons are the same where their texts are. Where more than `MAX_EXACT` texts differ in their
    figures alone, such as how long each recording lasts, they are one reason with ranges.

    Parameters
    ----------
    receipt : iterable of ReceiptRow

    Returns
    -------
    list of Reason
        What failed first, warnings last; the most frequent first. A recording with two warnings
        is in two of them.
    """
    kinds: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in receipt:
        for text in row.reason.split("; ") if row.status == "ok" else [row.reason]:
            if text:
                text = _without_name(text, row.recording)
                kind = (row.status, _FIGURE.sub("#", text))
                kinds.setdefault(kind, []).append((text, row.recording))
    grouped = []
    for (status, _), members in kinds.items():
        recordings: dict[str, list[str]] = {}
        for text, name in members:
            recordings.setdefault(text, []).append(name)
        if len(recordings) > MAX_EXACT:
            recordings = {_with_ranges(list(recordings)): [name for _, name in members]}
        grouped += [Reason(status, text, tuple(names)) for text, names in recordings.items()]
    order = ("failed", "skipped", "ok")
    return sorted(grouped, key=lambda r: (order.index(r.status), -len(r.recordings), r.text))


def _with_ranges(texts: Sequence[str]) -> str:
    """Merge texts that differ in figures alone: each figure that varies becomes its range."""
    ranges = []
    for figures in zip(*(_FIGURE.findall(text) for text in texts), strict=True):
        low, high = min(figures, key=float), max(figures, key=float)
        ranges.append(low if float(low) == float(high) else f"{low} to {high}")
    return _FIGURE.sub(lambda _: ranges.pop(0), texts[0])


def _without_name(text: str, recording: str) -> str:
    """Cut ``XC1.mp3: `` off the front, where it names the recording."""
    name, _, rest = text.partition(": ")
    return rest if PurePosixPath(name).stem == PurePosixPath(recording).stem else text
