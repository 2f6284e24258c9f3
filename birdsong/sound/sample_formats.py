"""The sample format in the header of an uncompressed file, by libsndfile's names."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

_WAVE_SUBTYPES = {
    # format tag: libsndfile's name by the bytes of a sample
    1: {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"},
    3: {4: "FLOAT", 8: "DOUBLE"},
    6: {1: "ALAW"},
    7: {1: "ULAW"},
}
_COMPRESSED_TAGS = frozenset({0x02, 0x11, 0x31})
"""Two kinds of ADPCM, and GSM 6.10."""

_EXTENSIBLE = 0xFFFE
_SIGNED = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_AIFC_SUBTYPES = {
    # compression: subtype, empty if it depends on the sample size; and the byte order
    b"NONE": ("", "BIG"),
    b"twos": ("", "BIG"),
    b"sowt": ("", "LITTLE"),
    b"in24": ("PCM_24", "BIG"),
    b"in32": ("PCM_32", "BIG"),
    b"fl32": ("FLOAT", "BIG"),
    b"FL32": ("FLOAT", "BIG"),
    b"fl64": ("DOUBLE", "BIG"),
    b"FL64": ("DOUBLE", "BIG"),
    b"alaw": ("ALAW", "BIG"),
    b"ulaw": ("ULAW", "BIG"),
}
AU_SUBTYPES = {1: "ULAW", 2: "PCM_S8", 3: "PCM_16", 4: "PCM_24", 5: "PCM_32", 6: "FLOAT"}
AU_SUBTYPES |= {7: "DOUBLE", 27: "ALAW"}
"""libsndfile's name by the encoding number of an AU file."""

SAMPLE_BYTES = {"PCM_U8": 1, "PCM_S8": 1, "ALAW": 1, "ULAW": 1, "PCM_16": 2, "PCM_24": 3}
SAMPLE_BYTES |= {"COMPRESSED": 1, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
"""Bytes of one sample; 1 for compressed audio, whose blocks hold many samples."""


@dataclass(frozen=True, slots=True)
class SampleFormat:
    """The sample format in a header."""

    rate_hz: float
    n_channels: int
    subtype: str
    endian: str
    n_frames: int = 0  # if the format chunk has it


def read_wave_format(content: bytes, byte_order: str) -> SampleFormat | None:
    """Read a ``fmt `` chunk; None if it is cut off or the sample format is unknown."""
    if len(content) < 16:
        return None
    tag, n_channels, rate_hz, _, frame_bytes, bits = struct.unpack(
        byte_order + "HHIIHH", content[:16]
    )
    if tag == _EXTENSIBLE and len(content) >= 26:
        (tag,) = struct.unpack(byte_order + "H", content[24:26])
    endian = "LITTLE" if byte_order == "<" else "BIG"
    if tag in _COMPRESSED_TAGS:
        return SampleFormat(rate_hz, n_channels, "COMPRESSED", endian)
    sample_bytes = frame_bytes // n_channels if n_channels else 0
    if bits > 8 * sample_bytes:  # some programs write the frame size of one channel
        sample_bytes = -(-bits // 8)
    subtype = _WAVE_SUBTYPES.get(tag, {}).get(sample_bytes)
    return None if subtype is None else SampleFormat(rate_hz, n_channels, subtype, endian)


def read_aiff_format(content: bytes, byte_order: str) -> SampleFormat | None:
    """Read a ``COMM`` chunk; None if it is cut off or the samples are compressed."""
    if len(content) < 18:
        return None
    n_channels, n_frames, bits = struct.unpack(">HIH", content[:8])
    exponent, mantissa = struct.unpack(">HQ", content[8:18])
    subtype, endian = _AIFC_SUBTYPES.get(content[18:22] or b"NONE", (None, ""))
    if subtype == "":
        subtype = _SIGNED.get(-(-bits // 8))
    power = (exponent & 0x7FFF) - 16446  # of 80 bits
    rate_hz = math.ldexp(mantissa, power) if power < 0 else 0.0
    return None if subtype is None else SampleFormat(rate_hz, n_channels, subtype, endian, n_frames)


def read_caf_format(content: bytes, byte_order: str) -> SampleFormat | None:
    """Read a ``desc`` chunk; None if it is cut off or the samples are compressed."""
    if len(content) < 32 or content[8:12] != b"lpcm":
        return None
    (rate_hz,) = struct.unpack(">d", content[:8])
    flags, packet_bytes, _, n_channels, _ = struct.unpack(">5I", content[12:32])
    sample_bytes = packet_bytes // n_channels if n_channels else 0
    names = {4: "FLOAT", 8: "DOUBLE"} if flags & 1 else _SIGNED
    subtype = names.get(sample_bytes)
    endian = "LITTLE" if flags & 2 else "BIG"
    return None if subtype is None else SampleFormat(rate_hz, n_channels, subtype, endian)
