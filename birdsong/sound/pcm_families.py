"""How the chunks of each container of uncompressed sound are written, and which of them matter."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from birdsong.sound.pcm_samples import Samples, aiff_samples, caf_samples, wave_samples


@dataclass(frozen=True, slots=True)
class PcmFamily:
    """A kind of container.

    Attributes
    ----------
    order : {"<", ">"}
        Of the bytes, as `struct` says it.
    n_id : int
        Bytes of a chunk's name.
    size_format : str
        Of a chunk's size, as `struct` says it.
    size_counts_header : bool
    alignment : int
        Bytes, of which each chunk takes a multiple.
    n_before : int
        Bytes before the first chunk.
    describes, sound : bytes
        The names of the two chunks that matter.
    n_skipped : int
        Bytes of the sound's chunk before the first sample.
    samples : callable
        Reads the chunk that describes.
    begins : re.Pattern
        What another file of the kind begins with.
    """

    order: str
    n_id: int
    size_format: str
    size_counts_header: bool
    alignment: int
    n_before: int
    describes: bytes
    sound: bytes
    n_skipped: int
    samples: Callable[[bytes, str], Samples | None]
    begins: re.Pattern[bytes]

    @property
    def n_header(self) -> int:
        """Bytes of a chunk's name and size."""
        return self.n_id + struct.calcsize(self.size_format)


_WAVE = re.compile(rb"(?:RIFF|RIFX|RF64|BW64).{4}WAVE", re.DOTALL)
_AIFF = re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL)
_CAF = re.compile(rb"caff\x00\x01..desc", re.DOTALL)
_W64 = re.compile(re.escape(b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")))
_RIFF_FAMILY = PcmFamily("<", 4, "I", False, 2, 12, b"fmt ", b"data", 0, wave_samples, _WAVE)
_RIFX_FAMILY = PcmFamily(">", 4, "I", False, 2, 12, b"fmt ", b"data", 0, wave_samples, _WAVE)
_AIFF_FAMILY = PcmFamily(">", 4, "I", False, 2, 12, b"COMM", b"SSND", 8, aiff_samples, _AIFF)
_CAF_FAMILY = PcmFamily(">", 4, "q", False, 1, 8, b"desc", b"data", 4, caf_samples, _CAF)
_W64_FAMILY = PcmFamily("<", 16, "q", True, 8, 40, b"fmt ", b"data", 0, wave_samples, _W64)


def family_of(begins: bytes) -> PcmFamily | None:
    """Return how a container is written, by its first bytes."""
    if _WAVE.match(begins):
        return _RIFX_FAMILY if begins.startswith(b"RIFX") else _RIFF_FAMILY
    if _AIFF.match(begins):
        return _AIFF_FAMILY
    if _CAF.match(begins):
        return _CAF_FAMILY
    return _W64_FAMILY if _W64.match(begins) else None
