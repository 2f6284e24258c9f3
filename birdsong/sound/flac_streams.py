"""The streams of a FLAC file, and how much sound is in each, by its last frame.

A FLAC states how many samples it holds. A recorder that was cut off leaves 0 there, which stands
for an unknown number, and files that were joined state the first one's. The last frame tells its
place in the stream, and so how much there is.

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
_TAIL_BYTES = 2**18  # holds the last frame: one of 8 channels of 65,535 samples is rare
_INFO_BYTES = 42  # the marker, a block header, and streaminfo
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
    """A whole FLAC in a file.

    Attributes
    ----------
    start, end : int
        First byte and end.
    sample_rate_hz : int
    n_declared : int or None
        Samples of each channel that its header states; None where it states none.
    n_present : int or None
        Samples up to the end of the last frame; None where no frame was found near the end.
    open_ended : bytes
        The first bytes of the file with an unknown number of samples in them.
    """

    start: int
    end: int
    sample_rate_hz: int
    n_declared: int | None
    n_present: int | None
    open_ended: bytes


def flac_streams(file: BinaryIO) -> list[FlacStream]:
    """Find the streams of a file that begins with ``fLaC``.

    Parameters
    ----------
    file : binary file
        One that can seek; it is read to its end.

    Returns
    -------
    list of FlacStream
        None of it where the first header is not whole.
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
        if (stream := _stream(file, start, end)) is not None:
            streams.append(stream)
    return streams


def _stream(file: BinaryIO, start: int, end: int) -> FlacStream | None:
    file.seek(start)
    info = file.read(_INFO_BYTES)
    if len(info) < _INFO_BYTES:
        return None
    block_samples = int.from_bytes(info[10:12])
    packed = int.from_bytes(info[18:26])  # rate 20 bits, channels 3, bits 5, samples 36
    rate_hz, n_samples = packed >> 44, packed & (1 << 36) - 1
    unknown = (packed & ~((1 << 36) - 1)).to_bytes(8)
    return FlacStream(
        start=start,
        end=end,
        sample_rate_hz=rate_hz,
        n_declared=n_samples or None,
        n_present=_samples_to_last_frame(file, start, end, block_samples, packed >> 41 & 7),
        open_ended=info[:18] + unknown + info[26:],
    )


def _samples_to_last_frame(
    file: BinaryIO, start: int, end: int, block_samples: int, last_channel: int
) -> int | None:
    """Return the samples up to the end of the last whole frame header."""
    first = max(start + _INFO_BYTES, end - _TAIL_BYTES)
    file.seek(first)
    tail = file.read(end - first)
    for found in reversed([each.start() for each in _FRAME.finditer(tail)]):
        n_samples = _samples_after(tail[found : found + 16], block_samples, last_channel)
        if n_samples is not None:
            return n_samples
    return None


def _samples_after(header: bytes, block_samples: int, last_channel: int) -> int | None:
    """Return the samples up to the end of a frame, None where the bytes are no frame's header."""
    if len(header) < 16 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] & 1:
        return None
    channels = header[3] >> 4
    if channels > 10 or (channels != last_channel if channels < 8 else last_channel != 1):
        return None
    number, place = _coded_number(header)
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
    varies = header[1] & 1
    return number + n_samples if varies else number * block_samples + n_samples


def _coded_number(header: bytes) -> tuple[int | None, int]:
    """Read the frame's number, which is written as UTF-8 writes a character, and where it ends."""
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
