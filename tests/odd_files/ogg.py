"""Ogg: streams chained one behind the other, of one kind or of several."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from tests.odd_files.base import RATE_HZ, SECONDS, OddFile, base, encoded, tone, written

PART_S = 4.0


def _table() -> tuple[int, ...]:
    entries = []
    for i in range(256):
        value = i << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        entries.append(value & 0xFFFFFFFF)
    return tuple(entries)


_CRC = _table()


def _checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return value


def pages(content: bytes) -> Iterator[bytes]:
    """The pages of a stream."""
    at = 0
    while at < len(content):
        assert content[at : at + 4] == b"OggS"
        n_lengths = content[at + 26]
        head = at + 27 + n_lengths
        end = head + sum(content[at + 27 : head])
        yield content[at:end]
        at = end


def numbered(content: bytes, serial: int) -> bytes:
    """The same stream under another serial number: in a chain they must differ."""
    found = []
    for page in pages(content):
        bare = page[:14] + struct.pack("<I", serial) + page[18:22] + bytes(4) + page[26:]
        found.append(bare[:22] + struct.pack("<I", _checksum(bare)) + bare[26:])
    return b"".join(found)


@lru_cache
def _link(codec: str, hz: float | None, rate_hz: int, n_channels: int) -> bytes:
    """A whole stream; base's sound where no pitch is given."""
    samples = base() if hz is None else tone(hz, PART_S, rate_hz, n_channels=n_channels)
    if codec == "flac":
        return encoded(samples, rate_hz, "flac", "ogg")
    return written(samples, rate_hz, "OGG", codec.upper())


def _single(codec: str) -> OddFile:
    content = numbered(_link(codec, None, RATE_HZ, 1), 7)
    return OddFile("single", ".ogg", content, SECONDS, None, same_answer=True, tolerance_s=0.03)


def _chained(codec: str, *kinds: tuple[int, int], cut: bool = False) -> OddFile:
    """Links of 4 s each, with a rate, a number of channels and a pitch of their own."""
    links, tones = [], []
    for number, (rate_hz, n_channels) in enumerate(kinds):
        hz = 1000.0 * (1 + number)
        links.append(numbered(_link(codec, hz, rate_hz, n_channels), 100 + number))
        tones.append((PART_S * (number + 0.5), hz))
    present_s = PART_S * len(kinds)
    if cut:
        whole = list(pages(links[-1]))
        n_kept = max(3, 2 * len(whole) // 3)
        # A page tells how many samples end in it: at 48 kHz for Opus, whose first few are skipped.
        granule = int.from_bytes(whole[n_kept - 1][6:14], "little")
        skipped = int.from_bytes(whole[0][38:40], "little") if codec == "opus" else 0
        rate_hz = 48_000 if codec == "opus" else kinds[-1][0]
        present_s += (granule - skipped) / rate_hz - PART_S
        links[-1] = b"".join(whole[:n_kept]) + whole[n_kept][:100]
        tones[-1] = (PART_S * (len(kinds) - 1) + 0.5, tones[-1][1])
    return OddFile(
        "chained", ".opus" if codec == "opus" else ".ogg", b"".join(links), present_s, None,
        tolerance_s=0.05 * len(kinds), tones=tuple(tones),
    )  # fmt: skip


_KINDS = {
    "of one kind": ((RATE_HZ, 1), (RATE_HZ, 1)),
    "of two rates": ((RATE_HZ, 1), (24_000, 1)),
    "of two rates, the higher last": ((24_000, 1), (RATE_HZ, 1)),
    "of two channel counts": ((RATE_HZ, 1), (RATE_HZ, 2)),
    "of two channel counts, mono last": ((RATE_HZ, 2), (RATE_HZ, 1)),
    "of three kinds": ((RATE_HZ, 2), (24_000, 1), (RATE_HZ, 1)),
}

CASES: dict[str, Callable[[], OddFile]] = {
    **{f"{codec}": partial(_single, codec) for codec in ("vorbis", "opus", "flac")},
    **{
        f"{codec} chained {what}": partial(_chained, codec, *kinds)
        for codec in ("vorbis", "opus", "flac")
        for what, kinds in _KINDS.items()
    },
    **{
        f"{codec} chained {what}, cut in the last link": partial(
            _chained, codec, *_KINDS[what], cut=True
        )
        for codec in ("vorbis", "opus")
        for what in ("of one kind", "of two rates")
    },
}
