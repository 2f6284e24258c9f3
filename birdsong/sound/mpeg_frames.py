"""The frames of an MP3 in a few places: whether it is as long as libsndfile takes it to be.

libsndfile believes the number of frames that a Xing or Info header in the first one tells. Where
there is none, it divides the size of the file by the length of the first frame. It decodes that
much and no more: the rest of a variable bit rate, or of a second file behind the first, is lost.

References
----------
.. [1] ISO/IEC 11172-3 (1993) and ISO/IEC 13818-3 (1998), clause 2.4.2.3: the header of a frame.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import BinaryIO, NamedTuple

_N_PLACES = 12
_N_PLACES_BEHIND = 4
_PLACE_BYTES = 8192  # holds four of the longest frames, wherever it begins
_MIN_FRAMES = 4  # in a row; fewer may be chance, or a count that leaves out the header itself
_MAX_TAGS = 8
_LOST_SHARE = 0.002  # of a constant bit rate, where the first frame is longer than most

_FRAME_MAYBE = re.compile(rb"(?=\xff[\xe2-\xff][\x10-\xef])")
_COUNTS = re.compile(rb"Xing|Info")
_COUNTS_WITHIN = 44  # bytes: behind the side information, which takes up to 32
_READ_BITS = 0xFFFE_FEC0  # all that `_frame` reads of a header
_KIND_BITS = 0xFFFE_0C00  # version, layer and sample rate, which a recording keeps
_KBIT_S = {
    # (MPEG-1, layer): by index from 1
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)
_RATE_DIVISORS = {3: 1, 2: 2, 0: 4}  # of MPEG-1, MPEG-2 and MPEG-2.5


class _Frame(NamedTuple):
    kind: tuple[int, bool]  # the second: whether it is mono
    bit_rate: int
    n_bytes: int
    seconds: float


def misjudged_length_s(file: BinaryIO) -> float | None:
    """Estimate the length of an MP3 that libsndfile would misjudge.

    Parameters
    ----------
    file : binary file
        One that can seek. However long it is, a score of places of 8 kB each are read.

    Returns
    -------
    float or None
        Seconds, as the frames in those places are on average. None where libsndfile decodes all
        that there is, and where there are no frames.
    """
    size = file.seek(0, 2)
    start = _after_tags(file)
    offset, row = _row(_read(file, start))
    if not row:
        return None
    start, leading = start + offset, row[0]
    row += _look(file, start, size, _N_PLACES, leading)
    seconds, n_bytes = sum(frame.seconds for frame in row), sum(frame.n_bytes for frame in row)
    n_counted, n_counted_bytes = _counts(_read(file, start))
    if n_counted:
        end = start + (n_counted_bytes or n_counted * n_bytes // len(row))
        agrees = not _look(file, end, size, _N_PLACES_BEHIND, leading)
    else:
        mean_bytes = leading.bit_rate / 8 * leading.seconds  # some have a byte of padding
        agrees = leading.n_bytes <= (1 + _LOST_SHARE) * mean_bytes
        agrees &= all(frame.bit_rate == leading.bit_rate for frame in row)
    return None if agrees else (size - start) * seconds / n_bytes


def _after_tags(file: BinaryIO) -> int:
    """Return where the ID3v2 tags end that lie in front, 0 where there is none."""
    start = 0
    for _ in range(_MAX_TAGS):
        header = _read(file, start, 10)
        if len(header) < 10 or not header.startswith(b"ID3"):
            break
        n_bytes = 0
        for seven_bits in header[6:]:
            n_bytes = n_bytes << 7 | seven_bits & 0x7F
        start += 10 + n_bytes + (10 if header[5] & 0x10 else 0)  # a footer repeats the header
    return start


def _counts(content: bytes) -> tuple[int, int]:
    """Return how many frames and bytes the header in the first frame tells, 0 where it does not."""
    found = _COUNTS.search(content, 0, _COUNTS_WITHIN)
    if not found or len(content) < found.end() + 12:
        return 0, 0
    flags, *numbers = (
        int.from_bytes(content[found.end() + i : found.end() + i + 4]) for i in (0, 4, 8)
    )
    n_frames = numbers.pop(0) if flags & 1 else 0
    return n_frames, numbers.pop(0) if flags & 2 else 0


def _look(file: BinaryIO, start: int, end: int, n_places: int, like: _Frame) -> list[_Frame]:
    """Return the frames of the same kind in places spread evenly from a start to an end."""
    if end <= start:
        return []
    step = max(_PLACE_BYTES, (end - start - _PLACE_BYTES) / (n_places - 1))
    places = (start + int(i * step) for i in range(n_places))
    return [frame for place in places if place < end for frame in _row(_read(file, place), like)[1]]


def _row(content: bytes, like: _Frame | None = None) -> tuple[int, list[_Frame]]:
    """Return the first frames that follow one another, and where they begin."""
    for found in _FRAME_MAYBE.finditer(content):
        place = found.start()
        row: list[_Frame] = []
        while frame := _frame(int.from_bytes(content[place : place + 4]) & _READ_BITS):
            if frame.kind != (like or frame).kind or (row and frame.kind != row[0].kind):
                break
            row.append(frame)
            place += frame.n_bytes
        if len(row) >= _MIN_FRAMES:
            return found.start(), row[:-1]  # the last has none behind it that bears it out
    return 0, []


@lru_cache(maxsize=4096)
def _frame(header: int) -> _Frame | None:
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bit_rate_index, rate_index = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer == 4:
        return None
    if bit_rate_index in (0, 15) or rate_index == 3:
        return None
    bit_rate = 1000 * _KBIT_S[version == 3, layer][bit_rate_index - 1]
    rate_hz = _RATES_HZ[rate_index] // _RATE_DIVISORS[version]
    n_samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    slot_bytes = 4 if layer == 1 else 1
    n_slots = n_samples // 8 // slot_bytes * bit_rate // rate_hz + (header >> 9 & 1)
    kind = header & _KIND_BITS, header >> 6 & 3 == 3
    return _Frame(kind, bit_rate, n_slots * slot_bytes, n_samples / rate_hz)


def _read(file: BinaryIO, place: int, n_bytes: int = _PLACE_BYTES) -> bytes:
    file.seek(place)
    return file.read(n_bytes)
