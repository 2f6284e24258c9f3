"""Segments with their images, and segments on a regular grid.

`segment_proposal` places segments around songs, `grid_segments` on a regular grid. Both make them
with `make_segment`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.errors import ConfigError
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.grey_levels import above_background_db, grey_image, nonsilent_frames
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db_blocks

MIN_NEW_S = 0.3
"""A segment is made only if at least this much of it is in no earlier segment."""

MIN_DURATION_S = 0.3
"""Shorter recordings are skipped."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A window of a recording and its image.

    Attributes
    ----------
    start_s : float
        Where it starts in the recording.
    image : uint8, shape (n_mels, n_frames)
        Row 0 is the highest mel band.
    silent : bool
        Whether its level is never above the floor of an image.
    """

    start_s: float
    image: ImageArray
    silent: bool


def grid_segments(
    blocks: Iterable[FloatArray],
    config: SpectrogramConfig,
    filters: FloatArray,
    *,
    step_s: float,
) -> Iterator[Segment]:
    """Cut a stream of samples into segments on a regular grid.

    The first segment starts at 0 and each next one ``step_s`` later, as long as it adds at least
    0.3 s. A segment that reaches past the end is padded with its own background. Only one block and
    one segment are in memory.

    Parameters
    ----------
    blocks : iterable of float32, shape (n_samples,)
        Consecutive mono blocks at ``config.sample_rate_hz``.
    config : SpectrogramConfig
    filters : float32, shape (n_mels, n_fft // 2 + 1)
        From `mel_filters.mel_filters`.
    step_s : float
        Seconds from one start to the next, rounded to a whole number of frames.

    Yields
    ------
    Segment
        In order of time; none if there is less than one frame of audio.

    Raises
    ------
    ConfigError
        If the step is shorter than a frame's hop or longer than a segment.
    """
    n_columns = config.n_frames
    step = step_frames(config, step_s)
    buffered = np.empty((config.n_mels, 0), np.float32)
    first = 0  # first frame of `buffered`, where the next segment starts
    for frames in mel_power_db_blocks(blocks, config, filters):
        buffered = np.concatenate([buffered, frames], axis=1)
        while buffered.shape[1] >= n_columns:
            yield make_segment(buffered[:, :n_columns], first, config)
            buffered = buffered[:, step:]
            first += step
    n_shown = (
        n_columns - step if first > 0 else 0
    )  # frames of `buffered` that the last segment showed
    n_new = buffered.shape[1] - n_shown
    if buffered.shape[1] > 0 and (first == 0 or n_new >= MIN_NEW_S * config.frames_per_s):
        yield make_segment(buffered, first, config)


def recording_warnings(
    reader: AudioReader, config: SpectrogramConfig, *, is_silent: bool = False
) -> list[str]:
    """Warnings about a recording that was read to its end.

    Parameters
    ----------
    reader : AudioReader
        Read to its end.
    config : SpectrogramConfig
    is_silent : bool
        Whether the level of no segment is above the floor of an image.

    Returns
    -------
    list of str
        Those of `AudioReader.warnings`, and one for a recording shorter than a segment.
    """
    warnings = reader.warnings(highest_hz=config.f_max_hz)
    if is_silent and not reader.is_quiet:
        warnings.append(f"holds nothing between {config.f_min_hz:g} and {config.f_max_hz:g} Hz")
    if reader.duration_s < config.segment_s:
        warnings.append(f"shorter than one segment ({config.segment_s:g} s): padded")
    return warnings


def step_frames(config: SpectrogramConfig, step_s: float) -> int:
    """Round a step in seconds to a whole number of frames.

    Raises
    ------
    ConfigError
        If that is less than one frame or more than a segment.
    """
    step = round(step_s * config.frames_per_s) if math.isfinite(step_s) else 0
    if not 1 <= step <= config.n_frames:
        raise ConfigError(
            f"a step must be between one frame, {1 / config.frames_per_s:.3f} s, and one segment, "
            f"{config.segment_s:g} s, got {step_s:g} s"
        )
    return step


def make_segment(decibels: FloatArray, first_frame: int, config: SpectrogramConfig) -> Segment:
    """Make a segment with its image.

    Parameters
    ----------
    decibels : float32, shape (n_mels, n_columns) with n_columns at most ``config.n_frames``
        Its frames, from `spectrogram.mel_power_db`.
    first_frame : int
        Index of its first frame in the recording.
    config : SpectrogramConfig

    Returns
    -------
    Segment
    """
    excess_db = above_background_db(decibels, config, n_columns=config.n_frames)
    return Segment(
        start_s=first_frame / config.frames_per_s,
        image=grey_image(excess_db, config),
        silent=not nonsilent_frames(decibels, config).any(),
    )
