"""What is done already: one line for each recording that was preprocessed.

A line counts as long as the recording's file, its facts in the manifest and the settings are what
they were when it was written; so a run that was stopped goes on, and a changed file is done anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from birdsong.errors import BirdsongError
from birdsong.images.store import IndexRow, ReceiptRow
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import Recording

JOURNAL = ".journal.jsonl"


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """What came of one recording: its row of the receipt and its rows of the index."""

    receipt: ReceiptRow
    index: tuple[IndexRow, ...]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A recording with its file, or with the problem that kept it from being found.

    `stamp` changes when the file, the recording's facts or the settings do.
    """

    recording: Recording
    path: Path | None
    problem: str
    stamp: str

    @classmethod
    def of(cls, recording: Recording, audio: AudioFolder, settings: Mapping[str, Any]) -> Self:
        """Look for a recording's file."""
        try:
            path = audio.find(recording)
            state = path.stat()
        except BirdsongError as error:
            return cls(recording, None, str(error), "")
        facts = [recording.order, recording.family, recording.genus, recording.species]
        facts += [recording.english_name, recording.session]
        stamp = json.dumps([state.st_size, state.st_mtime_ns, facts, settings])
        return cls(recording, path, "", stamp)


def journal_line(item: WorkItem, result: RecordingResult) -> str:
    """Return the line, with its end, that says a recording is done."""
    line = {
        "stamp": item.stamp,
        "receipt": asdict(result.receipt),
        "index": [asdict(row) for row in result.index],
    }
    return json.dumps(line) + "\n"


def read_journal(path: Path, work: Mapping[str, WorkItem]) -> dict[str, RecordingResult]:
    """Return what an earlier run finished and what has not changed since.

    A last line that was cut off counts as not done, and so does a recording whose file, or one of
    whose pictures, is gone.
    """
    done: dict[str, RecordingResult] = {}
    if not path.exists():
        return done
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            receipt = ReceiptRow(**entry["receipt"])
            index = tuple(IndexRow(**row) for row in entry["index"])
        except (ValueError, KeyError, TypeError):
            continue
        item = work.get(receipt.recording)
        unchanged = item is not None and item.path is not None and item.stamp == entry["stamp"]
        if unchanged and all((path.parent / row.image).exists() for row in index):
            done[receipt.recording] = RecordingResult(receipt, index)
    return done
