"""The reasons of a receipt, alike ones together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from birdsong.images.tables import ReceiptRow


@dataclass(frozen=True, slots=True)
class Reason:
    """Why recordings were skipped, failed, or got a warning.

    Attributes
    ----------
    status : {"ok", "skipped", "failed"}
    text : str
        As the first of the recordings has it, without the recording's name.
    recordings : tuple of str
    """

    status: str
    text: str
    recordings: tuple[str, ...]


def group_reasons(receipt: Iterable[ReceiptRow]) -> list[Reason]:
    """Put recordings together whose reasons differ in nothing but names and numbers.

    Parameters
    ----------
    receipt : iterable of ReceiptRow

    Returns
    -------
    list of Reason
        What failed first, warnings last; the most frequent first. A recording with two warnings
        is in two of them.
    """
    texts: dict[tuple[str, str], str] = {}
    recordings: dict[tuple[str, str], list[str]] = {}
    for row in receipt:
        for text in row.reason.split("; ") if row.status == "ok" else [row.reason]:
            if text:
                text = _without_name(text, row.recording)
                kind = (row.status, re.sub(r"\d+(\.\d+)?", "#", text))
                texts.setdefault(kind, text)
                recordings.setdefault(kind, []).append(row.recording)
    grouped = [Reason(kind[0], texts[kind], tuple(names)) for kind, names in recordings.items()]
    order = ("failed", "skipped", "ok")
    return sorted(grouped, key=lambda r: (order.index(r.status), -len(r.recordings), r.text))


def _without_name(text: str, recording: str) -> str:
    """Cut ``XC1.mp3: `` off the front, where it names the recording."""
    name, _, rest = text.partition(": ")
    return rest if PurePosixPath(name).stem == PurePosixPath(recording).stem else text
