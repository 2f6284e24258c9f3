"""What a person looks at beside an answer: a whole recording, and what the network saw of it.

The overview is for eyes only; the network never sees it. It is drawn on the scale of the segments'
images, but above the background of the whole recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from birdsong.answers.inference import segments_of
from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle.bundle import Bundle
from birdsong.errors import AudioError, ConfigError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.grey_levels import above_background_db, grey_image
from birdsong.sound.segments import MIN_DURATION_S
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db_blocks

_COLUMNS_AT_FIRST = 2048  # memory for more is taken as they come


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A recording at one glance.

    Attributes
    ----------
    image : uint8, shape (n_mels, n_columns)
        Row 0 is the highest mel band; column ``c`` shows the loudest frame of the `column_s`
        seconds from ``c * column_s`` on.
    duration_s : float
        Length of the recording; the last column may reach past it.
    column_s : float
        Seconds that a column stands for.
    band_edges_hz : float64, shape (n_mels + 1,)
        Where a band ends and the next one begins, halfway between their peaks on the mel scale,
        from the lower edge of the lowest band up.
    """

    image: ImageArray
    duration_s: float
    column_s: float
    band_edges_hz: npt.NDArray[np.float64]


MAX_COLUMNS = 2**17
"""Of an overview: an hour in steps of 30 ms, in 8 MB."""


def overview(
    source: Path | bytes, bundle: Bundle, *, name: str = "", max_columns: int = MAX_COLUMNS
) -> Overview:
    """Draw a recording of any length, in memory that does not depend on it.

    Parameters
    ----------
    source : Path or bytes
    bundle : Bundle
        Says how its images are made.
    name : str, optional
        What errors call the recording; the file's name by default.
    max_columns : int
        2 or more. A longer recording is drawn in at most as many columns and at least half.

    Returns
    -------
    Overview

    Raises
    ------
    AudioError
        If the recording cannot be read or lasts less than 0.3 s.
    ConfigError
        If `max_columns` is less than 2.
    """
    config = bundle.spectrogram
    columns = _Columns(max_columns, config)
    with AudioReader(source, config.sample_rate_hz, name=name) as reader:
        for frames in mel_power_db_blocks(reader.blocks(), config, bundle.filters):
            columns.add(frames)
        if reader.duration_s < MIN_DURATION_S:
            raise AudioError(
                f"{reader.name}: lasts {reader.duration_s:.2f} s, at least {MIN_DURATION_S:g} s "
                "are needed"
            )
        duration_s = reader.duration_s
    return Overview(
        image=grey_image(above_background_db(columns.loudest_db, config), config),
        duration_s=duration_s,
        column_s=columns.n_frames_each / config.frames_per_s,
        band_edges_hz=band_edges_hz(config),
    )


def window(view: Overview, start_s: float, end_s: float, *, max_columns: int) -> ImageArray:
    """Cut a stretch out of an overview, no wider than a screen can show.

    Parameters
    ----------
    view : Overview
    start_s, end_s : float
        The stretch; what lies outside the recording is left out.
    max_columns : int
        1 or more.

    Returns
    -------
    uint8, shape (n_mels, n_columns), with 1 to `max_columns` columns
        Each the loudest of as many columns of the overview; the last may be of fewer.
    """
    n_columns = view.image.shape[1]
    first = min(max(0, math.floor(start_s / view.column_s)), n_columns - 1)
    end = max(first + 1, min(n_columns, math.ceil(end_s / view.column_s)))
    n_each = math.ceil((end - first) / max_columns)
    loudest: ImageArray = np.maximum.reduceat(
        view.image[:, first:end], np.arange(0, end - first, n_each), axis=1
    )
    return loudest


