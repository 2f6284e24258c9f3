"""The segments of a recording, placed where the song is: those worth an image, or all there are.

A recording is looked at in excerpts of half a minute or more, each compared with its own
background, so that memory does not grow with its length. A network learns songs that lie within a
segment and in its middle, where they are short; so it is asked about such segments. An excerpt's
segments lie within it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import BoolArray, FloatArray
from birdsong.errors import ConfigError
from birdsong.sound.activity import prominence
from birdsong.sound.segments import SHORTEST_NEW_S, Segment, segment_of, step_frames
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db_blocks

EXCERPT_S = 30.0
"""An excerpt is as long as this, the last one up to twice as long."""

_JOINED_S = 0.3  # a shorter pause is part of a song


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRules:
    """What counts as song, and how it is cut.

    Attributes
    ----------
    song_level : float
        Frames that stand out by at least so many standard deviations sing. Where none of a
        recording does, the segment around the most prominent one is kept.
    quiet_level : float
        Segments without any frame that stands out by more are background.
    max_background : int
        Background segments that are kept of one recording, spread over its length.
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
    rules: ProposalRules,
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
    rules : ProposalRules
    step_s : float
        Seconds between the starts of two segments of one long song, at most.

    Yields
    ------
    Segment
    kind : {"bird", "background"}
        Birds in order of time, then the background. Nothing of a silent recording.

    Raises
    ------
    ConfigError
        If the step is shorter than a frame's hop or longer than a segment.
    """
    n_segment, n_step = config.n_frames, step_frames(config, step_s)
    most_prominent = _Place(0, np.empty((config.n_mels, 0), np.float32))
    highest_level = -math.inf
    any_song = False
    backgrounds = _Spread(rules.max_background)
    for first, decibels in _excerpts(blocks, config, filters):
        level = prominence(decibels, config)
        for start in _song_starts(level, config, rules, n_step):
            any_song = True
            yield segment_of(decibels[:, start : start + n_segment], first + start, config), "bird"
        if not any_song and level.max() > highest_level:
            highest_level = float(level.max())
            start = _around(int(level.argmax()), n_segment, len(level))
            most_prominent = _Place(first + start, decibels[:, start : start + n_segment].copy())
        quiet = np.isfinite(level) & (level <= rules.quiet_level)
        for start in _quiet_places(quiet, n_segment):
            backgrounds.add(first + start, decibels[:, start : start + n_segment])
    if not any_song and highest_level > -math.inf:
        yield segment_of(most_prominent.decibels, most_prominent.first_frame, config), "bird"
        backgrounds.leave_out(most_prominent.first_frame, n_segment)
    for place in backgrounds.chosen():
        yield segment_of(place.decibels, place.first_frame, config), "background"


def cover_segments(
    blocks: Iterable[FloatArray],
    config: SpectrogramConfig,
    filters: FloatArray,
    rules: ProposalRules,
    *,
    step_s: float,
) -> Iterator[Segment]:
    """Cut all of a recording into segments: around its songs, and what lies between side by side.

    What would show less than 0.3 s that no other one does is left out.

    Parameters
    ----------
    blocks, config, filters, rules, step_s
        As in `find_segments`, whose segments with song are among these; errors are the same.

    Yields
    ------
    Segment
        In order of time, and of any recording at least one, silent ones included.
    """
    n_segment, n_step = config.n_frames, step_frames(config, step_s)
    n_least = round(SHORTEST_NEW_S * config.frames_per_s)
    for first, decibels in _excerpts(blocks, config, filters):
        song_starts = _song_starts(prominence(decibels, config), config, rules, n_step)
        between = _between(song_starts, decibels.shape[1], n_segment, n_least)
        for start in sorted({*song_starts, *between}):
            yield segment_of(decibels[:, start : start + n_segment], first + start, config)


def place_segments(
    singing: BoolArray, n_segment: int, n_step: int, *, n_joined: int = 0
) -> list[int]:
    """Cover what sings with segments of one length.

    Songs that fit into a segment together share one, in its middle; a longer song gets segments
    at even distances, `n_step` at most.

    Parameters
    ----------
    singing : bool, shape (n_frames,)
    n_segment, n_step : int
        Frames in a segment, and between the starts of two in a long song.
    n_joined : int
        Pauses of up to so many frames are part of a song.

    Returns
    -------
    list of int
        First frames, ascending, each at least 0 and, where there are frames enough, at most
        ``n_frames - n_segment``.
    """
    shared: list[tuple[int, int]] = []  # from the first frame to the end of what is covered as one
    for first, end in _runs(singing, n_joined):
        if shared and end - shared[-1][0] <= n_segment:
            shared[-1] = (shared[-1][0], end)
        else:
            shared.append((first, end))
    last_start = max(0, len(singing) - n_segment)
    starts: set[int] = set()
    for first, end in shared:
        beyond = end - first - n_segment
        n_more = max(0, -(-beyond // n_step))
        places = (
            [first + i * beyond // n_more for i in range(n_more + 1)]
            if n_more
            else [first + beyond // 2]
        )
        starts.update(min(max(place, 0), last_start) for place in places)
    return sorted(starts)


def _song_starts(
    level: FloatArray, config: SpectrogramConfig, rules: ProposalRules, n_step: int
) -> list[int]:
    """First frames of the segments in which an excerpt sings, from how far its frames stand out."""
    n_joined = round(_JOINED_S * config.frames_per_s)
    return place_segments(level >= rules.song_level, config.n_frames, n_step, n_joined=n_joined)


def _between(song_starts: list[int], n_frames: int, n_segment: int, n_least: int) -> Iterator[int]:
    """Starts of segments that show what those of the songs do not; one where there is no song."""
    shown = 0
    for start in [*song_starts, n_frames]:
        last = start - n_least if song_starts else max(0, start - n_least)
        for place in range(shown, last + 1, n_segment):
            yield min(place, max(0, n_frames - n_segment))
        shown = start + n_segment


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a segment may be cut later: its first frame; its levels, shape (n_mels, n_columns)."""

    first_frame: int
    decibels: FloatArray


class _Spread:
    """A few of many places, spread evenly; holds no more than about twice as many as asked for."""

    def __init__(self, n_wanted: int) -> None:
        self._n_wanted = n_wanted
        self._held: list[_Place] = []
        self._every = 1
        self._n_seen = 0

    def add(self, first_frame: int, decibels: FloatArray) -> None:
        """Hold one place of as many as keeps the held ones few."""
        if self._n_seen % self._every == 0:
            self._held.append(_Place(first_frame, decibels.copy()))
        self._n_seen += 1
        if len(self._held) > 2 * self._n_wanted:
            self._held = self._held[::2]
            self._every *= 2

    def leave_out(self, first_frame: int, n_segment: int) -> None:
        """Drop what overlaps with a segment."""
        self._held = [p for p in self._held if abs(p.first_frame - first_frame) >= n_segment]

    def chosen(self) -> list[_Place]:
        """Return as many as are wanted, or all there are."""
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


def _around(frame: int, n_segment: int, n_frames: int) -> int:
    return min(max(frame - n_segment // 2, 0), max(0, n_frames - n_segment))


def _quiet_places(quiet: BoolArray, n_segment: int) -> Iterator[int]:
    """Starts of segments, side by side, in which every frame is quiet."""
    for first, end in _runs(quiet, 0):
        yield from range(first, end - n_segment + 1, n_segment)


def _runs(frames: BoolArray, n_joined: int) -> list[tuple[int, int]]:
    """First and end of each run of true frames; runs up to `n_joined` apart are one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames, [False]]).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] <= n_joined:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((first, end))
    return runs
