"""The files in a WMA (ASF) file: one, or several that were joined; and the length each declares.

FFmpeg uses the length in the header if the file has the size that the header declares. Otherwise it
estimates the length from the size. Of several joined files it reads only the first.

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

from birdsong.sound.file_search import find_pattern, read_at

_HEADER_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FILE_PROPERTIES_GUID = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEADER_BYTES = 65_536
_FILE_PROPERTIES = struct.Struct("<64xQ8xQI")  # duration in 100 ns, what is buffered in ms, flags
_BROADCAST_FLAG = 1


@dataclass(frozen=True, slots=True)
class AsfFile:
    """One WMA within a file.

    Attributes
    ----------
    start, end : int
        First byte and end.
    declared_s : float or None
        None if it was written as a stream and the length was never filled in.
    """

    start: int
    end: int
    declared_s: float | None


def asf_files(file: BinaryIO) -> list[AsfFile]:
    """Find the WMA files in a file; an empty list if it does not begin as a WMA does.

    Parameters
    ----------
    file : binary file
        Seekable; it is read to its end.
    """
    if read_at(file, 0, len(_HEADER_GUID)) != _HEADER_GUID:
        return []
    size = file.seek(0, 2)
    starts = list(find_pattern(file, re.compile(re.escape(_HEADER_GUID)), 0, size))
    return [
        AsfFile(start, end, _read_declared_s(read_at(file, start, min(_HEADER_BYTES, end - start))))
        for start, end in pairwise([*starts, size])
    ]


def _read_declared_s(header: bytes) -> float | None:
    at = header.find(_FILE_PROPERTIES_GUID)
    if at < 0 or len(header) < at + _FILE_PROPERTIES.size:
        return None
    duration, buffered_ms, flags = _FILE_PROPERTIES.unpack_from(header, at)
    seconds: float = duration / 1e7 - buffered_ms / 1e3
    return seconds if seconds > 0 and not flags & _BROADCAST_FLAG else None
