"""Song detection: birdsong's detector against median clipping, on synthetic soundscapes.

All detectors get the same synthetic recordings, with known song times, and place segments by the
same rules. The grid, which keeps everything, is the baseline. The time is from samples in memory to
the starts of the segments, for each detector in turn, in several rounds; that of birdsong includes
making the images.

Median clipping is implemented as published, on magnitudes of a short-time Fourier transform of 512
samples with 75 % overlap, except for the sample rate of 24,000 Hz instead of 22,050. Its time is
spent on medians and morphology of a spectrogram with eleven times as many values as birdsong's.

References
----------
.. [1] Lasseck (2013), Bird song classification in field recordings, NIPS4B workshop.
.. [2] Sprengel, Jaggi, Kilcher & Hofmann (2016), Audio based bird species identification using
   deep learning techniques, CLEF.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.fft
import scipy.ndimage

from birdsong.arrays import FloatArray
from birdsong.errors import ConfigError
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.segment_proposal import find_segments, place_segments
from birdsong.synthetic.soundscapes import SOUNDSCAPES, render_soundscape
from birdsong.synthetic.synthesis import SyntheticRecording

CONFIG = PreprocessConfig()
RATE_HZ = CONFIG.spectrogram.sample_rate_hz
SEGMENT_S = CONFIG.spectrogram.segment_s
FILTERS = mel_filters(CONFIG.spectrogram)

SNRS_DB = (10.0, 0.0)
N_RECORDINGS = 6 * len(SOUNDSCAPES)

_WINDOW, _HOP = 512, 128
_TIMES_MEDIAN = 3.0
_JOINED_S = 0.3  # as birdsong's
_TICK_S = 0.01


def birdsong(samples: FloatArray) -> list[float]:
    """Find segments with birdsong's detector."""
    found = find_segments(
        [samples], CONFIG.spectrogram, FILTERS, CONFIG.songs, step_s=CONFIG.step_s
    )
    return [segment.start_s for segment, kind in found if kind == "bird"]


