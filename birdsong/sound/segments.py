"""Segments and their images, and a recording walked through on a regular grid.

Segments are placed where something sings, see `segment_proposal`, or where one asks for it on the
grid. Both cut them with `segment_of`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.errors import ConfigError
from birdsong.sound.audio import AudioReader
from birdsong.sound.grey_levels import above_background_db, grey_image, live_frames
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db_blocks

SHORTEST_NEW_S = 0.3
"""A last segment is worth an image when it adds at least this much that no other one shows."""

MIN_DURATION_S = 0.3
"""Shorter recordings are not looked at."""


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
        Whether nothing in it is above the floor of an image.
    """

    start_s: float
    image: ImageArray
    silent: bool


def walk_segments(
    blocks: Iterable[FloatArray],
    config: SpectrogramConfig,
    filters: FloatArray,
    *,
    step_s: float,
) -> Iterator[Segment]:
    """Cut a stream of samples into segments on a regular grid.

    The first segment starts at 0, each next one ``step_s`` later, as long as it shows 0.3 s that
    the one before does not. A segment that reaches past the end is filled up with its own
    background. No more of the recording is held than a block and a segment.

    Parameters
    ----------
    blocks : iterable of float32, shape (n_samples,)
        Consecutive mono blocks at ``config.sample_rate_hz``.
    config : SpectrogramConfig
    filters : float32, shape (n_mels, n_fft // 2 + 1)
        From `spectrogram.mel_filters`.
    step_s : float
        Seconds from one start to the next, brought to a whole number of frames.

    Yields
    ------
    Segment
        In order of time; none where there is less than one frame of sound.

    Raises
    ------
    ConfigError
        If the step is shorter than a frame's hop or longer than a segment.
    """
    n_columns = config.n_frames
    step = step_frames(config, step_s)
    held = np.empty((config.n_mels, 0), np.float32)
    first = 0  # the frame that `held` begins with, where the next segment starts
    for frames in mel_power_db_blocks(blocks, config, filters):
        held = np.concatenate([held, frames], axis=1)
        while held.shape[1] >= n_columns:
            yield segment_of(held[:, :n_columns], first, config)
            held = held[:, step:]
            first += step
    shown = n_columns - step if first > 0 else 0  # frames of `held` that the last segment showed
    n_new = held.shape[1] - shown
    if held.shape[1] > 0 and (first == 0 or n_new >= SHORTEST_NEW_S * config.frames_per_s):
        yield segment_of(held, first, config)


def recording_warnings(
    reader: AudioReader, config: SpectrogramConfig, *, is_silent: bool = False
) -> list[str]:
    """What a person should know about a recording that was walked through to its end.

    Parameters
    ----------
    reader : AudioReader
        Read to its end.
    config : SpectrogramConfig
    is_silent : bool
        Whether no segment holds anything above the floor of an image.

    Returns
    -------
    list of str
        Those of `AudioReader.warnings`, and whether less than a segment was there.
    """
    warnings = reader.warnings(highest_hz=config.f_max_hz)
    if is_silent and not reader.is_quiet:
        warnings.append(f"holds nothing between {config.f_min_hz:g} and {config.f_max_hz:g} Hz")
    if reader.duration_s < config.segment_s:
        warnings.append(f"shorter than one segment ({config.segment_s:g} s): padded")
    return warnings


def step_frames(config: SpectrogramConfig, step_s: float) -> int:
    """Return the whole number of frames that is nearest to a step in seconds.

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


def segment_of(decibels: FloatArray, first_frame: int, config: SpectrogramConfig) -> Segment:
    """Cut a segment.

    Parameters
    ----------
    decibels : float32, shape (n_mels, n_columns) with n_columns at most ``config.n_frames``
        Its frames, from `spectrogram.mel_power_db`.
    first_frame : int
        The first of them, counted from the start of the recording.
    config : SpectrogramConfig

    Returns
    -------
    Segment
    """
    excess_db = above_background_db(decibels, config, n_columns=config.n_frames)
    return Segment(
        start_s=first_frame / config.frames_per_s,
        image=grey_image(excess_db, config),
        silent=not live_frames(decibels, config).any(),
    )
