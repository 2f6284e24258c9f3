"""The parts of an uncompressed file that hold samples, by its chunks and its content.

A recorder writes the header before it knows the length, and fills in the sizes at the end, unless
its battery runs out. Sizes of 32 bits are modulo 4 GiB. Files are cut by interrupted copies, and
joined with ``cat``. So sizes are compared with the content: bytes after the samples that are not a
chunk are samples too, chunks are not, and what a header declares beyond the end is missing.

References
----------
.. [1] Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft 1991): RIFF.
.. [2] EBU Tech 3306 (2009): RF64. ITU-R BS.2088 (2019): BW64.
.. [3] Audio Interchange File Format AIFF-C, draft 08/26/91 (Apple).
.. [4] Apple Core Audio Format Specification 1.0: CAF. Sony Media Software: Wave64.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from birdsong.sound.file_search import find_pattern, read_at
from birdsong.sound.pcm_containers import ContainerFormat, identify_container
from birdsong.sound.sample_formats import AU_SUBTYPES, SAMPLE_BYTES, SampleFormat

_MAX_CHUNKS = 256
MAX_PARTS = 10_000
"""Of a joined file; a day in files of ten seconds has fewer."""

_TAIL_BYTES = 16 * 2**20  # at the end of a file, searched for chunks after the samples
_UNKNOWN_SIZES = (
    range(0x7F00_0000, 0x7F00_0010),  # SoX's AIFF
    range(0x7FFF_E000, 0x8000_0001),
    range(0xFFFF_F000, 1 << 32),
    range(1 << 62, 1 << 63),  # FFmpeg's W64
)
"""Placeholder sizes that programs write to a pipe, where the length is unknown."""

_METADATA_CHUNKS = re.compile(
    rb"LIST|list|guan|wamd|cue |id3 |ID3 |bext|iXML|axml|_PMX|afsp|smpl|inst|plst|note|labl|ltxt|"
    rb"fact|fake|JUNK|junk|PAD |FLLR|PEAK|cart|umid|minf|elm1|regn|chna|dbmd|LGWV|SAUR|mext|levl|"
    rb"link|bwav|acid|strc|DISP|NAME|AUTH|ANNO|\(c\) |MARK|COMT|INST|APPL|MIDI|AESD|SAXL|info|"
    rb"edct|uuid|free|peak|mark|strg"
)
_OTHER_FORMATS = re.compile(
    rb"OggS|fLaC|.{4}ftyp|wvpk|TTA1|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75\x8e\x66|\.snd\0\0", re.DOTALL
)
"""First bytes of a file in another format that was joined to this one."""

_FOUR_LETTERS = re.compile(rb"[\x20-\x7e]{4}")


@dataclass(frozen=True, slots=True)
class PcmPart:
    """A contiguous range of samples in a file.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
    subtype : str
        libsndfile's name of the sample format, such as ``PCM_16``; ``COMPRESSED`` for codecs with a
        constant bit rate.
    endian : {"LITTLE", "BIG"}
    start, end : int
        The range in bytes; a whole number of frames.
    declared_s : float or None
        Length in its header; None if the size is 0 or another placeholder.
    header : tuple of int
        First byte and end of the header before the samples.
    """

    sample_rate_hz: int
    n_channels: int
    subtype: str
    endian: str
    start: int
    end: int
    declared_s: float | None
    header: tuple[int, int]

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: a sample of each channel."""
        return self.n_channels * SAMPLE_BYTES[self.subtype]

    @property
    def n_frames(self) -> int:
        """Samples per channel."""
        return (self.end - self.start) // self.frame_bytes

    @property
    def seconds(self) -> float:
        """Length of the samples that are present."""
        return self.n_frames / self.sample_rate_hz


