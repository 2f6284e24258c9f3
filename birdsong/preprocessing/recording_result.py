"""The result of one recording: its row of the receipt, and the index rows of its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from birdsong.images.tables import IndexRow, ReceiptRow
from birdsong.runs.journal import Codec

_RECEIPT_COLUMNS = tuple(field.name for field in fields(ReceiptRow))
_INDEX_COLUMNS = tuple(field.name for field in fields(IndexRow))


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """The result of one recording: its row of the receipt, and the index rows of its images."""

    receipt: ReceiptRow
    index: tuple[IndexRow, ...]

    def is_complete(self, out_dir: Path) -> bool:
        """Whether it can be kept: it did not fail, and all its images exist."""
        if self.receipt.status == "failed":  # a drive may have been missing, or memory short
            return False
        return all((out_dir / row.image).exists() for row in self.index)


def _to_dict(result: RecordingResult) -> dict[str, Any]:
    # `asdict` would copy each value deeply.
    return {
        "receipt": {name: getattr(result.receipt, name) for name in _RECEIPT_COLUMNS},
        "index": [{name: getattr(row, name) for name in _INDEX_COLUMNS} for row in result.index],
    }


def _from_dict(entry: Mapping[str, Any]) -> RecordingResult:
    index = tuple(IndexRow(**row) for row in entry["index"])
    return RecordingResult(ReceiptRow(**entry["receipt"]), index)


CODEC = Codec(
    name_of=lambda result: result.receipt.recording, to_dict=_to_dict, from_dict=_from_dict
)
"""How a result is stored in the journal."""
