"""The classify config: the promise, the allowed species, and the placement of segments."""

from __future__ import annotations

import math
from dataclasses import dataclass

from birdsong.errors import ConfigError
from birdsong.sound.spectrogram import SpectrogramConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyConfig:
    """How sure an answer must be, which taxa are allowed, and how segments are placed.

    Attributes
    ----------
    promise : float in (0, 1]
        Share of the answers at a rank, each rank by itself, that must be right.
    only : frozenset of str, optional
        Taxa of the bundle's labels that may be the answer: those that occur at a place. All by
        default.
    overlap_s : float or None
        Seconds that neighbouring segments share on a regular grid; None places them around songs.
    answer_up_to_s : float
        Longer recordings get detections only: more than one bird may sing in them.
    """

    promise: float = 0.9
    only: frozenset[str] | None = None
    overlap_s: float | None = None
    answer_up_to_s: float = 120.0

    def __post_init__(self) -> None:
        if not 0 < self.promise <= 1:
            raise ConfigError(f"promise must be above 0 and at most 1, got {self.promise!r}")
        if self.overlap_s is not None and not 0 <= self.overlap_s < math.inf:
            raise ConfigError(f"overlap_s must be finite and at least 0, got {self.overlap_s!r}")
        if not self.answer_up_to_s >= 0:
            raise ConfigError(f"answer_up_to_s must be at least 0, got {self.answer_up_to_s!r}")


def check_overlap(
    overlap_s: float | None, spectrogram: SpectrogramConfig, *, name: str = "overlap_s"
) -> None:
    """Check that neighbouring segments can overlap by so many seconds.

    Parameters
    ----------
    overlap_s : float or None
        As in `ClassifyConfig`.
    spectrogram : SpectrogramConfig
        Of the bundle; it sets the length of a segment.
    name : str
        Name of the setting in the error message.

    Raises
    ------
    ConfigError
        If it is negative, or not at least half a frame less than a segment.
    """
    if overlap_s is None:
        return
    segment_s, frame_s = spectrogram.segment_s, 1 / spectrogram.frames_per_s
    if not (0 <= overlap_s < segment_s and round((segment_s - overlap_s) / frame_s) >= 1):
        raise ConfigError(
            f"{name} must be at least 0 and less than a segment, {segment_s:g} s (at most "
            f"{segment_s - frame_s:g} s), got {overlap_s:g}"
        )
