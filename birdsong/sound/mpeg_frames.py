"""The frames of an MP3, scanned from first to last: its real length, formats and damage.

libsndfile uses the number of frames in the Xing or Info header of the first frame. Without that
header it divides the size of the file by the size of the first frame. It decodes that many frames,
with the rate and channels of the first: the rest of a file with a variable bit rate is lost, and a
joined second file is lost or plays at the wrong speed. Scanning the frame headers takes less than a
hundredth of the time of decoding.

References
----------
.. [1] ISO/IEC 11172-3 (1993) and ISO/IEC 13818-3 (1998), clause 2.4.2.3: the header of a frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

_BLOCK_BYTES = 2**20
_MAX_FRAME_BYTES = 2**12  # bytes, roughly: 2,881 at most
_MIN_SYNC_FRAMES = 4  # valid frames in a row to be in sync; fewer may be chance
_MAX_TAGS = 8
_SYNC_WORD = re.compile(rb"(?=\xff[\xe2-\xff][\x10-\xef])")
_TAG = re.compile(rb"ID3[\x02-\x04]|TAG|APETAGEX")
_XING = re.compile(rb"Xing|Info")
_XING_WITHIN_BYTES = 44  # bytes: behind the side information, which takes up to 32
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


@dataclass(frozen=True, slots=True)
class MpegFrames:
    """Summary of the frames of an MP3.

    Attributes
    ----------
    seconds : float
        Length of all frames, without the Xing or Info frame.
    n_formats : int
        Number of distinct pairs of sample rate and number of channels.
    declared_s : float or None
        Length in the Xing or Info header; None without one.
    n_damaged_bytes : int
        Damaged bytes: between frames, and neither frames nor tags.
    damaged_s : float
        Estimated length of audio in the damaged bytes.
    """

    seconds: float
    n_formats: int
    declared_s: float | None
    n_damaged_bytes: int = 0
    damaged_s: float = 0.0


def scan_frames(file: BinaryIO) -> MpegFrames | None:
    """Scan all frames of an MP3.

    Parameters
    ----------
    file : binary file
        Seekable. It is read to its end, a megabyte at a time.

    Returns
    -------
    MpegFrames or None
        None if there are no frames.
    """
    scanner = _FrameScanner()
    at = after_id3_tags(file)
    file.seek(at)
    held = b""
    while True:
        block = file.read(_BLOCK_BYTES)
        held += block
        n_scanned = scanner.scan(held, is_last=not block)
        held = held[n_scanned:]
        if not block:
            break
    return scanner.result()


class _FrameScanner:
    """Counts frames by their headers."""

    def __init__(self) -> None:
        self._n_frames_of: dict[bytes, int] = {}
        self._frame_bytes_of: dict[bytes, int] = {}
        self._formats: set[tuple[int, bool]] = set()
        self._is_out_of_sync = True
        self._start = 0  # of the bytes that come next
        self._damaged_from: int | None = None  # None before the first frame, and in a tag
        self._n_damaged_bytes = 0
        self._xing_header: tuple[int, bytes] | None = None

    def scan(self, content: bytes, *, is_last: bool) -> int:
        """Count the frames that begin in some bytes; return the offset up to which it scanned."""
        n_frames_of, frame_bytes_of = self._n_frames_of, self._frame_bytes_of
        at, end = 0, len(content) - (4 if is_last else _MIN_SYNC_FRAMES * _MAX_FRAME_BYTES)
        while at <= end:
            if self._is_out_of_sync:
                found = _find_sync(content, at)
                if found is None:
                    return self._advance(max(at, end))
                self._resync(found)
                at = found
                if not n_frames_of and self._xing_header is None:
                    at = self._read_xing_header(content, at)
                    continue
            header = content[at : at + 4]
            n_bytes = frame_bytes_of.get(header)
            if n_bytes is None:
                n_bytes = _frame_bytes(header)
                if not n_bytes:
                    self._lose_sync(content, at)
                    continue
                if _frame_format(header) not in self._formats:  # may be noise after the last frame
                    if not _is_sync(content, at):
                        self._lose_sync(content, at)
                        at += 1
                        continue
                    self._formats.add(_frame_format(header))
                frame_bytes_of[header] = n_bytes
            n_frames_of[header] = n_frames_of.get(header, 0) + 1
            at += n_bytes
        return self._advance(at)

    def _advance(self, at: int) -> int:
        self._start += at
        return at

    def _lose_sync(self, content: bytes, at: int) -> None:
        self._is_out_of_sync = True
        # The last frame of a cut file overlaps the tag of the next file.
        is_tag = _TAG.search(content, max(0, at - _MAX_FRAME_BYTES), at + _MAX_FRAME_BYTES)
        self._damaged_from = None if is_tag else self._start + at

    def _resync(self, at: int) -> None:
        if self._damaged_from is not None:
            self._n_damaged_bytes += self._start + at - self._damaged_from
        self._is_out_of_sync, self._damaged_from = False, None

    def _read_xing_header(self, content: bytes, at: int) -> int:
        """Read the Xing or Info header if the first frame has one; return the next offset."""
        found = _XING.search(content, at, at + _XING_WITHIN_BYTES)
        self._xing_header = 0, b""
        if not found:
            return at
        flags = int.from_bytes(content[found.end() : found.end() + 4])
        header = content[at : at + 4]
        if flags & 1:
            n_frames = int.from_bytes(content[found.end() + 4 : found.end() + 8])
            self._xing_header = n_frames, header
        return at + _frame_bytes(header)

    def result(self) -> MpegFrames | None:
        """Summarize all frames; None if there are none."""
        if not self._n_frames_of:
            return None
        n_counted, header = self._xing_header or (0, b"")
        seconds = sum(n * _frame_s(each) for each, n in self._n_frames_of.items())
        n_bytes = sum(n * self._frame_bytes_of[each] for each, n in self._n_frames_of.items())
        return MpegFrames(
            seconds=seconds,
            n_damaged_bytes=self._n_damaged_bytes,
            damaged_s=self._n_damaged_bytes * seconds / n_bytes,
            n_formats=len(self._formats),
            declared_s=n_counted * _frame_s(header) if n_counted else None,
        )


def after_id3_tags(file: BinaryIO) -> int:
    """Return the offset after the ID3v2 tags at the start of a file; 0 without any."""
    start = 0
    for _ in range(_MAX_TAGS):
        file.seek(start)
        header = file.read(10)
        if len(header) < 10 or not header.startswith(b"ID3"):
            break
        n_bytes = 0
        for seven_bits in header[6:]:
            n_bytes = n_bytes << 7 | seven_bits & 0x7F
        start += 10 + n_bytes + (10 if header[5] & 0x10 else 0)  # a footer repeats the header
    return start


def _find_sync(content: bytes, start: int) -> int | None:
    """Return the first offset at which several frames of one format follow each other."""
    return next(
        (
            found.start()
            for found in _SYNC_WORD.finditer(content, start)
            if _is_sync(content, found.start())
        ),
        None,
    )


def _is_sync(content: bytes, place: int) -> bool:
    frame_format = None
    for _ in range(_MIN_SYNC_FRAMES):
        header = content[place : place + 4]
        n_bytes = _frame_bytes(header)
        if not n_bytes or frame_format not in (None, _frame_format(header)):
            return False
        frame_format = _frame_format(header)
        place += n_bytes
    return True


def _frame_bytes(header: bytes) -> int:
    """Return the length of a frame in bytes; 0 if it is not a frame header."""
    bits = int.from_bytes(header)
    version, layer = bits >> 19 & 3, 4 - (bits >> 17 & 3)
    bit_rate_index, rate_index = bits >> 12 & 15, bits >> 10 & 3
    if len(header) < 4 or bits >> 21 != 0x7FF or version == 1 or layer == 4:
        return 0
    if bit_rate_index in (0, 15) or rate_index == 3:
        return 0
    bit_rate = 1000 * _KBIT_S[version == 3, layer][bit_rate_index - 1]
    slot_bytes = 4 if layer == 1 else 1
    n_slots = _n_samples(bits) // 8 // slot_bytes * bit_rate // _rate_hz(bits) + (bits >> 9 & 1)
    return n_slots * slot_bytes


def _frame_s(header: bytes) -> float:
    bits = int.from_bytes(header)
    return _n_samples(bits) / _rate_hz(bits)


def _frame_format(header: bytes) -> tuple[int, bool]:
    """Return the sample rate, and whether the frame is mono."""
    bits = int.from_bytes(header)
    return _rate_hz(bits), bits >> 6 & 3 == 3


def _rate_hz(bits: int) -> int:
    return _RATES_HZ[bits >> 10 & 3] // _RATE_DIVISORS[bits >> 19 & 3]


def _n_samples(bits: int) -> int:
    version, layer = bits >> 19 & 3, 4 - (bits >> 17 & 3)
    return 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
