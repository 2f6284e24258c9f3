"""Bytes at a place of a file, and places of bytes in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

_SEARCHED_BYTES = 2**16  # at a time
_LONGEST_PATTERN = 16
_MOST_FOUND = 512


def search(file: BinaryIO, pattern: re.Pattern[bytes], start: int, end: int) -> Iterator[int]:
    """Yield where a pattern is found, a few hundred places at most; it matches at most 16 bytes."""
    last, n_found = start - 1, 0
    for at in range(start, end, _SEARCHED_BYTES):
        content = read_at(file, at, min(_SEARCHED_BYTES + _LONGEST_PATTERN, end - at))
        for found in pattern.finditer(content):
            if at + found.start() > last:
                last = at + found.start()
                yield last
                n_found += 1
                if n_found == _MOST_FOUND:
                    return


def read_at(file: BinaryIO, place: int, n_bytes: int) -> bytes:
    """Return some bytes from a place on; fewer where the file ends before."""
    file.seek(place)
    return file.read(max(0, n_bytes))