def find_pcm_parts(file: BinaryIO) -> list[PcmPart]:
    """Find the samples of an uncompressed file: one part, or several if files were joined.

    Parameters
    ----------
    file : binary file
        Seekable. Only headers are read, and bytes that are searched for a header.

    Returns
    -------
    list of PcmPart
        In order. Empty if the file is not such a container, or is damaged before its samples.
    """
    size = file.seek(0, 2)
    parts: list[PcmPart] = []
    at = 0
    while at < size - 12 and len(parts) <= MAX_PARTS:
        signature = read_at(file, at, 40)
        container = identify_container(signature)
        if container is not None:
            found = _find_parts(file, at, size, container)
        elif signature.startswith(b".snd"):
            found = _find_au_part(file, signature, at, size)
        else:
            found = None
        if found is None:
            break
        more, at = found
        parts += more
    return [part for part in parts if part.n_frames] or parts[:1]


def other_format_after(file: BinaryIO, part: PcmPart) -> int | None:
    """Return the start of a file in another format after a part; None if there is none."""
    places = (part.end, part.end + 1, part.end + 2)  # after padding
    return next((at for at in places if _OTHER_FORMATS.match(read_at(file, at, 8))), None)


def _find_parts(
    file: BinaryIO, at: int, size: int, container: ContainerFormat
) -> tuple[list[PcmPart], int] | None:
    """Return the parts of the file that begins at an offset, and where the next may begin."""
    place, samples, rf64_bytes = at + container.header_bytes, None, 0
    parts: list[PcmPart] = []
    for _ in range(_MAX_CHUNKS):
        chunk = _read_chunk_header(file, place, container)
        if chunk is None:
            return None
        name, n_bytes = chunk
        content = place + container.chunk_header_bytes
        if name == container.format_chunk:
            samples = container.read_sample_format(
                read_at(file, content, min(max(n_bytes, 0), 128)), container.byte_order
            )
        elif name == b"ds64":
            rf64_bytes = int.from_bytes(read_at(file, content, 16)[8:16], "little")
        if name == container.data_chunk:
            start = content + container.data_offset
            declared = rf64_bytes if n_bytes == 0xFFFF_FFFF and rf64_bytes else n_bytes
            n_declared = _known_size(declared - container.data_offset, size - start)
            end, then = _find_sound_end(file, start, n_declared, size, container)
            if end == start and then < size and identify_container(read_at(file, then, 40)) is None:
                place = then  # an empty one may stand before the real one
                continue
            if samples is None:
                return None
            parts += _make_part(samples, start, end, n_declared, (at, start))
            if (_read_chunk_header(file, then, container) or (b"",))[0] != container.data_chunk:
                return parts, then
            place = then  # of a recorder that begins a new chunk where it had paused
            continue
        place = _next_chunk(file, place, n_bytes, container)
        if place > size - container.chunk_header_bytes:
            return None
    return None


def _find_sound_end(
    file: BinaryIO, start: int, n_declared: int | None, size: int, container: ContainerFormat
) -> tuple[int, int]:
    """Return the end of the samples, and the offset after their chunk.

    The declared end is used if only chunks, or nothing, follow it. Otherwise the samples end at
    another file's header, at the chunks that end the file, or at the end of the file.
    """
    searched = start
    if n_declared is not None and 0 <= n_declared <= size - start:
        end = start + n_declared
        for padded in dict.fromkeys((end + (end - start) % container.alignment, end)):
            if (then := _follow_chunks(file, padded, size, container)) is not None:
                return end, padded if n_declared == 0 else then
            if n_declared and _OTHER_FORMATS.match(read_at(file, padded, 8)):
                return end, padded
        searched = end
    for found in find_pattern(file, container.signature, searched, size):
        if identify_container(read_at(file, found, 40)) is container:
            size = found
            break
    for found in find_pattern(file, _METADATA_CHUNKS, max(searched, size - _TAIL_BYTES), size):
        if _follow_chunks(file, found, size, container) is not None:
            return found, size
    return size, size


def _follow_chunks(file: BinaryIO, place: int, size: int, container: ContainerFormat) -> int | None:
    """Follow chunks to samples, another file or the end of the file; None if they break off."""
    for _ in range(_MAX_CHUNKS):
        tail = read_at(file, place, min(size - place, container.chunk_header_bytes))
        if len(tail) < container.chunk_header_bytes:
            return size if not tail.strip(b"\0") else None
        if identify_container(read_at(file, place, 40)) is not None:
            return place
        chunk = _read_chunk_header(file, place, container)
        if chunk is None:
            return size if _is_padding(file, place, size) else None
        after = (
            place + chunk[1] + (0 if container.size_counts_header else container.chunk_header_bytes)
        )
        if not chunk[1] >= 0 or after > size:
            return None
        if chunk[0] == container.data_chunk and chunk[1] > container.data_offset:
            return place
        place = min(_next_chunk(file, place, chunk[1], container), size)
    return None


