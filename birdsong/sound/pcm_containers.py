"""Where the samples of an uncompressed file lie, by its chunks and its bytes.

A recorder writes a file's header before it knows the length, and fills in the sizes at the end,
if its battery lasts. A size of 32 bits is counted modulo 4 GiB. Files are cut by copies that broke
off, and joined with ``cat``. So the sizes are held against the bytes: what follows the sound and is
no chunk is sound, what is a chunk is none, and what a header claims beyond the end is missing.

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

from birdsong.sound.file_search import read_at, search
from birdsong.sound.pcm_families import PcmFamily, family_of
from birdsong.sound.pcm_samples import AU_SUBTYPES, SAMPLE_BYTES, Samples

_MAX_CHUNKS = 256
MOST_PARTS = 10_000
"""Of a joined file; a day of ten seconds each is fewer."""

_TAIL_BYTES = 16 * 2**20  # before the end of a file, where chunks are looked for behind the sound
_UNKNOWN_SIZES = (
    range(0x7F00_0000, 0x7F00_0010),  # SoX's AIFF
    range(0x7FFF_E000, 0x8000_0001),
    range(0xFFFF_F000, 1 << 32),
    range(1 << 62, 1 << 63),  # FFmpeg's W64
)
"""Sizes that programs write into a pipe, since they cannot know the length."""

_KNOWN_BEHIND = re.compile(
    rb"LIST|list|guan|wamd|cue |id3 |ID3 |bext|iXML|axml|_PMX|afsp|smpl|inst|plst|note|labl|ltxt|"
    rb"fact|fake|JUNK|junk|PAD |FLLR|PEAK|cart|umid|minf|elm1|regn|chna|dbmd|LGWV|SAUR|mext|levl|"
    rb"link|bwav|acid|strc|DISP|NAME|AUTH|ANNO|\(c\) |MARK|COMT|INST|APPL|MIDI|AESD|SAXL|info|"
    rb"edct|uuid|free|peak|mark|strg"
)
_OTHER_KIND = re.compile(
    rb"OggS|fLaC|.{4}ftyp|wvpk|TTA1|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75\x8e\x66|\.snd\0\0", re.DOTALL
)
"""What a file of another kind begins with, if it was joined to this one."""

_FOUR_LETTERS = re.compile(rb"[\x20-\x7e]{4}")


@dataclass(frozen=True, slots=True)
class PcmPart:
    """Uncompressed sound that lies in a file in one piece.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
    subtype : str
        libsndfile's name of the samples, as in ``PCM_16``; ``COMPRESSED`` where they are, by a
        coding whose length follows from the bytes that there are.
    endian : {"LITTLE", "BIG"}
    start, end : int
        Where the sound lies in the file, in bytes; a whole number of frames.
    declared_s : float or None
        Seconds that its header declares; None where the size is 0 or another placeholder.
    header : tuple of int
        First byte and end of what stands before the sound.
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
        """Bytes of one sample of each channel."""
        return self.n_channels * SAMPLE_BYTES[self.subtype]

    @property
    def n_frames(self) -> int:
        """Samples of each channel."""
        return (self.end - self.start) // self.frame_bytes

    @property
    def seconds(self) -> float:
        """Length of the sound that is there."""
        return self.n_frames / self.sample_rate_hz


def pcm_parts(file: BinaryIO) -> list[PcmPart]:
    """Find the uncompressed sound of a file: one piece, or several where files were joined.

    Parameters
    ----------
    file : binary file
        One that can seek. Headers are read, and the bytes in which a header was searched for.

    Returns
    -------
    list of PcmPart
        In their order. None of it where the file is no container of this kind, is damaged before
        its sound, or holds compressed sound.
    """
    size = file.seek(0, 2)
    parts: list[PcmPart] = []
    at = 0
    while at < size - 12 and len(parts) <= MOST_PARTS:
        begins = read_at(file, at, 40)
        family = family_of(begins)
        if family is not None:
            found = _parts_of_chunks(file, at, size, family)
        elif begins.startswith(b".snd"):
            found = _part_of_au(file, begins, at, size)
        else:
            found = None
        if found is None:
            break
        more, at = found
        parts += more
    return [part for part in parts if part.n_frames] or parts[:1]


def other_kind_behind(file: BinaryIO, part: PcmPart) -> int | None:
    """Return where a file of another kind begins behind some sound; None where there is none."""
    places = (part.end, part.end + 1, part.end + 2)  # bytes may fill up a chunk
    return next((at for at in places if _OTHER_KIND.match(read_at(file, at, 8))), None)


def _parts_of_chunks(
    file: BinaryIO, at: int, size: int, family: PcmFamily
) -> tuple[list[PcmPart], int] | None:
    """Return the sound of the file that begins at a place, and where the next one may begin."""
    place, samples, large_bytes = at + family.n_before, None, 0
    parts: list[PcmPart] = []
    for _ in range(_MAX_CHUNKS):
        chunk = _chunk(file, place, family)
        if chunk is None:
            return None
        name, n_bytes = chunk
        content = place + family.n_header
        if name == family.describes:
            samples = family.samples(
                read_at(file, content, min(max(n_bytes, 0), 128)), family.order
            )
        elif name == b"ds64":
            large_bytes = int.from_bytes(read_at(file, content, 16)[8:16], "little")
        if name == family.sound:
            start = content + family.n_skipped
            stated = large_bytes if n_bytes == 0xFFFF_FFFF and large_bytes else n_bytes
            n_declared = _believed(stated - family.n_skipped, size - start)
            end, then = _sound_end(file, start, n_declared, size, family)
            if end == start and then < size and family_of(read_at(file, then, 40)) is None:
                place = then  # an empty one may stand before the real one
                continue
            if samples is None:
                return None
            parts += _part(samples, start, end, n_declared, (at, start))
            if (_chunk(file, then, family) or (b"",))[0] != family.sound:
                return parts, then
            place = then  # of a recorder that begins a new chunk where it had paused
            continue
        place = _after(file, place, n_bytes, family)
        if place > size - family.n_header:
            return None
    return None


