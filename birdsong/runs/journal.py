"""The journal of a run: one line for each recording that is done.

A line is valid while the recording's file, its row of the manifest and the settings are unchanged.
So a run that was stopped continues, and a changed file is done again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from birdsong.atomic import atomic_writer
from birdsong.folder_lock import report_write_errors
from birdsong.runs.work_item import WorkItem

JOURNAL = ".journal.jsonl"
_STAMP = "stamp"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Codec(Generic[Result]):
    """Conversion of a result to a line of the journal and back.

    Attributes
    ----------
    name_of : callable
        Returns the name of a result's recording.
    to_dict : callable
        Converts a result to JSON values, with keys other than ``stamp``.
    from_dict : callable
        The inverse; raises `ValueError`, `KeyError` or `TypeError` for a line of another version.
    """

    name_of: Callable[[Result], str]
    to_dict: Callable[[Result], Mapping[str, Any]]
    from_dict: Callable[[Mapping[str, Any]], Result]


class Journal(Generic[Result]):
    """The journal of a folder, open for one run; results are on disk, not in memory.

    Parameters
    ----------
    path : Path
        Created if it does not exist. Recordings that an earlier run finished and that have not
        changed are done. A last line that was cut off is not, nor a recording whose file is gone.
    work : Mapping of str to WorkItem
        The recordings by name.
    codec : Codec
    is_valid : callable
        Whether a result of an earlier run can be kept: it did not fail, and its files exist.

    Raises
    ------
    DatasetError
        If it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        work: Mapping[str, WorkItem],
        codec: Codec[Result],
        is_valid: Callable[[Result], bool],
    ) -> None:
        self._path, self._work, self._codec = path, work, codec
        self._line_at: dict[str, int] = {}  # where each result stands, in bytes
        with report_write_errors(path.parent):
            self._file = path.open("a+b")
        self._read(is_valid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self._line_at

    def __len__(self) -> int:
        return len(self._line_at)

    def todo(self) -> list[WorkItem]:
        """Return the recordings that are not done, in the order of the work."""
        return [item for name, item in self._work.items() if name not in self]

    def done(self) -> Iterator[Result]:
        """Yield the results of recordings that are done, in the order of the work."""
        return self.results(name for name in self._work if name in self)

    def add(self, result: Result) -> None:
        """Append a result; after this, a killed run does not repeat it.

        Raises
        ------
        DatasetError
            If it cannot be written.
        """
        name = self._codec.name_of(result)
        line = {_STAMP: self._work[name].stamp, **self._codec.to_dict(result)}
        with report_write_errors(self._path.parent):
            at = self._file.seek(0, os.SEEK_END)
            self._file.write((json.dumps(line) + "\n").encode())
            self._file.flush()
        self._line_at[name] = at

    def results(self, names: Iterable[str]) -> Iterator[Result]:
        """Yield the results of recordings that are done, in the given order."""
        for name in names:
            self._file.seek(self._line_at[name])
            _, result = self._parse(self._file.readline())
            yield result

    def rewrite(self, names: Iterable[str]) -> None:
        """Rewrite the journal with the lines of some recordings, in the given order.

        Raises
        ------
        DatasetError
            If it cannot be written.
        """
        line_at = {}
        with report_write_errors(self._path.parent):
            with atomic_writer(self._path) as file:
                for name in names:
                    self._file.seek(self._line_at[name])
                    line_at[name] = file.tell()
                    file.write(self._file.readline())
            self._file.close()
            self._file = self._path.open("a+b")
        self._line_at = line_at

    def _read(self, is_valid: Callable[[Result], bool]) -> None:
        self._file.seek(0)
        at, line = 0, b""
        for line in self._file:
            with suppress(ValueError, KeyError, TypeError):  # half a line, or another version's
                stamp, result = self._parse(line)
                name = self._codec.name_of(result)
                item = self._work.get(name)
                is_unchanged = item is not None and item.path is not None and item.stamp == stamp
                if is_unchanged and is_valid(result):
                    self._line_at[name] = at
            at += len(line)
        if line and not line.endswith(b"\n"):  # a cut line must not run into the next
            with report_write_errors(self._path.parent):
                self._file.write(b"\n")

    def _parse(self, line: bytes) -> tuple[str, Result]:
        entry = json.loads(line)
        return entry[_STAMP], self._codec.from_dict(entry)
