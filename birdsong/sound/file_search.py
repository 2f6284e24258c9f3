"""Reading bytes at an offset of a file, and searching a file for a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

_BLOCK_BYTES = 2**16  # at a time
_MAX_PATTERN_BYTES = 16
_MAX_FOUND = 512


def find_pattern(file: BinaryIO, pattern: re.Pattern[bytes], start: int, end: int) -> Iterator[int]:
    """Yield up to 512 offsets at which a pattern of at most 16 bytes matches."""
    last, n_found = start - 1, 0
    for at in range(start, end, _BLOCK_BYTES):
        content = read_at(file, at, min(_BLOCK_BYTES + _MAX_PATTERN_BYTES, end - at))
        for found in pattern.finditer(content):
            if at + found.start() > last:
                last = at + found.start()
                yield last
                n_found += 1
                if n_found == _MAX_FOUND:
                    return


def read_at(file: BinaryIO, start: int, n_bytes: int) -> bytes:
    """Return bytes from an offset on; fewer if the file ends before."""
    file.seek(start)
    return file.read(max(0, n_bytes))
