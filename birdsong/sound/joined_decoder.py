"""Several recordings in one file, heard as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.decoder import MOST_CHANNELS, RATES_HZ, Decoder
from birdsong.sound.soundfile_decoder import OPENING_FAILS, cause

_MOST_FAILURES = 20
"""Parts that cannot be read; further ones are not tried."""

_MOST_NOTES = 10
"""Of single parts; further ones are counted."""

_TOLERANCE_S = 0.25


class JoinedDecoder:
    """Several recordings in one file, one behind the other.

    Parameters
    ----------
    openers : sequence of callable
        Open one decoder each, in their order. One that cannot be opened is passed over, and noted.
    most : int, optional
        Of the parts; if there are more, only so many are heard, and that is noted.

    Raises
    ------
    ValueError
        If none can be opened.
    """

    is_estimate = False
    declared_s: float | None = None
    present_s: float | None = None

    def __init__(self, openers: Sequence[Callable[[], Decoder]], *, most: int = 1 << 31) -> None:
        self._openers = iter(openers[:most])
        self._n_parts, self._number, self._n_failures = len(openers), 0, 0
        self._n_notes = 0
        self._heard_s = 0.0
        self._decoder: Decoder | None = None
        self.missing_s = 0.0
        self.notes: tuple[str, ...] = (
            f"{len(openers)} recordings were joined in this file: they are heard as one"
            if len(openers) <= most
            else f"more than {most} recordings were joined in this file: the first {most} are "
            "heard; split the file to hear the rest",
        )
        first = self._open_next()
        if first is None:
            raise ValueError(list(self.notes)[1])
        self.sample_rate_hz, self.n_channels = first.sample_rate_hz, first.n_channels
        self.bits, self.is_float = first.bits, first.is_float

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames of one part."""
        while self._decoder is not None:
            try:
                frames = self._decoder.read(n_frames)
            except AudioError as error:
                self._note(f"cannot be decoded to its end ({error})")
                frames = np.empty((0, 1), np.float32)
            if len(frames):
                self.sample_rate_hz = self._decoder.sample_rate_hz
                self.n_channels = self._decoder.n_channels
                self._heard_s += len(frames) / self.sample_rate_hz
                return frames
            self._end_part(self._decoder)
            self._open_next()
        return np.empty((0, self.n_channels), np.float32)

    def close(self) -> None:
        """Let go of the file."""
        if self._decoder is not None:
            self._decoder.close()

    def _end_part(self, decoder: Decoder) -> None:
        """Close a part, and note where it held less than it declares."""
        expected_s = max(decoder.declared_s or 0.0, decoder.present_s or 0.0)
        missing_s = 0.0 if decoder.is_estimate else expected_s - self._heard_s
        if missing_s > _TOLERANCE_S:
            self.missing_s += missing_s
            self._note(f"ends early: {self._heard_s:.1f} s of its {expected_s:.1f} s")
        decoder.close()
        self._decoder, self._heard_s = None, 0.0

    def _open_next(self) -> Decoder | None:
        """Open the next part that can be opened; None where there is none left."""
        for opener in self._openers:
            self._number += 1
            try:
                decoder = opener()
            except (OSError, ValueError, *OPENING_FAILS) as error:
                self._note(f"cannot be read ({cause(error)})")
            else:
                has_channels = 0 < decoder.n_channels <= MOST_CHANNELS
                if has_channels and decoder.sample_rate_hz in RATES_HZ:
                    self._decoder = decoder
                    for note in decoder.notes:
                        self._add(note)
                    return decoder
                decoder.close()
                self._note("has a damaged header")
            self._n_failures += 1
            if self._n_failures == _MOST_FAILURES:
                self._note("is the last that was tried")
                break
        return None

    def _note(self, what: str) -> None:
        self._add(f"part {self._number} of {self._n_parts} {what}")

    def _add(self, note: str) -> None:
        self._n_notes += 1
        if self._n_notes <= _MOST_NOTES:
            self.notes += (note,)
        else:
            of_more = f"and {self._n_notes - _MOST_NOTES} more such notes about its parts"
            self.notes = (*self.notes[: 1 + _MOST_NOTES], of_more)
