"""MP3: behind covers, before tags, with counts that are wrong, joined of parts that differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from tests.odd_files.base import ENDS_EARLY, RATE_HZ, SECONDS, OddFile, base, tone, written
from tests.odd_files.flac import id3v2
from tests.odd_files.wav import MORE_THAN_DECLARED

PART_S = 4.0
PER_PART_S = 0.15  # the encoder's delay and padding, where nobody counts them
ID3V1 = b"TAG" + b"a title".ljust(125, b"\0")
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"


@lru_cache
def _base(mode: str = "CONSTANT", level: float = 0.3) -> bytes:
    return _mp3(base(), RATE_HZ, mode, level)


def _mp3(samples: np.ndarray, rate_hz: int, mode: str = "CONSTANT", level: float = 0.3) -> bytes:
    return written(
        samples, rate_hz, "MP3", "MPEG_LAYER_III", bitrate_mode=mode, compression_level=level
    )


def headless(content: bytes) -> bytes:
    """The same without its first frame, which counts the others."""
    return content[content.index(content[:2], 4) :]


def recounted(content: bytes, factor: float) -> bytes:
    """The same with a Xing or Info header that states another number of frames, and no bytes."""
    at = next(content.index(word) for word in (b"Xing", b"Info") if word in content[:200])
    assert content[at + 7] & 1
    n_frames = round(factor * int.from_bytes(content[at + 8 : at + 12]))
    n_bytes = round(factor * int.from_bytes(content[at + 12 : at + 16]))
    counts = n_frames.to_bytes(4) + n_bytes.to_bytes(4)
    return content[: at + 8] + counts + content[at + 16 :]


def cover(n_bytes: int) -> bytes:
    """An ID3v2.3 tag that holds an image."""
    image = _JPEG + np.random.default_rng(0).bytes(n_bytes)
    body = b"\0image/jpeg\0\x03\0" + image
    frame = b"APIC" + len(body).to_bytes(4) + bytes(2) + body
    size = bytes(len(frame) >> i & 0x7F for i in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + frame


def ape(n_bytes: int) -> bytes:
    """An APEv2 tag as it stands at the end of a file, with header and footer."""
    item = n_bytes.to_bytes(4, "little") + bytes(4) + b"Cover Art (Front)\0" + bytes(n_bytes)
    ends = (len(item) + 32).to_bytes(4, "little") + (1).to_bytes(4, "little")
    header = b"APETAGEX" + (2000).to_bytes(4, "little") + ends + b"\0\0\0\xa0" + bytes(8)
    return header + item + header[:23] + b"\x80" + bytes(8)


def _same(content: bytes) -> OddFile:
    """Base's sound, whole; as a lossy format hears it."""
    return OddFile("same", ".mp3", content, SECONDS, None, same_answer=True, tolerance_s=PER_PART_S)


def _recounted(factor: float, mode: str) -> OddFile:
    more = factor < 1
    content = recounted(_base(mode, 0.5), factor)
    at = next(content.index(word) for word in (b"Xing", b"Info") if word in content[:200])
    declared_s = int.from_bytes(content[at + 8 : at + 12]) * 1152 / RATE_HZ
    return OddFile(
        "recounted", ".mp3", content, SECONDS, declared_s,
        MORE_THAN_DECLARED if more else ENDS_EARLY, ENDS_EARLY if more else (), same_answer=True,
        tolerance_s=PER_PART_S,
    )  # fmt: skip


@lru_cache
def _part(hz: float, seconds: float, rate_hz: int, n_channels: int, mode: str) -> bytes:
    return _mp3(tone(hz, seconds, rate_hz, n_channels=n_channels), rate_hz, mode)


