"""Levels from exact zeros to over full scale, and rates that few use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from birdsong.arrays import FloatArray
from tests.odd_files.base import ENDS_EARLY, RATE_HZ, SECONDS, OddFile, base, tone
from tests.odd_files.wav import wav

_LEVEL = r"nearly silent|digital silence|clipped"


def _at(peak_dbfs: float) -> FloatArray:
    return (base() * (10 ** (peak_dbfs / 20) / np.abs(base()).max())).astype(np.float32)


def _quiet(peak_dbfs: float, coding: str) -> OddFile:
    """A quiet recording that lost nothing: one warning, of its level."""
    return OddFile(
        "quiet", ".wav", wav(_at(peak_dbfs), coding=coding), SECONDS, SECONDS,
        (rf"nearly silent.*{peak_dbfs:.0f} dBFS",) if peak_dbfs < -61 else (),
        ("digital silence", "clipped", *ENDS_EARLY),
        same_answer=False, n_warnings=1 if peak_dbfs < -61 else None,
    )  # fmt: skip


def _loud(coding: str) -> OddFile:
    expected_warnings, never = (
        ((), ("clipped",)) if coding in ("FLOAT", "DOUBLE") else (("clipped",), ())
    )
    return OddFile(
        "loud", ".wav", wav(_at(12.0), coding=coding), SECONDS, SECONDS, expected_warnings,
        (*never, "silent", "silence", *ENDS_EARLY), same_answer=coding == "FLOAT",
    )  # fmt: skip


def _dither() -> OddFile:
    """Sixteen bits of nothing but their last one."""
    samples = np.random.default_rng(6).integers(-1, 2, round(SECONDS * RATE_HZ)) / 2**15
    return OddFile(
        "dither", ".wav", wav(samples.astype(np.float32)), SECONDS, SECONDS,
        (_LEVEL,), ("digital silence", "clipped", *ENDS_EARLY), n_warnings=1,
    )  # fmt: skip


def _zeros(coding: str, n_channels: int = 1) -> OddFile:
    shape = round(SECONDS * RATE_HZ) if n_channels == 1 else (round(SECONDS * RATE_HZ), n_channels)
    return OddFile(
        "zeros", ".wav", wav(np.zeros(shape, np.float32), coding=coding), SECONDS, SECONDS,
        (), ("nearly silent", "clipped", *ENDS_EARLY),
    )  # fmt: skip


def _offset() -> OddFile:
    """A direct current and nothing else."""
    samples = np.full(round(SECONDS * RATE_HZ), 0.25, np.float32)
    return OddFile("offset", ".wav", wav(samples), SECONDS, SECONDS, (), ("clipped", *ENDS_EARLY))


def _rate(rate_hz: int) -> OddFile:
    seconds = 2.0
    samples = tone(1000, seconds, rate_hz)
    present_s = len(samples) / rate_hz
    return OddFile(
        "rate", ".wav", wav(samples, rate_hz=rate_hz), present_s, present_s,
        (r"nothing above",) if rate_hz < 22_000 else (),
        ("no recorder uses", *ENDS_EARLY), tones=((1.0, 1000.0),),
        n_warnings=1 if rate_hz < 22_000 else 0,
    )  # fmt: skip


RATES_HZ = (
    8_000, 11_025, 11_127, 22_255, 24_414, 31_250, 48_828, 96_000, 250_000, 312_500, 384_002,
    500_000, 768_000, 1_000_000,
)  # fmt: skip

CASES: dict[str, Callable[[], OddFile]] = {
    **{
        f"{coding} at {dbfs} dBFS": partial(_quiet, dbfs, coding)
        for coding in ("FLOAT", "PCM_24")
        for dbfs in (-60, -62, -80, -90)
    },
    **{f"{coding}, +12 dB": partial(_loud, coding) for coding in ("FLOAT", "DOUBLE", "PCM_16")},
    "PCM_24, clipped": partial(_loud, "PCM_24"),
    "dither": _dither,
    **{f"zeros, {coding}": partial(_zeros, coding) for coding in ("PCM_16", "PCM_24", "FLOAT")},
    "zeros, stereo": partial(_zeros, "PCM_16", 2),
    "a direct current": _offset,
    **{f"{rate_hz} Hz": partial(_rate, rate_hz) for rate_hz in RATES_HZ},
}
