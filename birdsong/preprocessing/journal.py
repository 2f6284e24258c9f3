"""What is done already: one line for each recording that was preprocessed.

A line counts as long as the recording's file, its facts in the manifest and the settings are what
they were when it was written; so a run that was stopped goes on, and a changed file is done anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from birdsong.atomic import replacing
from birdsong.errors import BirdsongError
from birdsong.images.store import writing
from birdsong.images.tables import IndexRow, ReceiptRow
from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.recording import BACKGROUND, ORIGINAL_NAME, Recording

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
    n_bytes: int = 0

    @classmethod
    def of(cls, recording: Recording, audio: AudioFolders, settings: Mapping[str, Any]) -> Self:
        """Look for a recording's file."""
        try:
            path = audio.find(recording)
            state = path.stat()
        except (BirdsongError, OSError) as error:  # found, and gone when it was looked at
            return cls(recording, None, str(error), "")
        facts = [recording.order, recording.family, recording.genus, recording.species]
        facts += [recording.english_name, recording.session]
        facts += filter(None, [recording.extra.get(ORIGINAL_NAME)])
        facts += [BACKGROUND] if recording.is_background else []
        stamp = json.dumps([state.st_size, state.st_mtime_ns, facts, settings])
        stamp = hashlib.sha256(stamp.encode()).hexdigest()[:32]
        return cls(recording, path, "", stamp, state.st_size)


class Journal:
    """The journal of a folder, open for one run: results go to the disk, and no further.

    Parameters
    ----------
    path : Path
        Begun if need be; what an earlier run finished and what has not changed since is done. A
        last line that was cut off counts as not done, and so does a recording that failed, or
        whose file, or one of whose images, is gone.
    work : Mapping of str to WorkItem
        The recordings by name.

    Raises
    ------
    DatasetError
        If it cannot be written.
    """

    def __init__(self, path: Path, work: Mapping[str, WorkItem]) -> None:
        self._path, self._work = path, work
        self._line_at: dict[str, int] = {}  # where each result stands, in bytes
        with writing(path.parent):
            self._file = path.open("a+b")
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self._line_at

    def __len__(self) -> int:
        return len(self._line_at)

    def add(self, result: RecordingResult) -> None:
        """Keep a result: when this returns, a run that is killed will not do it again.

        Raises
        ------
        DatasetError
            If it cannot be written.
        """
        name = result.receipt.recording
        with writing(self._path.parent):
            at = self._file.seek(0, os.SEEK_END)
            self._file.write(_line(self._work[name], result))
            self._file.flush()
        self._line_at[name] = at

    def results(self, names: Iterable[str]) -> Iterator[RecordingResult]:
        """Yield the results of some recordings that are done, in the order asked for."""
        for name in names:
            self._file.seek(self._line_at[name])
            _, result = _parse(self._file.readline())
            yield result

    def rewrite(self, names: Iterable[str]) -> None:
        """Bring the lines into an order, and drop all others.

        Raises
        ------
        DatasetError
            If it cannot be written.
        """
        line_at = {}
        with writing(self._path.parent):
            with replacing(self._path) as file:
                for name in names:
                    self._file.seek(self._line_at[name])
                    line_at[name] = file.tell()
                    file.write(self._file.readline())
            self._file.close()
            self._file = self._path.open("a+b")
        self._line_at = line_at

    def _read(self) -> None:
        self._file.seek(0)
        at, line = 0, b""
        for line in self._file:
            with suppress(ValueError, KeyError, TypeError):  # half a line, or another version's
                stamp, result = _parse(line)
                if self._is_unchanged(stamp, result):
                    self._line_at[result.receipt.recording] = at
            at += len(line)
        if line and not line.endswith(b"\n"):  # what a killed run cut off must not spoil the next
            with writing(self._path.parent):
                self._file.write(b"\n")

    def _is_unchanged(self, stamp: str, result: RecordingResult) -> bool:
        item = self._work.get(result.receipt.recording)
        if item is None or item.path is None or item.stamp != stamp:
            return False
        if result.receipt.status == "failed":  # a drive may have been away, or memory short
            return False
        return all((self._path.parent / row.image).exists() for row in result.index)


def _line(item: WorkItem, result: RecordingResult) -> bytes:
    line = {
        "stamp": item.stamp,
        "receipt": result.receipt,
        "index": result.index,
    }
    return (json.dumps(line, default=_fields) + "\n").encode()


def _fields(row: ReceiptRow | IndexRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}  # `asdict` would copy each deeply


def _parse(line: bytes) -> tuple[str, RecordingResult]:
    entry = json.loads(line)
    index = tuple(IndexRow(**row) for row in entry["index"])
    return entry["stamp"], RecordingResult(ReceiptRow(**entry["receipt"]), index)
