"""The links of a chained Ogg file: whole streams, one after the other.

Ogg files may be joined as they are; each link then has its own rate and channels. libsndfile stops
at the end of the first link, and FFmpeg where the rate or the channels change.

References
----------
.. [1] RFC 3533 (2003), sections 4 to 6: chaining, grouping, and the header of a page.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import BinaryIO

_FIRST_PAGE = re.compile(rb"OggS\0[\x02\x03\x06\x07]")  # of a stream; it may also be the last
_BLOCK_BYTES = 2**20
_PAGE_HEADER_BYTES = 27


def ogg_links(file: BinaryIO) -> list[tuple[int, int]]:
    """Find where the links of a file begin and end.

    Parameters
    ----------
    file : binary file
        Seekable, and begins with ``OggS``. It is read to its end.

    Returns
    -------
    list of (int, int)
        First byte and end of each link. Multiplexed streams, such as the audio and video of a film,
        are one link.
    """
    starts: list[int] = []
    group_end = 0  # where the first pages of the streams of a link end
    overlap = b""
    at = 0
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        content = overlap + block
        for found in _FIRST_PAGE.finditer(content):
            place = at - len(overlap) + found.start()
            if starts and place < group_end:
                continue
            if place != group_end or not starts:
                starts.append(place)
            group_end = _page_end(file, place)
        at += len(block)
        overlap = content[-5:]
        file.seek(at)
    return list(pairwise([*starts, at]))


def _page_end(file: BinaryIO, place: int) -> int:
    """Return the end of the page at an offset, from the sizes of its segments."""
    file.seek(place)
    header = file.read(_PAGE_HEADER_BYTES)
    n_segments = header[26] if len(header) == _PAGE_HEADER_BYTES else 0
    return place + _PAGE_HEADER_BYTES + n_segments + sum(file.read(n_segments))
