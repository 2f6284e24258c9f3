"""The files in a WMA that was joined of several, and the length that each declares.

FFmpeg believes the header of a WMA where the file is as large as it says. Else it guesses a length
from the size, and it reads the first of several files alone.

References
----------
.. [1] Advanced Systems Format Specification 01.20.06 (Microsoft 2012), section 3.2: the file
   properties object.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from birdsong.sound.file_search import read_at, search

_BEGINS = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEADER_BYTES = 65_536
_SINCE_PROPERTIES = struct.Struct("<64xQ8xQI")  # duration in 100 ns, what is buffered in ms, flags
_IS_BROADCAST = 1


@dataclass(frozen=True, slots=True)
class AsfFile:
    """A whole WMA in a file.

    Attributes
    ----------
    start, end : int
        First byte and end.
    declared_s : float or None
        None where it was written into a stream, and nobody filled in the length.
    """

    start: int
    end: int
    declared_s: float | None


def asf_files(file: BinaryIO) -> list[AsfFile]:
    """Find the files in one that begins as a WMA does; none of it where it does not.

    Parameters
    ----------
    file : binary file
        One that can seek; it is read to its end.
    """
    if read_at(file, 0, len(_BEGINS)) != _BEGINS:
        return []
    size = file.seek(0, 2)
    starts = list(search(file, re.compile(re.escape(_BEGINS)), 0, size))
    return [
        AsfFile(start, end, _declared_s(read_at(file, start, min(_HEADER_BYTES, end - start))))
        for start, end in pairwise([*starts, size])
    ]


def _declared_s(header: bytes) -> float | None:
    at = header.find(_PROPERTIES)
    if at < 0 or len(header) < at + _SINCE_PROPERTIES.size:
        return None
    duration, buffered_ms, flags = _SINCE_PROPERTIES.unpack_from(header, at)
    seconds: float = duration / 1e7 - buffered_ms / 1e3
    return seconds if seconds > 0 and not flags & _IS_BROADCAST else None