def median_clipping(samples: FloatArray) -> list[float]:
    """Find segments by median clipping and morphology.

    Parameters
    ----------
    samples : float32, shape (n_samples,)

    Returns
    -------
    list of float
        Starts in seconds.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    window = np.hanning(_WINDOW).astype(np.float32)
    # The published spectrogram is divided by its maximum; what is above a median stays the same.
    magnitudes = np.abs(scipy.fft.rfft(frames * window, axis=1)).T
    signal = magnitudes > _TIMES_MEDIAN * np.median(magnitudes, axis=1, keepdims=True)
    signal &= magnitudes > _TIMES_MEDIAN * np.median(magnitudes, axis=0)
    patch = np.ones((4, 4), bool)
    signal = scipy.ndimage.binary_dilation(scipy.ndimage.binary_erosion(signal, patch), patch)
    singing = scipy.ndimage.binary_dilation(signal.any(axis=0), np.ones(4, bool), iterations=2)
    n_segment, n_step, max_pause = (
        round(seconds * RATE_HZ / _HOP) for seconds in (SEGMENT_S, CONFIG.step_s, _JOINED_S)
    )
    starts = place_segments(singing, n_segment, n_step, max_pause=max_pause)
    return [start * _HOP / RATE_HZ for start in starts]


def grid(samples: FloatArray) -> list[float]:
    """Segments on a regular grid over the whole recording."""
    last_s = len(samples) / RATE_HZ - SEGMENT_S
    return np.arange(0, last_s + _TICK_S, CONFIG.step_s).tolist()


DETECTORS: dict[str, Callable[[FloatArray], list[float]]] = {
    "birdsong": birdsong,
    "median clipping": median_clipping,
    "every segment of the grid": grid,
}


@dataclass(frozen=True, slots=True)
class Score:
    """Coverage of songs by segments, summed over recordings.

    Attributes
    ----------
    sung_s, found_s, kept_s : float
        Seconds of song, of song within segments, and within segments.
    n_segments, n_empty : int
        Segments, and segments without any song.
    """

    sung_s: float = 0.0
    found_s: float = 0.0
    kept_s: float = 0.0
    n_segments: int = 0
    n_empty: int = 0

    def __add__(self, other: Self) -> Score:
        return Score(
            self.sung_s + other.sung_s,
            self.found_s + other.found_s,
            self.kept_s + other.kept_s,
            self.n_segments + other.n_segments,
            self.n_empty + other.n_empty,
        )

    @property
    def found_share(self) -> float:
        """Share of the song time that is in segments."""
        return self.found_s / self.sung_s

    @property
    def empty_share(self) -> float:
        """Share of the segments without song; 0 without segments."""
        return self.n_empty / max(1, self.n_segments)

    @property
    def cover(self) -> float:
        """Time in segments as a multiple of the song time."""
        return self.kept_s / self.sung_s


def score(recording: SyntheticRecording, starts_s: Sequence[float]) -> Score:
    """Compare the segments of a recording with its songs.

    Parameters
    ----------
    recording : SyntheticRecording
    starts_s : sequence of float
        Starts of the segments.
    """
    times_s = np.arange(0, len(recording.samples) / recording.sample_rate_hz, _TICK_S)
    sings = np.zeros(len(times_s), bool)
    for start_s, end_s in recording.songs:
        sings |= (times_s >= start_s) & (times_s < end_s)
    kept = np.zeros(len(times_s), bool)
    n_empty = 0
    for start_s in starts_s:
        inside = (times_s >= start_s) & (times_s < start_s + SEGMENT_S)
        kept |= inside
        n_empty += not (inside & sings).any()
    return Score(
        sung_s=_TICK_S * int(sings.sum()),
        found_s=_TICK_S * int((sings & kept).sum()),
        kept_s=_TICK_S * int(kept.sum()),
        n_segments=len(starts_s),
        n_empty=n_empty,
    )


def measure(*, audio: Path | None, n_rounds: int) -> dict[str, Any]:
    """Run every detector on loud and faint soundscapes; print a table.

    Parameters
    ----------
    audio : None
        Only synthetic recordings have known song times.
    n_rounds : int

    Returns
    -------
    dict
        By signal-to-noise ratio and detector: shares, cover, and the seconds per minute of sound
        of each round.

    Raises
    ------
    ConfigError
        If a folder of recordings is given.
    """
    if audio:
        raise ConfigError(
            "`birdsong bench activity` synthesizes its recordings, to know their song times: "
            f"omit --audio, got {audio}"
        )
    figures: dict[str, Any] = {}
    for snr_db in SNRS_DB:
        recordings = [render_soundscape(i, snr_db=snr_db) for i in range(N_RECORDINGS)]
        level = figures[f"{snr_db:g} dB"] = {
            name: _total_score(find, recordings) for name, find in DETECTORS.items()
        }
        minutes = sum(len(each.samples) for each in recordings) / RATE_HZ / 60
        for _ in range(n_rounds):
            for name, find in DETECTORS.items():
                started_s = time.perf_counter()
                for each in recordings:
                    find(each.samples)
                spent_s = time.perf_counter() - started_s
                level[name]["seconds_a_minute"].append(spent_s / minutes)
        sung = level["birdsong"]["sung_s"] / (60 * minutes)
        print(
            f"{len(recordings)} recordings, {minutes:.0f} min, song at {snr_db:g} dB fills "
            f"{sung:.0%} of them; median of {n_rounds} rounds"
        )
        for name, each in level.items():
            print(
                f"  {name:<26} {each['found_share']:6.1%} of the singing found  "
                f"{each['empty_share']:6.1%} of the segments empty  "
                f"{each['cover']:5.2f} times the singing kept  "
                f"{statistics.median(each['seconds_a_minute']):.4f} s a minute of sound"
            )
    return figures


def _total_score(
    find: Callable[[FloatArray], list[float]], recordings: Sequence[SyntheticRecording]
) -> dict[str, Any]:
    total = sum((score(each, find(each.samples)) for each in recordings), Score())
    return {
        "sung_s": total.sung_s,
        "found_share": total.found_share,
        "empty_share": total.empty_share,
        "cover": total.cover,
        "segments": total.n_segments,
        "seconds_a_minute": [],
    }
