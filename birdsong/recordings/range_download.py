"""A file on its way: what has come of it, and what is needed to go on where it broke off."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from birdsong.atomic import write_atomically
from birdsong.errors import NetworkError
from birdsong.recordings.connection import (
    Connection,
    RangeError,
    TransientNetworkError,
    host_and_path,
)

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class _Facts(TypedDict):
    """What the server said of the file when it began: its version, and its length in bytes."""

    tag: str
    modified: str
    total: int | None


class RangeDownload:
    """A file that comes in one piece or in several.

    Beside it lies what the server said of it, in a file with the ending ``.json``, until it is
    complete and `forget` is called.

    Parameters
    ----------
    path : Path
        In a folder that is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._facts = path.with_suffix(".json")

    def fetch(self, url: str, connection: Connection) -> None:
        """Fetch the file, or what is missing of it; one try. What is complete is not asked for.

        Raises
        ------
        NetworkError
            If the server refuses, or sends a page instead of sound.
        TransientNetworkError
            If not all has come; the next try goes on from there, or from the beginning where the
            server has another version by then, or does not do as it was asked.
        """
        before = self._told()
        n_held = self.path.stat().st_size if before and self.path.exists() else 0
        if before and before["total"] == n_held > 0:
            return
        headers = {"Accept-Encoding": "identity"}
        if before and n_held:
            headers["Range"] = f"bytes={n_held}-"
            is_strong = before["tag"] and not before["tag"].startswith("W/")
            if version := before["tag"] if is_strong else before["modified"]:
                headers["If-Range"] = version
        try:
            with connection.stream(url, headers=headers) as response:
                _require_sound(response.headers, url)
                goes_on = response.status_code == 206
                told = _facts(response.headers, goes_on=goes_on)
                if goes_on:
                    if before is None or not _fits(before, told, response.headers, n_held):
                        raise RangeError(f"{host_and_path(url)}: goes on otherwise than asked")
                    told = before  # of which it may repeat a part only
                write_atomically(self._facts, json.dumps(told).encode())
                with self.path.open("ab" if goes_on else "wb") as file:
                    for content in response.iter_raw():
                        file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        except RangeError:  # the local part does not fit the file on the server: start anew
            self.forget()
            raise
        n_bytes = self.path.stat().st_size
        if told["total"] is not None and n_bytes < told["total"]:
            raise TransientNetworkError(
                f"{host_and_path(url)}: broke off after {n_bytes} of {told['total']} bytes"
            )
        if told["total"] is not None and n_bytes > told["total"]:
            self.forget()
            raise TransientNetworkError(
                f"{host_and_path(url)}: sent {n_bytes} bytes, and said {told['total']}"
            )

    def forget(self) -> None:
        """Remove the file, and what was said of it."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)

    def _told(self) -> _Facts | None:
        try:
            told = json.loads(self._facts.read_text(encoding="utf-8"))
            total = told["total"]
            return _Facts(
                tag=str(told["tag"]),
                modified=str(told["modified"]),
                total=None if total is None else int(total),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _require_sound(headers: Mapping[str, str], url: str) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind == "application/json":
        raise NetworkError(f"{host_and_path(url)}: expected sound, got {kind}")


def _facts(headers: Mapping[str, str], *, goes_on: bool) -> _Facts:
    told = headers.get("content-length", "")
    if goes_on:
        found = _RANGE.fullmatch(headers.get("content-range", ""))
        told = found[2] if found else ""
    return _Facts(
        tag=headers.get("etag", ""),
        modified=headers.get("last-modified", ""),
        total=int(told) if told.isdecimal() else None,
    )


def _fits(before: _Facts, told: _Facts, headers: Mapping[str, str], n_held: int) -> bool:
    """Whether a piece is the one that is missing, of the version of which there is the rest."""
    found = _RANGE.fullmatch(headers.get("content-range", ""))
    return (
        found is not None
        and int(found[1]) == n_held
        and told["total"] == before["total"]
        and told["tag"] in ("", before["tag"])
        and told["modified"] in ("", before["modified"])
    )