def _sound_end(
    file: BinaryIO, start: int, n_declared: int | None, size: int, family: PcmFamily
) -> tuple[int, int]:
    """Return where the sound ends, and where the bytes behind its chunk begin.

    The declared end counts where nothing but chunks, or nothing, follows it. Else the sound goes
    on to another file's header, or to chunks with which the file ends, or to its end.
    """
    searched = start
    if n_declared is not None and 0 <= n_declared <= size - start:
        end = start + n_declared
        for padded in dict.fromkeys((end + (end - start) % family.alignment, end)):
            if (then := _chain_end(file, padded, size, family)) is not None:
                return end, padded if n_declared == 0 else then
            if n_declared and _OTHER_KIND.match(read_at(file, padded, 8)):
                return end, padded
        searched = end
    for found in search(file, family.begins, searched, size):
        if family_of(read_at(file, found, 40)) is family:
            size = found
            break
    for found in search(file, _KNOWN_BEHIND, max(searched, size - _TAIL_BYTES), size):
        if _chain_end(file, found, size, family) is not None:
            return found, size
    return size, size


def _chain_end(file: BinaryIO, place: int, size: int, family: PcmFamily) -> int | None:
    """Follow chunks to the end of the file, more sound, or another file; None if they break off."""
    for _ in range(_MAX_CHUNKS):
        rest = read_at(file, place, min(size - place, family.n_header))
        if len(rest) < family.n_header:
            return size if not rest.strip(b"\0") else None
        if family_of(read_at(file, place, 40)) is not None:
            return place
        chunk = _chunk(file, place, family)
        if chunk is None:
            return size if _only_zeros(file, place, size) else None
        after = place + chunk[1] + (0 if family.size_counts_header else family.n_header)
        if not chunk[1] >= 0 or after > size:
            return None
        if chunk[0] == family.sound and chunk[1] > family.n_skipped:
            return place
        place = min(_after(file, place, chunk[1], family), size)
    return None


def _only_zeros(file: BinaryIO, place: int, size: int) -> bool:
    """Whether nothing but the filling of a few sectors follows."""
    return size - place <= 65_536 and not read_at(file, place, size - place).strip(b"\0")


def _chunk(file: BinaryIO, place: int, family: PcmFamily) -> tuple[bytes, int] | None:
    """Return the name of the chunk at a place, and its size as it stands there."""
    header = read_at(file, place, family.n_header)
    if len(header) < family.n_header or not _FOUR_LETTERS.match(header):
        return None
    (n_bytes,) = struct.unpack(family.order + family.size_format, header[family.n_id :])
    return header[:4], n_bytes - (family.n_header if family.size_counts_header else 0)


def _after(file: BinaryIO, place: int, n_bytes: int, family: PcmFamily) -> int:
    """Return where the next chunk begins; some programs leave out the byte that fills up."""
    after = place + family.n_header + max(n_bytes, 0)
    padded = after + (place - after) % family.alignment
    if padded > after and family.n_id == 4:
        name = read_at(file, after, 4)
        if name == family.sound or _KNOWN_BEHIND.fullmatch(name):
            return after
    return padded


def _believed(n_bytes: int, n_there: int) -> int | None:
    """Return a declared size, 0 at least; None where it is one that stands for an unknown one."""
    unknown = n_bytes > n_there and any(n_bytes in sizes for sizes in _UNKNOWN_SIZES)
    return None if unknown or n_bytes == -1 else max(0, n_bytes)


def _part(
    samples: Samples, start: int, end: int, n_declared: int | None, header: tuple[int, int]
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


def _part_of_au(
    file: BinaryIO, header: bytes, at: int, size: int
) -> tuple[list[PcmPart], int] | None:
    """Return the sound of a file of Sun's or NeXT's, which has no chunks."""
    if len(header) < 24:
        return None
    offset, n_bytes, encoding, rate_hz, n_channels = struct.unpack(">5I", header[4:24])
    subtype = AU_SUBTYPES.get(encoding)
    start = at + offset
    if subtype is None or not 24 <= offset <= size - at:
        return None
    n_declared = _believed(n_bytes, size - start)
    end = size if n_declared is None else start + n_declared
    if end >= size or read_at(file, end, 4) != b".snd":
        end = size
    samples = Samples(rate_hz, n_channels, subtype, "BIG")
    return _part(samples, start, end, n_declared, (at, start)), end


def has_sound_chunk(file: BinaryIO) -> bool:
    """Whether the chunks of a WAV lead to its sound without leaving the file."""
    size, place = file.seek(0, 2), 12
    for _ in range(_MAX_CHUNKS):
        header = read_at(file, place, 8)
        if header[:4] == b"data":
            return True
        place += 8 + int.from_bytes(header[4:], "little")
        if len(header) < 8 or place > size:
            return False
    return False