def segment_image(
    source: Path | bytes,
    bundle: Bundle,
    start_s: float,
    *,
    overlap_s: float | None = None,
    name: str = "",
) -> ImageArray:
    """Make the very image that the network saw of one segment.

    The recording is walked through from its beginning, as the classifier did, so that every byte
    is the same.

    Parameters
    ----------
    source : Path or bytes
    bundle : Bundle
    start_s : float
        Where the segment starts, as a prediction tells it.
    overlap_s : float, optional
        As the classifier was told.
    name : str, optional
        What errors call the recording; the file's name by default.

    Returns
    -------
    uint8, shape (n_mels, n_frames)
        Row 0 is the highest mel band.

    Raises
    ------
    AudioError
        If the recording cannot be read, or no segment starts there.
    ConfigError
        If neighbours would share a whole segment.
    """
    config = bundle.spectrogram
    within_s = 0.5 / config.frames_per_s
    with AudioReader(source, config.sample_rate_hz, name=name) as reader:
        for segment in segments_of(reader, bundle, overlap_s):
            if abs(segment.start_s - start_s) < within_s:
                return segment.image
            if segment.start_s > start_s:
                break
        raise AudioError(f"{reader.name}: no segment starts at {start_s:g} s")


def band_edges_hz(config: SpectrogramConfig) -> npt.NDArray[np.float64]:
    """Where the mel bands of an image meet, on the scale of `filters.mel_filters`.

    With ``mel(f) = 2595 log10(1 + f / 700)``, the peaks of the bands divide the way from
    ``f_min_hz`` to ``f_max_hz`` into equal parts; an edge lies halfway between two peaks.

    Returns
    -------
    float64, shape (n_mels + 1,)
        From the lower edge of the lowest band to the upper edge of the highest.
    """
    n_bands = config.n_mels
    lowest, highest = 2595 * np.log10(1 + np.array([config.f_min_hz, config.f_max_hz]) / 700)
    mels = lowest + (highest - lowest) * (np.arange(n_bands + 1) + 0.5) / (n_bands + 1)
    edges_hz: npt.NDArray[np.float64] = 700 * (10 ** (mels / 2595) - 1)
    return edges_hz


class _Columns:
    """Frames of a stream of unknown length, the loudest of each few kept.

    When all columns are taken, neighbours become one, and each stands for twice as many frames.
    """

    def __init__(self, max_columns: int, config: SpectrogramConfig) -> None:
        if max_columns < 2:
            raise ConfigError(f"max_columns must be at least 2, got {max_columns!r}")
        self.n_frames_each = 1
        self._n_bands, self._floor_db = config.n_mels, np.float32(config.floor_db)
        # An even number, so that halving leaves none alone.
        self._most = max_columns - max_columns % 2
        self._held = self._empty(min(self._most, _COLUMNS_AT_FIRST))
        self._n_frames = 0

    @property
    def loudest_db(self) -> FloatArray:
        """The columns that frames have come to, shape (n_mels, n_columns)."""
        return self._held[:, : -(-self._n_frames // self.n_frames_each)]

    def add(self, decibels: FloatArray) -> None:
        """Take the next frames, shape (n_mels, n_frames)."""
        n_frames = self._n_frames + decibels.shape[1]
        while n_frames > self._held.shape[1] * self.n_frames_each:
            if self._held.shape[1] < self._most:
                self._grow()
            else:
                self._halve()
        places = np.arange(self._n_frames, n_frames) // self.n_frames_each
        columns, firsts = np.unique(places, return_index=True)
        loudest = np.maximum.reduceat(decibels, firsts, axis=1)
        self._held[:, columns] = np.maximum(self._held[:, columns], loudest)
        self._n_frames = n_frames

    def _empty(self, n_columns: int) -> FloatArray:
        return np.full((self._n_bands, n_columns), self._floor_db)

    def _grow(self) -> None:
        n_more = min(self._held.shape[1], self._most - self._held.shape[1])
        self._held = np.concatenate([self._held, self._empty(n_more)], axis=1)

    def _halve(self) -> None:
        n_left = self._held.shape[1] // 2
        self._held[:, :n_left] = np.maximum(self._held[:, ::2], self._held[:, 1::2])
        self._held[:, n_left:] = self._floor_db
        self.n_frames_each *= 2
