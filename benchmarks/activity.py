"""What finds song: our detector beside median clipping with morphology, on known soundscapes.

Both get the same synthetic recordings, of which it is known when a bird sings, and what they find
is cut into segments by the same rules. The grid, which keeps everything, shows what there is to
gain. The clock runs from samples in memory to the places of the segments, for each way in turn,
several rounds in one run; in our time making the images is included.

Median clipping is done as published, on magnitudes of a short Fourier transform of 512 samples
that overlap by three quarters, except that the rate is ours, 24,000 Hz instead of 22,050. Its time
goes into the medians and the morphology of a spectrogram with eleven times the points of ours.

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
_JOINED_S = 0.3  # as ours
_TICK_S = 0.01


def birdsong(samples: FloatArray) -> list[float]:
    """Find segments as preprocessing does."""
    found = find_segments(
        [samples], CONFIG.spectrogram, FILTERS, CONFIG.songs, step_s=CONFIG.step_s
    )
    return [segment.start_s for segment, kind in found if kind == "bird"]


def median_clipping(samples: FloatArray) -> list[float]:
    """Find segments where a patch of the spectrogram is above its row's and column's median.

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
    """Keep everything."""
    last_s = len(samples) / RATE_HZ - SEGMENT_S
    return np.arange(0, last_s + _TICK_S, CONFIG.step_s).tolist()


WAYS: dict[str, Callable[[FloatArray], list[float]]] = {
    "birdsong": birdsong,
    "median clipping": median_clipping,
    "every segment of the grid": grid,
}


@dataclass(frozen=True, slots=True)
class Score:
    """How well segments fit the songs, summed over recordings.

    Attributes
    ----------
    sung_s, found_s, kept_s : float
        Seconds in which a bird sings, those of them that lie in a segment, and those that lie in
        a segment at all.
    n_segments, n_empty : int
        Segments, and those without a moment of song.
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
        """Share of the singing time that lies in segments."""
        return self.found_s / self.sung_s

    @property
    def empty_share(self) -> float:
        """Share of the segments that hold no song; 0 where there is no segment."""
        return self.n_empty / max(1, self.n_segments)

    @property
    def cover(self) -> float:
        """Time in segments as a multiple of the singing time."""
        return self.kept_s / self.sung_s


def score(recording: SyntheticRecording, starts_s: Sequence[float]) -> Score:
    """Compare the segments that were found in a recording with its songs.

    Parameters
    ----------
    recording : SyntheticRecording
    starts_s : sequence of float
        Where segments of 200 frames start.
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
    """Find song in every way, in loud and in faint soundscapes; print a table.

    Parameters
    ----------
    audio : None
        Only of what is made for it is known when a bird sings.
    n_rounds : int

    Returns
    -------
    dict
        By signal-to-noise ratio and way: the shares, the cover, and the seconds that a minute of
        sound took in each round.

    Raises
    ------
    ConfigError
        If a folder of recordings is named.
    """
    if audio:
        raise ConfigError(
            "`birdsong bench activity` makes its own recordings, to know when a bird sings in "
            f"them: leave --audio away, got {audio}"
        )
    figures: dict[str, Any] = {}
    for snr_db in SNRS_DB:
        recordings = [render_soundscape(i, snr_db=snr_db) for i in range(N_RECORDINGS)]
        level = figures[f"{snr_db:g} dB"] = {
            way: _found(find, recordings) for way, find in WAYS.items()
        }
        minutes = sum(len(each.samples) for each in recordings) / RATE_HZ / 60
        for _ in range(n_rounds):
            for way, find in WAYS.items():
                started_s = time.perf_counter()
                for each in recordings:
                    find(each.samples)
                spent_s = time.perf_counter() - started_s
                level[way]["seconds_a_minute"].append(spent_s / minutes)
        sung = level["birdsong"]["sung_s"] / (60 * minutes)
        print(
            f"{len(recordings)} recordings, {minutes:.0f} min, song at {snr_db:g} dB fills "
            f"{sung:.0%} of them; median of {n_rounds} rounds"
        )
        for way, each in level.items():
            print(
                f"  {way:<26} {each['found_share']:6.1%} of the singing found  "
                f"{each['empty_share']:6.1%} of the segments empty  "
                f"{each['cover']:5.2f} times the singing kept  "
                f"{statistics.median(each['seconds_a_minute']):.4f} s a minute of sound"
            )
    return figures


def _found(
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
