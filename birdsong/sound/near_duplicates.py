"""Near duplicates: recordings of the same sound, even if cut, amplified or encoded again.

Each frame gives 32 bits: whether the difference of energy between two neighbouring bands rises from
the frame before. Recordings of different birds agree in half of the bits, copies of one recording
in nearly all. Frames with 21 equal bits give candidates for the lag between two recordings; the bit
error rate over two seconds then decides.

References
----------
.. [1] Haitsma & Kalker (2002), A highly robust audio fingerprinting system, ISMIR. Bands reach
   higher here, where birds sing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from birdsong.arrays import FloatArray
from birdsong.sound.audio_reader import AudioReader

AudioFingerprint: TypeAlias = npt.NDArray[np.uint32]

RATE_HZ = 16_000
FRAME_LENGTH = 4096
HOP_LENGTH = 256
FRAMES_PER_S = RATE_HZ / HOP_LENGTH
LOW_HZ, HIGH_HZ = 500.0, 7_500.0
COMPARED_FRAMES = 125
"""Two seconds, over which the bit error rate is measured."""
MAX_BIT_ERROR_RATE = 0.22
"""Pairs up to this bit error rate are near duplicates.

Of 1,815 recordings from xeno-canto, the nine pairs below it (up to 0.21) are copies: their
waveforms over two seconds correlate by 0.82 or more. The next pair, at 0.23, correlates by 0.20.
"""
MAX_DURATION_S = 600.0
"""Only this much of a recording is compared."""

_N_BITS = 32
# Encoding changes some of the 32 bits, but often none of those in one mask.
_HASH_MASKS = (0x001FFFFF, 0xFFFFF800, 0xFFE007FF)
_MIN_VOTES = 3  # one or two matches may be chance
_MAX_SHARED_BY = 8  # a hash in more recordings is machine noise, not song
_FRAMES_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two recordings of the same sound.

    Attributes
    ----------
    first, second : int
        Their indices, first below second.
    lag_s : float
        How much later the sound is in the first recording.
    bit_error_rate : float, 0 to `MAX_BIT_ERROR_RATE`
        Share of bits that differ, in the two seconds that agree best.
    """

    first: int
    second: int
    lag_s: float
    bit_error_rate: float


def audio_fingerprint(source: Path | bytes) -> AudioFingerprint:
    """Compute the fingerprint of a recording.

    Parameters
    ----------
    source : Path or bytes

    Returns
    -------
    uint32, shape (n_frames,)
        One number per 16 ms of the first ten minutes; empty for less than 0.3 s.

    Raises
    ------
    AudioError
        If it cannot be decoded.
    """
    kept: list[FloatArray] = []
    n_samples = 0
    with AudioReader(source, RATE_HZ) as reader:
        for block in reader.blocks():
            kept.append(block)
            n_samples += len(block)
            if n_samples >= MAX_DURATION_S * RATE_HZ:
                break
    samples = np.concatenate(kept) if kept else np.empty(0, np.float32)
    if len(samples) < FRAME_LENGTH + HOP_LENGTH:
        return np.empty(0, np.uint32)
    energies = _band_energies(samples)
    falls = energies[:, :-1] - energies[:, 1:]
    bits = np.diff(falls, axis=0) > 0
    packed = np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0]
    return packed.astype(np.uint32)


def find_near_duplicates(fingerprints: Sequence[AudioFingerprint]) -> list[NearDuplicate]:
    """Find all pairs of recordings of the same sound.

    Parameters
    ----------
    fingerprints : sequence of uint32, shape (n_frames,)

    Returns
    -------
    list of NearDuplicate
        Each pair once, sorted by its indices.
    """
    best: dict[tuple[int, int], NearDuplicate] = {}
    for first, second, lag in _candidates(fingerprints):
        bit_error_rate = _bit_error_rate(fingerprints[first], fingerprints[second], lag)
        known = best.get((first, second))
        if bit_error_rate <= MAX_BIT_ERROR_RATE and (
            known is None or bit_error_rate < known.bit_error_rate
        ):
            best[first, second] = NearDuplicate(first, second, lag / FRAMES_PER_S, bit_error_rate)
    return [best[pair] for pair in sorted(best)]


def _candidates(fingerprints: Sequence[AudioFingerprint]) -> Iterator[tuple[int, int, int]]:
    """Yield pairs of recordings, and a lag at which several of their frames share most bits."""
    lengths = [len(each) for each in fingerprints]
    bits = np.concatenate([*fingerprints, np.empty(0, np.uint32)])
    owners = np.repeat(np.arange(len(lengths)), lengths)
    places = np.concatenate([*(np.arange(n) for n in lengths), np.empty(0, np.int64)])
    votes: Counter[tuple[int, int, int]] = Counter()
    for part in _HASH_MASKS:
        values = bits & np.uint32(part)
        order = np.lexsort((places, owners, values))
        value, owner, place = values[order], owners[order], places[order]
        for step in range(1, _MAX_SHARED_BY):
            same = (value[step:] == value[:-step]) & (owner[step:] != owner[:-step])
            at = np.flatnonzero(same)
            one, other = owner[at], owner[at + step]
            lag = place[at] - place[at + step]
            votes.update(zip(one.tolist(), other.tolist(), lag.tolist(), strict=True))
    return (pair for pair, n in votes.items() if n >= _MIN_VOTES)


def _band_energies(samples: FloatArray) -> FloatArray:
    """Logarithm of the energy in 33 bands, frame by frame."""
    edges_hz = np.geomspace(LOW_HZ, HIGH_HZ, _N_BITS + 2)
    edges = np.round(edges_hz * FRAME_LENGTH / RATE_HZ).astype(int)
    n_frames = 1 + (len(samples) - FRAME_LENGTH) // HOP_LENGTH
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_LENGTH)[::HOP_LENGTH]
    window = np.hanning(FRAME_LENGTH).astype(np.float32)
    energies = np.empty((n_frames, _N_BITS + 1), np.float32)
    for first in range(0, n_frames, _FRAMES_AT_A_TIME):
        part = slice(first, first + _FRAMES_AT_A_TIME)
        spectrum = np.fft.rfft(frames[part] * window, axis=1)
        power = spectrum.real**2 + spectrum.imag**2
        sums = np.add.reduceat(power, edges, axis=1)[:, :-1]
        energies[part] = np.log(sums + 1e-9)
    return energies


def _bit_error_rate(first: AudioFingerprint, second: AudioFingerprint, lag: int) -> float:
    """The lowest bit error rate over `COMPARED_FRAMES`; 1 if fewer frames overlap.

    Frames without any change, as in digital silence, count as half different.
    """
    start, end = max(0, lag), min(len(first), len(second) + lag)
    if end - start < COMPARED_FRAMES:
        return 1.0
    one, other = first[start:end], second[start - lag : end - lag]
    n_bit_errors = np.bitwise_count(one ^ other).astype(np.int64)
    is_informative = (np.bitwise_count(one) > 2) & (np.bitwise_count(other) > 2)
    n_bit_errors[~is_informative] = _N_BITS // 2
    sums = np.convolve(n_bit_errors, np.ones(COMPARED_FRAMES, np.int64), "valid")
    return float(sums.min() / (_N_BITS * COMPARED_FRAMES))
