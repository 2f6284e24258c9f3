"""The streams of a FLAC file, and the length of each, from its last frame.

A FLAC header declares the number of samples. A recorder that was cut off leaves it at 0, which
means unknown, and joined files have the number of the first one. The last frame holds its position
in the stream, and so gives the length.

References
----------
.. [1] RFC 9639 (2024), sections 8.2 and 9.1: the streaminfo block, and the header of a frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

_BLOCK_BYTES = 2**20
_TAIL_BYTES = 2**18  # enough for the last frame: 8 channels of 65,535 samples are rare
_INFO_BYTES = 42  # the marker, a block header and the streaminfo block
_STREAM = re.compile(rb"fLaC[\x00\x80]\0\0\x22")
_FRAME = re.compile(rb"\xff[\xf8\xf9]")


def _crc8_table() -> tuple[int, ...]:
    """Return the remainder of each byte by x^8 + x^2 + x + 1."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value << 1) ^ (0x107 if value & 0x80 else 0)
        table.append(value & 0xFF)
    return tuple(table)


_CRC8 = _crc8_table()


@dataclass(frozen=True, slots=True)
class FlacStream:
    """One FLAC stream within a file.

    Attributes
    ----------
    start, end : int
        First byte and end.
    sample_rate_hz : int
    n_declared : int or None
        Samples per channel in its header; None if the number is unknown.
    n_present : int or None
        Samples up to the end of the last frame; None if no frame is found near the end.
    header_without_length : bytes
        The header with the number of samples set to unknown.
    """

    start: int
    end: int
    sample_rate_hz: int
    n_declared: int | None
    n_present: int | None
    header_without_length: bytes


def flac_streams(file: BinaryIO) -> list[FlacStream]:
    """Find the streams of a file that begins with ``fLaC``.

    Parameters
    ----------
    file : binary file
        Seekable; it is read to its end.

    Returns
    -------
    list of FlacStream
        Empty if the first header is incomplete.
    """
    starts: list[int] = []
    overlap, at = b"", 0
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        content = overlap + block
        starts += [at - len(overlap) + found.start() for found in _STREAM.finditer(content)]
        at += len(block)
        overlap = content[-7:]
    starts = list(dict.fromkeys(starts))
    streams = []
    for start, end in pairwise([*starts, at]):
        if (stream := _read_stream(file, start, end)) is not None:
            streams.append(stream)
    return streams


def _read_stream(file: BinaryIO, start: int, end: int) -> FlacStream | None:
    file.seek(start)
    info = file.read(_INFO_BYTES)
    if len(info) < _INFO_BYTES:
        return None
    block_samples = int.from_bytes(info[10:12])
    packed = int.from_bytes(info[18:26])  # rate 20 bits, channels 3, bits 5, samples 36
    rate_hz, n_samples = packed >> 44, packed & (1 << 36) - 1
    without_length = (packed & ~((1 << 36) - 1)).to_bytes(8)
    return FlacStream(
        start=start,
        end=end,
        sample_rate_hz=rate_hz,
        n_declared=n_samples or None,
        n_present=_count_samples(file, start, end, block_samples, packed >> 41 & 7),
        header_without_length=info[:18] + without_length + info[26:],
    )


def _count_samples(
    file: BinaryIO, start: int, end: int, block_samples: int, last_channel: int
) -> int | None:
    """Return the number of samples up to the end of the last frame with an intact header."""
    first = max(start + _INFO_BYTES, end - _TAIL_BYTES)
    file.seek(first)
    tail = file.read(end - first)
    for found in reversed([each.start() for each in _FRAME.finditer(tail)]):
        n_samples = _frame_end(tail[found : found + 16], block_samples, last_channel)
        if n_samples is not None:
            return n_samples
    return None


def _frame_end(header: bytes, block_samples: int, last_channel: int) -> int | None:
    """Return the number of samples up to the end of a frame; None if it is not a frame header."""
    if len(header) < 16 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] & 1:
        return None
    channels = header[3] >> 4
    if channels > 10 or (channels != last_channel if channels < 8 else last_channel != 1):
        return None
    number, place = _read_frame_number(header)
    if number is None:
        return None
    code = header[2] >> 4
    if code == 1:
        n_samples = 192
    elif code <= 5:
        n_samples = 576 << (code - 2)
    elif code >= 8:
        n_samples = 256 << (code - 8)
    else:
        n_bytes = code - 5
        n_samples = int.from_bytes(header[place : place + n_bytes]) + 1
        place += n_bytes
    place += {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    checksum = 0
    for byte in header[:place]:
        checksum = _CRC8[checksum ^ byte]
    if place >= len(header) or checksum != header[place]:
        return None
    has_variable_blocks = header[1] & 1
    return number + n_samples if has_variable_blocks else number * block_samples + n_samples


def _read_frame_number(header: bytes) -> tuple[int | None, int]:
    """Return the frame number, which is coded as in UTF-8, and the offset of its end."""
    first = header[4]
    if first < 0x80:
        return first, 5
    n_more = next((n for n in range(1, 7) if first >> (6 - n) & 1 == 0), 0)
    if first < 0xC0 or not n_more:
        return None, 5
    number = first & (1 << (6 - n_more)) - 1
    for byte in header[5 : 5 + n_more]:
        if byte >> 6 != 2:
            return None, 5
        number = number << 6 | byte & 0x3F
    return number, 5 + n_more
