"""The containers of uncompressed audio: the layout of their chunks."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from birdsong.sound.sample_formats import (
    SampleFormat,
    read_aiff_format,
    read_caf_format,
    read_wave_format,
)


@dataclass(frozen=True, slots=True)
class ContainerFormat:
    """The layout of a container.

    Attributes
    ----------
    byte_order : {"<", ">"}
        As in `struct`.
    id_bytes : int
        Bytes of a chunk's name.
    size_format : str
        Format of a chunk's size, as in `struct`.
    size_counts_header : bool
        Whether a chunk's size includes its header.
    alignment : int
        Chunks take a multiple of so many bytes.
    header_bytes : int
        Bytes before the first chunk.
    format_chunk, data_chunk : bytes
        Names of the chunk with the sample format and of the chunk with the samples.
    data_offset : int
        Bytes of the data chunk before the first sample.
    read_sample_format : callable
        Reads the format chunk.
    signature : re.Pattern
        Matches the start of such a file.
    """

    byte_order: str
    id_bytes: int
    size_format: str
    size_counts_header: bool
    alignment: int
    header_bytes: int
    format_chunk: bytes
    data_chunk: bytes
    data_offset: int
    read_sample_format: Callable[[bytes, str], SampleFormat | None]
    signature: re.Pattern[bytes]

    @property
    def chunk_header_bytes(self) -> int:
        """Bytes of a chunk's name and size."""
        return self.id_bytes + struct.calcsize(self.size_format)


_WAVE_SIGNATURE = re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", re.DOTALL)
_AIFF_SIGNATURE = re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL)
_CAF_SIGNATURE = re.compile(rb"caff\x00\x01..desc", re.DOTALL)
_W64_SIGNATURE = re.compile(re.escape(b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")))
_RIFF = ContainerFormat(
    "<", 4, "I", False, 2, 12, b"fmt ", b"data", 0, read_wave_format, _WAVE_SIGNATURE
)
_RIFX = ContainerFormat(
    ">", 4, "I", False, 2, 12, b"fmt ", b"data", 0, read_wave_format, _WAVE_SIGNATURE
)
_AIFF = ContainerFormat(
    ">", 4, "I", False, 2, 12, b"COMM", b"SSND", 8, read_aiff_format, _AIFF_SIGNATURE
)
_CAF = ContainerFormat(
    ">", 4, "q", False, 1, 8, b"desc", b"data", 4, read_caf_format, _CAF_SIGNATURE
)
_W64 = ContainerFormat(
    "<", 16, "q", True, 8, 40, b"fmt ", b"data", 0, read_wave_format, _W64_SIGNATURE
)


def identify_container(signature: bytes) -> ContainerFormat | None:
    """Return the container with these first bytes; None for any other file."""
    if _WAVE_SIGNATURE.match(signature):
        return _RIFX if signature.startswith(b"RIFX") else _RIFF
    if _AIFF_SIGNATURE.match(signature):
        return _AIFF
    if _CAF_SIGNATURE.match(signature):
        return _CAF
    return _W64 if _W64_SIGNATURE.match(signature) else None