def _is_padding(file: BinaryIO, place: int, size: int) -> bool:
    """Whether only zeros follow, up to a few disk sectors."""
    return size - place <= 65_536 and not read_at(file, place, size - place).strip(b"\0")


def _read_chunk_header(
    file: BinaryIO, place: int, container: ContainerFormat
) -> tuple[bytes, int] | None:
    """Return the name and the declared size of the chunk at an offset."""
    header = read_at(file, place, container.chunk_header_bytes)
    if len(header) < container.chunk_header_bytes or not _FOUR_LETTERS.match(header):
        return None
    (n_bytes,) = struct.unpack(
        container.byte_order + container.size_format, header[container.id_bytes :]
    )
    return header[:4], n_bytes - (
        container.chunk_header_bytes if container.size_counts_header else 0
    )


def _next_chunk(file: BinaryIO, place: int, n_bytes: int, container: ContainerFormat) -> int:
    """Return the offset of the next chunk; some programs leave out the padding byte."""
    after = place + container.chunk_header_bytes + max(n_bytes, 0)
    padded = after + (place - after) % container.alignment
    if padded > after and container.id_bytes == 4:
        name = read_at(file, after, 4)
        if name == container.data_chunk or _METADATA_CHUNKS.fullmatch(name):
            return after
    return padded


def _known_size(n_bytes: int, n_present: int) -> int | None:
    """Return a declared size, at least 0; None if it is a placeholder for an unknown size."""
    unknown = n_bytes > n_present and any(n_bytes in sizes for sizes in _UNKNOWN_SIZES)
    return None if unknown or n_bytes == -1 else max(0, n_bytes)


def _make_part(
    samples: SampleFormat, start: int, end: int, n_declared: int | None, header: tuple[int, int]
) -> list[PcmPart]:
    rate_hz = round(samples.rate_hz) if 0 < samples.rate_hz < 1 << 31 else 0
    if rate_hz < 1 or not 0 < samples.n_channels < 1 << 16:
        return []
    frame_bytes = samples.n_channels * SAMPLE_BYTES[samples.subtype]
    end -= (end - start) % frame_bytes
    n_frames = samples.n_frames if n_declared == 0 else (n_declared or 0) // frame_bytes
    declared_s = n_frames / rate_hz if n_frames else None
    coding = samples.subtype, samples.endian
    return [PcmPart(rate_hz, samples.n_channels, *coding, start, end, declared_s, header)]


def _find_au_part(
    file: BinaryIO, header: bytes, at: int, size: int
) -> tuple[list[PcmPart], int] | None:
    """Return the samples of an AU file (Sun, NeXT), which has no chunks."""
    if len(header) < 24:
        return None
    offset, n_bytes, encoding, rate_hz, n_channels = struct.unpack(">5I", header[4:24])
    subtype = AU_SUBTYPES.get(encoding)
    start = at + offset
    if subtype is None or not 24 <= offset <= size - at:
        return None
    n_declared = _known_size(n_bytes, size - start)
    end = size if n_declared is None else start + n_declared
    if end >= size or read_at(file, end, 4) != b".snd":
        end = size
    samples = SampleFormat(rate_hz, n_channels, subtype, "BIG")
    return _make_part(samples, start, end, n_declared, (at, start)), end


def has_data_chunk(file: BinaryIO) -> bool:
    """Whether the chunks of a WAV lead to its data chunk within the file."""
    size, place = file.seek(0, 2), 12
    for _ in range(_MAX_CHUNKS):
        header = read_at(file, place, 8)
        if header[:4] == b"data":
            return True
        place += 8 + int.from_bytes(header[4:], "little")
        if len(header) < 8 or place > size:
            return False
    return False
