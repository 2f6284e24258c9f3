"""Channels that cancel one another, drown one another, come late, or die."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from birdsong.arrays import FloatArray
from tests.odd_files.base import ENDS_EARLY, RATE_HZ, SECONDS, OddFile, base, hiss
from tests.odd_files.wav import wav

ONE_OF_TWO = (r"channel \d of 2",)
NO_CHOICE = (r"channel \d of", "digital silence", *ENDS_EARLY)


def _level(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def time_code(n: int) -> FloatArray:
    """A biphase mark code of 25 frames of 80 bits a second, loud, as it stands on a spare track."""
    bits = np.random.default_rng(5).integers(0, 2, 25 * 80 * (n // RATE_HZ + 1))
    halves = np.stack([np.ones_like(bits), bits], axis=1).ravel()  # where the level changes
    levels = np.cumsum(halves) % 2 * 2.0 - 1
    edges = (np.arange(n) * 2 * 25 * 80 / RATE_HZ).astype(int)
    return (0.4 * levels[edges]).astype(np.float32)


def delayed(samples: FloatArray, delay_s: float) -> FloatArray:
    """The same, later, of the same length."""
    n = round(delay_s * RATE_HZ)
    return np.concatenate([np.zeros(n, np.float32), samples[: len(samples) - n]])


def _file(
    channels: list[FloatArray],
    *,
    expected_warnings: tuple[str, ...] = (),
    forbidden_warnings: tuple[str, ...] = NO_CHOICE,
    same_answer: bool = True,
    coding: str = "FLOAT",
) -> OddFile:
    both = np.stack(channels, axis=1)
    seconds = len(both) / RATE_HZ
    return OddFile(
        "channels", ".wav", wav(both, coding=coding), seconds, seconds,
        expected_warnings, forbidden_warnings,
        same_answer=same_answer,
    )  # fmt: skip


def _inverted(noise: float, gain: float = 1.0, coding: str = "FLOAT") -> OddFile:
    n = len(base())
    left, right = base(), -gain * base()
    if noise:
        left, right = left + hiss(n, noise, 1), right + hiss(n, noise, 2)
    return _file(
        [left, right.astype(np.float32)], expected_warnings=ONE_OF_TWO, coding=coding,
        forbidden_warnings=("digital silence", "nearly silent", *ENDS_EARLY),
    )  # fmt: skip


def _drowned(other: FloatArray, *, first: bool) -> OddFile:
    """A channel of something else that is louder; the bird is in the one that must be used."""
    bird = (0.1 * base()).astype(np.float32)
    channels = [bird, other] if first else [other, bird]
    used = 1 if first else 2
    return _file(
        channels, expected_warnings=(rf"channel {used} of 2",), forbidden_warnings=ENDS_EARLY
    )


def _loud_hiss(db: float, first: bool) -> OddFile:
    level = 10 ** (db / 20) * _level(0.1 * base())
    peak = 5 * level
    noise = hiss(len(base()), level) / max(1.0, peak)
    bird_gain = 0.1 / max(1.0, peak)
    bird = (bird_gain * base()).astype(np.float32)
    channels = [bird, noise] if first else [noise, bird]
    used = 1 if first else 2
    return _file(
        channels, expected_warnings=(rf"channel {used} of 2",), forbidden_warnings=ENDS_EARLY
    )


def _dies(at_s: float, seconds: float) -> OddFile:
    """The chosen channel falls silent later: a warning, without another choice."""
    bird = np.tile(base(), int(np.ceil(seconds / SECONDS)))[: round(seconds * RATE_HZ)].copy()
    other = 0.2 * bird + hiss(len(bird), 0.3, 4)
    bird[round(at_s * RATE_HZ) :] = 0
    return _file(
        [bird, other.astype(np.float32)],
        expected_warnings=(r"channel 1 of 2", r"falls silent"),
        forbidden_warnings=ENDS_EARLY, same_answer=False,
    )  # fmt: skip


def _dead_later(at_s: float) -> OddFile:
    """Two like channels, of which the second dies."""
    bird = np.tile(base(), 8)[: 60 * RATE_HZ]
    right = bird.copy()
    right[round(at_s * RATE_HZ) :] = 0
    return _file(
        [bird, right], expected_warnings=(r"channel 2 of 2 falls silent",),
        forbidden_warnings=ENDS_EARLY,
        same_answer=False,
    )  # fmt: skip


def _cancels_later() -> OddFile:
    """A crossed wire in a night that begins with nothing but the hiss of each microphone."""
    noise = [hiss(62 * RATE_HZ, 0.001, seed) for seed in (11, 12)]
    song = [base(), -base()]
    channels = [np.concatenate(each) for each in zip(noise, song, strict=True)]
    return _file(
        channels, expected_warnings=(r"from 62 s on its channels cancel each other",),
        forbidden_warnings=ENDS_EARLY, same_answer=False,
    )  # fmt: skip


def _beeps(level: float, first: bool) -> OddFile:
    """Beeps with digital silence between them stand out further than any song does."""
    times_s = np.arange(len(base())) / RATE_HZ
    beeps = level * np.sin(2 * np.pi * 1000 * times_s) * (3 * times_s % 1 < 0.5)
    channels = [base(), beeps.astype(np.float32)]
    return _file(channels if first else channels[::-1], same_answer=False)


_NOISY = base() + hiss(len(base()), 0.0005, 8)

CASES: dict[str, Callable[[], OddFile]] = {
    "mono": lambda: _file([base()]),
    "mono as two channels": lambda: _file([base(), base()]),
    "two gains": lambda: _file([base(), (0.25 * base()).astype(np.float32)]),
    "two noises": lambda: _file([base() + hiss(len(base()), 1e-4, 1), base()]),
    "six channels": lambda: _file([base() * np.float32(gain) for gain in np.linspace(1, 0.5, 6)]),
    "dead left": lambda: _file([np.zeros_like(base()), base()], forbidden_warnings=ENDS_EARLY),
    "dead right": lambda: _file([base(), np.zeros_like(base())], forbidden_warnings=ENDS_EARLY),
    "inverted": partial(_inverted, 0.0),
    "inverted, 16 bits": partial(_inverted, 0.0, coding="PCM_16"),
    "inverted with noise": partial(_inverted, 0.0005),
    "inverted, of another gain": partial(_inverted, 0.0002, 0.9),
    **{
        f"{delay_ms:g} ms late": partial(
            lambda delay_s: _file(
                [base(), delayed(base(), delay_s)], forbidden_warnings=ENDS_EARLY, same_answer=False
            ),
            delay_ms / 1000,
        )
        for delay_ms in (0.1, 1, 10)
    },
    **{
        f"hiss of +{db} dB in the {'second' if first else 'first'}": partial(_loud_hiss, db, first)
        for db in (20, 40)
        for first in (True, False)
    },
    **{
        f"time code in the {'second' if first else 'first'}": partial(
            lambda first: _drowned(time_code(len(base())), first=first), first
        )
        for first in (True, False)
    },
    **{
        f"beeps of {level:g} in the {'second' if first else 'first'}": partial(
            _beeps, level, first
        )
        for level in (0.1, 0.9)
        for first in (True, False)
    },
    "inverted, heard from 62 s on": _cancels_later,
    "the chosen one dies at 30 s": partial(_dies, 30.0, 60.0),
    "one of two alike dies at 30 s": partial(_dead_later, 30.0),
}  # fmt: skip
