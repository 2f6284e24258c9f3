"""FLAC whose number of samples is unknown or wrong, and FLACs joined."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache, partial

from tests.odd_files.base import (
    ENDS_EARLY,
    RATE_HZ,
    SECONDS,
    OddFile,
    base,
    hiss,
    tone,
    written,
)
from tests.odd_files.wav import MORE_THAN_DECLARED

_COUNT_AT = 21  # the last 36 bits of these eight bytes behind the first 18 count the samples
N_FRAMES = round(SECONDS * RATE_HZ)


@lru_cache
def _whole() -> bytes:
    return written(base(), RATE_HZ, "FLAC", "PCM_16")


def counted(content: bytes, n_samples: int) -> bytes:
    """The same with another total in its STREAMINFO; 0 stands for an unknown one."""
    field = int.from_bytes(content[_COUNT_AT : _COUNT_AT + 5])
    field = field >> 36 << 36 | n_samples
    return content[:_COUNT_AT] + field.to_bytes(5) + content[_COUNT_AT + 5 :]


def image(content: bytes, n_bytes: int) -> bytes:
    """The same with a cover in front of the sound."""
    info, rest = content[4:42], content[42:]
    cover = (
        struct.pack(">II", 3, 10) + b"image/jpeg" + struct.pack(">IIIIII", 0, 9, 9, 24, 0, n_bytes)
    )
    cover += bytes(n_bytes)
    return b"fLaC" + info + b"\x06" + len(cover).to_bytes(3) + cover + rest


def id3v2(n_bytes: int, frames: bytes = b"") -> bytes:
    """An ID3v2 tag as it stands in front of a file; the size is that of its content."""
    size = bytes(n_bytes >> i & 0x7F for i in (21, 14, 7, 0))
    return b"ID3\x04\x00\x00" + size + frames + bytes(n_bytes - len(frames))


def _counted(n_samples: int) -> OddFile:
    declared_s = n_samples / RATE_HZ if n_samples else None
    expected_warnings: tuple[str, ...] = ()
    forbidden_warnings = ENDS_EARLY
    if declared_s and declared_s < SECONDS:
        expected_warnings = MORE_THAN_DECLARED
    if declared_s and declared_s > SECONDS:
        expected_warnings, forbidden_warnings = ENDS_EARLY, ()
    content = counted(_whole(), n_samples)
    return OddFile(
        "counted",
        ".flac",
        content,
        SECONDS,
        declared_s,
        expected_warnings,
        forbidden_warnings,
        same_answer=True,
    )


def _cut(n_samples: int) -> OddFile:
    """Half of a file of noise, each second of which takes as many bytes."""
    whole = written(hiss(N_FRAMES, 0.1), RATE_HZ, "FLAC", "PCM_16")
    content = counted(whole, n_samples)
    declared_s = n_samples / RATE_HZ if n_samples else None
    return OddFile(
        "cut", ".flac", content[: len(content) // 2], SECONDS / 2, declared_s,
        ENDS_EARLY, (), tolerance_s=0.15,  # its last frame tells that it was cut
    )  # fmt: skip


def _honest(content: bytes) -> OddFile:
    return OddFile("honest", ".flac", content, SECONDS, SECONDS, same_answer=True)


def _joined(rates_hz: tuple[int, int], n_channels: tuple[int, int]) -> OddFile:
    parts = [
        written(tone(hz, 4, rate_hz, n_channels=n), rate_hz, "FLAC", "PCM_16")
        for hz, rate_hz, n in zip((1000, 3000), rates_hz, n_channels, strict=True)
    ]
    return OddFile(
        "joined", ".flac", b"".join(parts), 8.0, None, (r".",), (), all_decoded=False,
        tolerance_s=0.1,
    )  # fmt: skip


CASES: dict[str, Callable[[], OddFile]] = {
    "honest": lambda: _honest(_whole()),
    "behind a cover of 3 MB": lambda: _honest(image(_whole(), 3_000_000)),
    "behind ID3v2": lambda: _honest(id3v2(70_000) + _whole()),
    "unknown length": partial(_counted, 0),
    "a total of two seconds": partial(_counted, 2 * RATE_HZ),
    "a total of twice as much": partial(_counted, 2 * N_FRAMES),
    "a total that is 2^32 too high": partial(_counted, N_FRAMES + 2**32),
    "cut in half": partial(_cut, N_FRAMES),
    "cut in half, of unknown length": partial(_cut, 0),
    "joined": partial(_joined, (RATE_HZ, RATE_HZ), (1, 1)),
    "joined of two rates": partial(_joined, (RATE_HZ, 24_000), (1, 1)),
    "joined of two channel counts": partial(_joined, (RATE_HZ, RATE_HZ), (1, 2)),
}
