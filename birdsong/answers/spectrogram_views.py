"""Spectrograms for display: an overview of a whole recording, and the image of one segment.

The overview is for display only and is not an input of the network. Its grey levels have the same
scale as the images of segments, but are relative to the background of the whole recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from birdsong.answers.segment_logits import segments_of
from birdsong.arrays import FloatArray, ImageArray
from birdsong.bundle.bundle import Bundle
from birdsong.errors import AudioError, ConfigError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.grey_levels import above_background_db, grey_image
from birdsong.sound.segments import MIN_DURATION_S
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db_blocks

_INITIAL_COLUMNS = 2048  # memory for more is taken as they come


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewSpectrogram:
    """Spectrogram of a whole recording.

    Attributes
    ----------
    image : uint8, shape (n_mels, n_columns)
        Row 0 is the highest mel band; column ``c`` shows the loudest frame of the `column_s`
        seconds from ``c * column_s`` on.
    duration_s : float
        Length of the recording; the last column may reach past it.
    column_s : float
        Seconds per column.
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
) -> OverviewSpectrogram:
    """Draw a recording of any length, in memory that does not depend on it.

    Parameters
    ----------
    source : Path or bytes
    bundle : Bundle
        Says how its images are made.
    name : str, optional
        Name of the recording in error messages; the file's name by default.
    max_columns : int
        2 or more. A longer recording gets at most this many columns and at least half as many.

    Returns
    -------
    OverviewSpectrogram

    Raises
    ------
    AudioError
        If the recording cannot be read or lasts less than 0.3 s.
    ConfigError
        If `max_columns` is less than 2.
    """
    config = bundle.spectrogram
    columns = _LoudestColumns(max_columns, config)
    with AudioReader(source, config.sample_rate_hz, name=name) as reader:
        for frames in mel_power_db_blocks(reader.blocks(), config, bundle.filters):
            columns.add(frames)
        if reader.duration_s < MIN_DURATION_S:
            raise AudioError(
                f"{reader.name}: lasts {reader.duration_s:.2f} s, at least {MIN_DURATION_S:g} s "
                "are needed"
            )
        duration_s = reader.duration_s
    return OverviewSpectrogram(
        image=grey_image(above_background_db(columns.loudest_db, config), config),
        duration_s=duration_s,
        column_s=columns.n_frames_each / config.frames_per_s,
        band_edges_hz=band_edges_hz(config),
    )


def crop(
    spectrogram: OverviewSpectrogram, start_s: float, end_s: float, *, max_columns: int
) -> ImageArray:
    """Crop an overview in time, to at most as many columns as a screen can show.

    Parameters
    ----------
    spectrogram : OverviewSpectrogram
    start_s, end_s : float
        Times outside the recording are left out.
    max_columns : int
        1 or more.

    Returns
    -------
    uint8, shape (n_mels, n_columns), with 1 to `max_columns` columns
        Each the loudest of as many columns of the overview; the last may be of fewer.
    """
    n_columns = spectrogram.image.shape[1]
    first = min(max(0, math.floor(start_s / spectrogram.column_s)), n_columns - 1)
    end = max(first + 1, min(n_columns, math.ceil(end_s / spectrogram.column_s)))
    n_each = math.ceil((end - first) / max_columns)
    loudest: ImageArray = np.maximum.reduceat(
        spectrogram.image[:, first:end], np.arange(0, end - first, n_each), axis=1
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
    """Make the image of one segment, exactly as the network's input.

    The recording is read from its start, as the classifier does, so every byte is the same.

    Parameters
    ----------
    source : Path or bytes
    bundle : Bundle
    start_s : float
        Start of the segment, as in a prediction.
    overlap_s : float, optional
        As in the `ClassifyConfig` of the prediction.
    name : str, optional
        Name of the recording in error messages; the file's name by default.

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
    """Frequencies of the edges between the mel bands of an image, as in `mel_filters.mel_filters`.

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


class _LoudestColumns:
    """Frames of a stream of unknown length, reduced to the loudest of each few.

    When all columns are full, each two neighbours become one, which covers twice as many frames.
    """

    def __init__(self, max_columns: int, config: SpectrogramConfig) -> None:
        if max_columns < 2:
            raise ConfigError(f"max_columns must be at least 2, got {max_columns!r}")
        self.n_frames_each = 1
        self._n_bands, self._floor_db = config.n_mels, np.float32(config.floor_db)
        # An even number, so that halving leaves none alone.
        self._max_columns = max_columns - max_columns % 2
        self._columns = self._empty(min(self._max_columns, _INITIAL_COLUMNS))
        self._n_frames = 0

    @property
    def loudest_db(self) -> FloatArray:
        """The columns that frames have come to, shape (n_mels, n_columns)."""
        return self._columns[:, : -(-self._n_frames // self.n_frames_each)]

    def add(self, decibels: FloatArray) -> None:
        """Take the next frames, shape (n_mels, n_frames)."""
        n_frames = self._n_frames + decibels.shape[1]
        while n_frames > self._columns.shape[1] * self.n_frames_each:
            if self._columns.shape[1] < self._max_columns:
                self._grow()
            else:
                self._halve()
        column_of = np.arange(self._n_frames, n_frames) // self.n_frames_each
        columns, firsts = np.unique(column_of, return_index=True)
        loudest = np.maximum.reduceat(decibels, firsts, axis=1)
        self._columns[:, columns] = np.maximum(self._columns[:, columns], loudest)
        self._n_frames = n_frames

    def _empty(self, n_columns: int) -> FloatArray:
        return np.full((self._n_bands, n_columns), self._floor_db)

    def _grow(self) -> None:
        n_more = min(self._columns.shape[1], self._max_columns - self._columns.shape[1])
        self._columns = np.concatenate([self._columns, self._empty(n_more)], axis=1)

    def _halve(self) -> None:
        n_left = self._columns.shape[1] // 2
        self._columns[:, :n_left] = np.maximum(self._columns[:, ::2], self._columns[:, 1::2])
        self._columns[:, n_left:] = self._floor_db
        self.n_frames_each *= 2
