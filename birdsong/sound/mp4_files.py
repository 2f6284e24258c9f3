"""The files in an MP4, M4A, MOV or 3GP file that was joined from several with ``cat``.

Such a file is a sequence of boxes, each preceded by its size. FFmpeg reads only what the first
table of contents lists, so the joined files would be lost.

References
----------
.. [1] ISO/IEC 14496-12 (2015), clause 4.2: the header of a box.
"""

from __future__ import annotations

from itertools import pairwise
from typing import BinaryIO

from birdsong.sound.file_search import read_at

_MAX_BOXES = 100_000  # a fragmented file has two a second


def mp4_files(file: BinaryIO) -> list[tuple[int, int]]:
    """Find where the joined files begin and end.

    Parameters
    ----------
    file : binary file
        Seekable. Only the headers of its boxes are read.

    Returns
    -------
    list of (int, int)
        First byte and end of each; empty if the file does not begin as an MP4 does.
    """
    size = file.seek(0, 2)
    starts: list[int] = []
    at, has_contents = 0, False
    for _ in range(_MAX_BOXES):
        header = read_at(file, at, 16)
        n_bytes, name = int.from_bytes(header[:4]), header[4:8]
        if n_bytes == 1:
            n_bytes = int.from_bytes(header[8:16])
        if name == b"ftyp" and (has_contents or not starts):
            starts.append(at)
            has_contents = False
        has_contents |= name == b"moov"
        if not starts or n_bytes < 8 or at + n_bytes >= size:
            break
        at += n_bytes
    return list(pairwise([*starts, size]))