def _joined(
    *kinds: tuple[int, int],
    seconds: tuple[float, ...] = (),
    mode: str = "CONSTANT",
    count: bool = True,
    between: bytes = b"",
) -> OddFile:
    """Parts joined, each of a rate and a number of channels, each with a pitch of its own."""
    seconds = seconds or (PART_S,) * len(kinds)
    parts, tones, start_s = [], [], 0.0
    for number, ((rate_hz, n_channels), length_s) in enumerate(zip(kinds, seconds, strict=True)):
        hz = 1000.0 * (1 + number)
        part = _part(hz, length_s, rate_hz, n_channels, mode)
        parts.append(part if count else headless(part))
        tones.append((start_s + length_s / 2, hz))
        start_s += length_s
    return OddFile(
        "joined", ".mp3", between.join(parts), start_s, None, tolerance_s=PER_PART_S * len(kinds),
        tones=tuple(tones),
    )  # fmt: skip


def _cut(content: bytes, has_length: bool) -> OddFile:
    return OddFile(
        "cut", ".mp3", content[: len(content) // 2], SECONDS / 2, SECONDS if has_length else None,
        ENDS_EARLY if has_length else (), () if has_length else ENDS_EARLY, tolerance_s=0.3,
    )  # fmt: skip


_JUNK = np.random.default_rng(3).bytes(3000).replace(b"\xff", b"\x7f")
A, B = 44_100, 48_000

CASES: dict[str, Callable[[], OddFile]] = {
    "counted": lambda: _same(_base()),
    "variable": lambda: _same(_base("VARIABLE", 0.5)),
    "average": lambda: _same(_base("AVERAGE", 0.5)),
    "no count": lambda: _same(headless(_base())),
    "no count, variable": lambda: _same(headless(_base("VARIABLE", 0.5))),
    **{
        f"{what}{behind}": partial(
            lambda count, front, end: _same(
                front + (_base() if count else headless(_base())) + end
            ),
            count, front, end,
        )
        for count, what in ((True, "counted"), (False, "no count"))
        for behind, front, end in (
            (", behind a cover of 6 MB", cover(6_000_000), b""),
            (", behind a cover of 6 MB and a second tag", cover(6_000_000) + id3v2(900), b""),
            (", before an APE tag", b"", ape(5_000)),
            (", before an APE tag of 6 MB", b"", ape(6_000_000)),
            (", before an APE tag and ID3v1", b"", ape(5_000) + ID3V1),
            (", before ID3v1", b"", ID3V1),
            (", before zeros", b"", bytes(200_000)),
            (", behind zeros", bytes(2_000), b""),
        )
    },
    **{
        f"{mode.lower()}, a count of {factor:.2g}": partial(_recounted, factor, mode)
        for mode in ("CONSTANT", "VARIABLE")
        for factor in (1 / 3, 3)
    },
    "cut in half": lambda: _cut(_base(), True),
    "cut in half, no count": lambda: _cut(headless(_base()), False),
    **{
        f"joined {what}{'' if count else ', no count'}": partial(_joined, *kinds, count=count)
        for count in (True, False)
        for what, kinds in {
            "alike": ((A, 1), (A, 1)),
            "mono and stereo": ((A, 1), (A, 2)),
            "stereo and mono": ((A, 2), (A, 1)),
            "44.1 and 22.05": ((A, 1), (22_050, 1)),
            "22.05 and 44.1": ((22_050, 1), (A, 1)),
            "44.1 and 48": ((A, 1), (B, 1)),
            "48 and 44.1": ((B, 1), (A, 1)),
            "of three kinds": ((A, 1), (B, 2), (22_050, 1)),
            "of four rates": ((A, 2), (24_000, 1), (B, 1), (16_000, 2)),
        }.items()
    },
    "joined, variable, 44.1 and 48": partial(_joined, (A, 1), (B, 1), mode="VARIABLE"),
    "joined, a short part behind a long one": partial(
        _joined, (A, 1), (A, 2), seconds=(30.0, 2.0)
    ),
    "joined, a short part of another rate": partial(_joined, (A, 1), (B, 1), seconds=(30.0, 2.0)),
    "joined, a short part in front": partial(_joined, (A, 2), (B, 1), seconds=(2.0, 20.0)),
    "joined, tags between": partial(_joined, (A, 1), (A, 2), between=ID3V1 + id3v2(5_000)),
    "joined, junk between": partial(_joined, (A, 1), (A, 2), between=_JUNK),
    "joined of two rates, junk between": partial(_joined, (A, 1), (B, 1), between=_JUNK),
}  # fmt: skip
