"""AAC: bare frames (ADTS) joined of parts that differ, and a plain m4a."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from tests.odd_files.base import RATE_HZ, SECONDS, OddFile, base, encoded, tone

PART_S = 4.0
PER_PART_S = 0.15


@lru_cache
def _part(hz: float, rate_hz: int, n_channels: int) -> bytes:
    return encoded(tone(hz, PART_S, rate_hz, n_channels=n_channels), rate_hz, "aac", "adts")


def _joined(*kinds: tuple[int, int]) -> OddFile:
    hertz = [1000.0 * (1 + number) for number in range(len(kinds))]
    content = b"".join(_part(hz, *kind) for hz, kind in zip(hertz, kinds, strict=True))
    tones = tuple((PART_S * (number + 0.5), hz) for number, hz in enumerate(hertz))
    return OddFile(
        "joined", ".aac", content, PART_S * len(kinds), None,
        tolerance_s=PER_PART_S * len(kinds), tones=tones,
    )  # fmt: skip


def _single(format: str, suffix: str) -> OddFile:
    content = encoded(base(), RATE_HZ, "aac", format)
    return OddFile(
        "single", suffix, content, SECONDS, None, same_answer=True, tolerance_s=PER_PART_S
    )


CASES: dict[str, Callable[[], OddFile]] = {
    "adts": partial(_single, "adts", ".aac"),
    "m4a": partial(_single, "ipod", ".m4a"),
    "adts joined alike": partial(_joined, (RATE_HZ, 1), (RATE_HZ, 1)),
    "adts joined of mono and stereo": partial(_joined, (RATE_HZ, 1), (RATE_HZ, 2)),
    "adts joined of stereo and mono": partial(_joined, (RATE_HZ, 2), (RATE_HZ, 1)),
    "adts joined of two rates": partial(_joined, (RATE_HZ, 1), (24_000, 1)),
    "adts joined of two rates, the higher last": partial(_joined, (24_000, 1), (RATE_HZ, 1)),
    "adts joined of three kinds": partial(_joined, (44_100, 2), (RATE_HZ, 1), (22_050, 2)),
}
