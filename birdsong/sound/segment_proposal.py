"""Segment proposal: segments around songs, either those worth an image or all of a recording.

A recording is processed in excerpts of half a minute or more, each compared with its own
background, so memory does not grow with its length. Training images hold whole songs, and short
ones in the middle, so the segments to classify are placed in the same way. A segment never crosses
the border of an excerpt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import BoolArray, FloatArray
from birdsong.errors import ConfigError
from birdsong.sound.activity import prominence
from birdsong.sound.segments import MIN_NEW_S, Segment, make_segment, step_frames
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db_blocks

EXCERPT_S = 30.0
"""Length of an excerpt; the last one is up to twice as long."""

_MAX_PAUSE_S = 0.3  # a shorter pause is part of a song


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalConfig:
    """What counts as song and as background.

    Attributes
    ----------
    song_level : float
        Frames with at least this prominence, in standard deviations, are song. If a recording has
        none, the segment around its most prominent frame is kept.
    quiet_level : float
        Segments in which no frame has a higher prominence are background.
    max_background : int
        Background segments kept per recording, spread over its length.
    """

    song_level: float = 6.0
    quiet_level: float = 4.5
    max_background: int = 4

    def __post_init__(self) -> None:
        if not 0 <= self.quiet_level <= self.song_level:
            raise ConfigError(
                f"quiet_level must be in 0..song_level, {self.song_level:g}, got "
                f"{self.quiet_level:g}"
            )
        if self.max_background < 0:
            raise ConfigError(f"max_background must be at least 0, got {self.max_background}")


def find_segments(
    blocks: Iterable[FloatArray],
    config: SpectrogramConfig,
    filters: FloatArray,
    proposal: ProposalConfig,
    *,
    step_s: float,
) -> Iterator[tuple[Segment, str]]:
    """Find the segments that are worth an image.

    Parameters
    ----------
    blocks : iterable of float32, shape (n_samples,)
        Consecutive mono blocks at ``config.sample_rate_hz``.
    config : SpectrogramConfig
    filters : float32, shape (n_mels, n_fft // 2 + 1)
    proposal : ProposalConfig
    step_s : float
        Maximum seconds between the starts of two segments of a long song.

    Yields
    ------
    Segment
    kind : {"bird", "background"}
        Birds in order of time, then background. None for a silent recording.

    Raises
    ------
    ConfigError
        If the step is shorter than a frame's hop or longer than a segment.
    """
    segment_frames, n_step = config.n_frames, step_frames(config, step_s)
    most_prominent = _Candidate(0, np.empty((config.n_mels, 0), np.float32))
    highest_level = -math.inf
    any_song = False
    backgrounds = _EvenSample(proposal.max_background)
    for first, decibels in _excerpts(blocks, config, filters):
        level = prominence(decibels, config)
        for start in _song_starts(level, config, proposal, n_step):
            any_song = True
            yield (
                make_segment(decibels[:, start : start + segment_frames], first + start, config),
                "bird",
            )
        if not any_song and level.max() > highest_level:
            highest_level = float(level.max())
            start = _centred_start(int(level.argmax()), segment_frames, len(level))
            most_prominent = _Candidate(
                first + start, decibels[:, start : start + segment_frames].copy()
            )
        quiet = np.isfinite(level) & (level <= proposal.quiet_level)
        for start in _quiet_starts(quiet, segment_frames):
            backgrounds.add(first + start, decibels[:, start : start + segment_frames])
    if not any_song and highest_level > -math.inf:
        yield make_segment(most_prominent.decibels, most_prominent.first_frame, config), "bird"
        backgrounds.drop_overlapping(most_prominent.first_frame, segment_frames)
    for place in backgrounds.select():
        yield make_segment(place.decibels, place.first_frame, config), "background"


def cover_segments(
    blocks: Iterable[FloatArray],
    config: SpectrogramConfig,
    filters: FloatArray,
    proposal: ProposalConfig,
    *,
    step_s: float,
) -> Iterator[Segment]:
    """Cut all of a recording into segments: around its songs, and side by side between them.

    Segments that would add less than 0.3 s are left out.

    Parameters
    ----------
    blocks, config, filters, rules, step_s
        As in `find_segments`, whose segments with song are among these; same errors.

    Yields
    ------
    Segment
        In order of time; at least one for any recording, even a silent one.
    """
    segment_frames, n_step = config.n_frames, step_frames(config, step_s)
    min_new = round(MIN_NEW_S * config.frames_per_s)
    for first, decibels in _excerpts(blocks, config, filters):
        song_starts = _song_starts(prominence(decibels, config), config, proposal, n_step)
        gaps = _gap_starts(song_starts, decibels.shape[1], segment_frames, min_new)
        for start in sorted({*song_starts, *gaps}):
            yield make_segment(decibels[:, start : start + segment_frames], first + start, config)


def place_segments(
    is_song: BoolArray, segment_frames: int, n_step: int, *, max_pause: int = 0
) -> list[int]:
    """Cover songs with segments of one length.

    Songs that fit into one segment together are centred in it; a longer song gets segments at even
    distances of at most `n_step`.

    Parameters
    ----------
    is_song : bool, shape (n_frames,)
    segment_frames, n_step : int
        Frames in a segment, and between the starts of two in a long song.
    max_pause : int
        Pauses of up to this many frames are part of a song.

    Returns
    -------
    list of int
        First frames, ascending, at least 0; at most ``n_frames - segment_frames`` if there are
        enough frames.
    """
    groups: list[tuple[int, int]] = []  # first and end frame of each group of songs
    for first, end in _find_runs(is_song, max_pause):
        if groups and end - groups[-1][0] <= segment_frames:
            groups[-1] = (groups[-1][0], end)
        else:
            groups.append((first, end))
    last_start = max(0, len(is_song) - segment_frames)
    starts: set[int] = set()
    for first, end in groups:
        excess = end - first - segment_frames
        n_more = max(0, -(-excess // n_step))
        group_starts = (
            [first + i * excess // n_more for i in range(n_more + 1)]
            if n_more
            else [first + excess // 2]
        )
        starts.update(min(max(start, 0), last_start) for start in group_starts)
    return sorted(starts)


def _song_starts(
    level: FloatArray, config: SpectrogramConfig, proposal: ProposalConfig, n_step: int
) -> list[int]:
    """First frames of the segments around songs, from the prominence of the frames."""
    max_pause = round(_MAX_PAUSE_S * config.frames_per_s)
    return place_segments(
        level >= proposal.song_level, config.n_frames, n_step, max_pause=max_pause
    )


def _gap_starts(
    song_starts: list[int], n_frames: int, segment_frames: int, min_new: int
) -> Iterator[int]:
    """Starts of segments that fill the gaps between songs; one start if there is no song."""
    covered = 0
    for start in [*song_starts, n_frames]:
        last = start - min_new if song_starts else max(0, start - min_new)
        for place in range(covered, last + 1, segment_frames):
            yield min(place, max(0, n_frames - segment_frames))
        covered = start + segment_frames


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A candidate for a background segment: first frame, and levels (n_mels, n_columns)."""

    first_frame: int
    decibels: FloatArray


class _EvenSample:
    """An evenly spread sample of candidates; stores at most twice as many as wanted."""

    def __init__(self, n_wanted: int) -> None:
        self._n_wanted = n_wanted
        self._held: list[_Candidate] = []
        self._stride = 1
        self._n_candidates = 0

    def add(self, first_frame: int, decibels: FloatArray) -> None:
        """Store every candidate, or only every second, fourth, ... once there are many."""
        if self._n_candidates % self._stride == 0:
            self._held.append(_Candidate(first_frame, decibels.copy()))
        self._n_candidates += 1
        if len(self._held) > 2 * self._n_wanted:
            self._held = self._held[::2]
            self._stride *= 2

    def drop_overlapping(self, first_frame: int, segment_frames: int) -> None:
        """Drop candidates that overlap with a segment."""
        self._held = [p for p in self._held if abs(p.first_frame - first_frame) >= segment_frames]

    def select(self) -> list[_Candidate]:
        """Return as many candidates as wanted, or all if there are fewer."""
        n_chosen = min(self._n_wanted, len(self._held))
        return [self._held[i * len(self._held) // n_chosen] for i in range(n_chosen)]


def _excerpts(
    blocks: Iterable[FloatArray], config: SpectrogramConfig, filters: FloatArray
) -> Iterator[tuple[int, FloatArray]]:
    """Yield the first frame of each excerpt and its levels, shape (n_mels, n_columns)."""
    n_excerpt = round(EXCERPT_S * config.frames_per_s)
    first = n_held = 0
    held: list[FloatArray] = []
    for frames in mel_power_db_blocks(blocks, config, filters):
        held.append(frames.T)
        n_held += frames.shape[1]
        if n_held < 2 * n_excerpt:
            continue
        joined = np.concatenate(held)
        while n_held >= 2 * n_excerpt:
            yield first, joined[:n_excerpt].T
            joined = joined[n_excerpt:]
            first += n_excerpt
            n_held -= n_excerpt
        held = [joined]
    if n_held:
        yield first, np.concatenate(held).T


def _centred_start(frame: int, segment_frames: int, n_frames: int) -> int:
    return min(max(frame - segment_frames // 2, 0), max(0, n_frames - segment_frames))


def _quiet_starts(quiet: BoolArray, segment_frames: int) -> Iterator[int]:
    """Starts of adjacent segments in which every frame is quiet."""
    for first, end in _find_runs(quiet, 0):
        yield from range(first, end - segment_frames + 1, segment_frames)


def _find_runs(frames: BoolArray, max_pause: int) -> list[tuple[int, int]]:
    """First and end of each run of true frames; runs up to `max_pause` apart are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= max_pause:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((first, end))
    return runs
