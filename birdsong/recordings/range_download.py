"""Download one file with HTTP range requests, so that an interrupted download can be resumed."""

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

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class _FileVersion(TypedDict):
    """The version of the file on the server, and its length in bytes."""

    tag: str
    modified: str
    total: int | None


class RangeDownload:
    """A file that is downloaded in one or several parts.

    A JSON file beside it holds the version on the server, until `delete` is called.

    Parameters
    ----------
    path : Path
        The partial file, in an existing folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version_path = path.with_suffix(".json")

    def fetch(self, url: str, connection: Connection) -> None:
        """Download the file, or the missing part of it, in one attempt.

        A complete file is not requested again.

        Raises
        ------
        NetworkError
            If the server refuses, or sends a page instead of audio.
        TransientNetworkError
            If the transfer is incomplete. The next attempt resumes it, or starts again if the
            server has another version of the file or ignores the requested range.
        """
        known = self._read_version()
        n_present = self.path.stat().st_size if known and self.path.exists() else 0
        if known and known["total"] == n_present > 0:
            return
        try:
            with connection.stream(url, headers=_request_headers(known, n_present)) as response:
                _check_is_audio(response.headers, url)
                is_partial = response.status_code == 206
                version = _version(response.headers, is_partial=is_partial)
                if is_partial:
                    if known is None or not _resumes(known, version, response.headers, n_present):
                        raise RangeError(
                            f"{host_and_path(url)}: sends another part than was requested"
                        )
                    version = known  # a partial response may repeat only some of its fields
                write_atomically(self._version_path, json.dumps(version).encode())
                with self.path.open("ab" if is_partial else "wb") as file:
                    for content in response.iter_raw():
                        file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
        except RangeError:  # the partial file does not fit the file on the server: start again
            self.delete()
            raise
        self._check_length(version["total"], url)

    def delete(self) -> None:
        """Delete the partial file and its version file."""
        self.path.unlink(missing_ok=True)
        self._version_path.unlink(missing_ok=True)

    def _check_length(self, total: int | None, url: str) -> None:
        n_bytes = self.path.stat().st_size
        if total is not None and n_bytes < total:
            raise TransientNetworkError(
                f"{host_and_path(url)}: broke off after {n_bytes} of {total} bytes"
            )
        if total is not None and n_bytes > total:
            self.delete()
            raise TransientNetworkError(
                f"{host_and_path(url)}: expected {total} bytes, got {n_bytes}"
            )

    def _read_version(self) -> _FileVersion | None:
        try:
            fields = json.loads(self._version_path.read_text(encoding="utf-8"))
            total = fields["total"]
            return _FileVersion(
                tag=str(fields["tag"]),
                modified=str(fields["modified"]),
                total=None if total is None else int(total),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _request_headers(known: _FileVersion | None, n_present: int) -> dict[str, str]:
    """Headers that ask for what is missing, of the version that the partial file has."""
    headers = {"Accept-Encoding": "identity"}
    if known and n_present:
        headers["Range"] = f"bytes={n_present}-"
        is_strong = known["tag"] and not known["tag"].startswith("W/")
        if version := known["tag"] if is_strong else known["modified"]:
            headers["If-Range"] = version
    return headers


def _check_is_audio(headers: Mapping[str, str], url: str) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind == "application/json":
        raise NetworkError(f"{host_and_path(url)}: expected audio, got {kind}")


def _version(headers: Mapping[str, str], *, is_partial: bool) -> _FileVersion:
    """Read the version of a file from the headers of a response."""
    length = headers.get("content-length", "")
    if is_partial:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        length = match[2] if match else ""
    return _FileVersion(
        tag=headers.get("etag", ""),
        modified=headers.get("last-modified", ""),
        total=int(length) if length.isdecimal() else None,
    )


def _resumes(
    known: _FileVersion, version: _FileVersion, headers: Mapping[str, str], n_present: int
) -> bool:
    """Whether a partial response continues the partial file, in the same version."""
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    return (
        match is not None
        and int(match[1]) == n_present
        and version["total"] == known["total"]
        and version["tag"] in ("", known["tag"])
        and version["modified"] in ("", known["modified"])
    )
