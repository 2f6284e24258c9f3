"""Recordings that hold the same sound: found again though cut, made louder or encoded anew.

Each frame becomes 32 bits that say between which neighbouring bands the difference of energy rises
from the frame before. Two recordings of different birds agree in half of the bits, two copies of
one recording in nearly all. Frames that share 21 of the bits tell where two recordings may
coincide; whether they do is counted over two seconds.

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
from birdsong.sound.audio import AudioReader

Fingerprint: TypeAlias = npt.NDArray[np.uint32]

RATE_HZ = 16_000
FRAME_LENGTH = 4096
HOP_LENGTH = 256
FRAMES_PER_S = RATE_HZ / HOP_LENGTH
LOW_HZ, HIGH_HZ = 500.0, 7_500.0
COMPARED_FRAMES = 125
"""Two seconds: how much of two recordings has to agree."""
MOST_DIFFERENT = 0.22
"""Share of the bits in which copies differ at most.

Of 1,815 recordings from xeno-canto, the nine pairs below it (up to 0.21) are copies: the waveforms
of two seconds correlate by 0.82 or more. The next pair, at 0.23, correlates by 0.20.
"""
LONGEST_S = 600.0
"""Of a recording, as much is looked at."""

_N_BITS = 32
# Of 32 bits some change when a sound is encoded anew; of a part of them all may stay.
_PARTS = (0x001FFFFF, 0xFFFFF800, 0xFFE007FF)
_LEAST_VOTES = 3  # shared by chance is a part now and then
_MOST_COMMON = 8  # what more recordings share is noise of a machine, not a song
_FRAMES_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two recordings with the same sound.

    Attributes
    ----------
    first, second : int
        Which ones, first below second.
    later_s : float
        How much later the sound comes in the first.
    different : float, 0 to `MOST_DIFFERENT`
        Share of bits that differ over the two seconds that agree best.
    """

    first: int
    second: int
    later_s: float
    different: float


def fingerprint(source: Path | bytes) -> Fingerprint:
    """Describe the sound of a recording.

    Parameters
    ----------
    source : Path or bytes

    Returns
    -------
    uint32, shape (n_frames,)
        A number each 16 ms of the first ten minutes; none for what is shorter than 0.3 s.

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
            if n_samples >= LONGEST_S * RATE_HZ:
                break
    samples = np.concatenate(kept) if kept else np.empty(0, np.float32)
    if len(samples) < FRAME_LENGTH + HOP_LENGTH:
        return np.empty(0, np.uint32)
    energies = _band_energies(samples)
    falls = energies[:, :-1] - energies[:, 1:]
    bits = np.diff(falls, axis=0) > 0
    packed = np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0]
    return packed.astype(np.uint32)


def find_near_duplicates(fingerprints: Sequence[Fingerprint]) -> list[NearDuplicate]:
    """Find all pairs of recordings that hold the same sound.

    Parameters
    ----------
    fingerprints : sequence of uint32, shape (n_frames,)

    Returns
    -------
    list of NearDuplicate
        Each pair once, by its recordings.
    """
    best: dict[tuple[int, int], NearDuplicate] = {}
    for first, second, later in _candidates(fingerprints):
        different = _difference(fingerprints[first], fingerprints[second], later)
        known = best.get((first, second))
        if different <= MOST_DIFFERENT and (known is None or different < known.different):
            best[first, second] = NearDuplicate(first, second, later / FRAMES_PER_S, different)
    return [best[pair] for pair in sorted(best)]


def _candidates(fingerprints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, int]]:
    """Pairs of recordings, and the lag at which frames of them share most of their bits."""
    lengths = [len(each) for each in fingerprints]
    bits = np.concatenate([*fingerprints, np.empty(0, np.uint32)])
    owners = np.repeat(np.arange(len(lengths)), lengths)
    places = np.concatenate([*(np.arange(n) for n in lengths), np.empty(0, np.int64)])
    votes: Counter[tuple[int, int, int]] = Counter()
    for part in _PARTS:
        values = bits & np.uint32(part)
        order = np.lexsort((places, owners, values))
        value, owner, place = values[order], owners[order], places[order]
        for step in range(1, _MOST_COMMON):
            same = (value[step:] == value[:-step]) & (owner[step:] != owner[:-step])
            at = np.flatnonzero(same)
            one, other = owner[at], owner[at + step]
            lag = place[at] - place[at + step]
            votes.update(zip(one.tolist(), other.tolist(), lag.tolist(), strict=True))
    return (pair for pair, n in votes.items() if n >= _LEAST_VOTES)


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


def _difference(first: Fingerprint, second: Fingerprint, later: int) -> float:
    """The least share of bits that differ over `COMPARED_FRAMES`; 1 where fewer overlap.

    Frames without any change, as in digital silence, are evidence of nothing.
    """
    start, end = max(0, later), min(len(first), len(second) + later)
    if end - start < COMPARED_FRAMES:
        return 1.0
    one, other = first[start:end], second[start - later : end - later]
    n_different = np.bitwise_count(one ^ other).astype(np.int64)
    is_telling = (np.bitwise_count(one) > 2) & (np.bitwise_count(other) > 2)
    n_different[~is_telling] = _N_BITS // 2
    sums = np.convolve(n_different, np.ones(COMPARED_FRAMES, np.int64), "valid")
    return float(sums.min() / (_N_BITS * COMPARED_FRAMES))
