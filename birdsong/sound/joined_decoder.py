"""Several recordings that were joined in one file, read as one recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.decoder import MAX_CHANNELS, RATES_HZ, Decoder
from birdsong.sound.soundfile_decoder import OPEN_ERRORS, error_message

_MAX_FAILURES = 20
"""After this many unreadable parts, no further part is tried."""

_MAX_WARNINGS = 10
"""About single parts; further ones are only counted."""

_TOLERANCE_S = 0.25


class JoinedDecoder:
    """Reads the parts of a joined file one after the other.

    Parameters
    ----------
    openers : sequence of callable
        Each opens the decoder of one part. A part that cannot be opened is skipped with a warning.
    max_parts : int, optional
        Further parts are not read, and a warning says so.

    Raises
    ------
    ValueError
        If no part can be opened.
    """

    is_estimate = False
    declared_s: float | None = None
    present_s: float | None = None

    def __init__(
        self, openers: Sequence[Callable[[], Decoder]], *, max_parts: int = 1 << 31
    ) -> None:
        self._openers = iter(openers[:max_parts])
        self._n_parts, self._number, self._n_failures = len(openers), 0, 0
        self._n_warnings = 0
        self._decoded_s = 0.0
        self._decoder: Decoder | None = None
        self.missing_s = 0.0
        self.warnings: tuple[str, ...] = (
            f"{len(openers)} recordings were joined in this file: they are read as one"
            if len(openers) <= max_parts
            else f"more than {max_parts} recordings were joined in this file: only the first "
            f"{max_parts} are read; split the file to read the rest",
        )
        first = self._open_next()
        if first is None:
            raise ValueError(list(self.warnings)[1])
        self.sample_rate_hz, self.n_channels = first.sample_rate_hz, first.n_channels
        self.bits, self.is_float = first.bits, first.is_float

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames, all from one part."""
        while self._decoder is not None:
            try:
                frames = self._decoder.read(n_frames)
            except AudioError as error:
                self._warn_about_part(f"cannot be decoded to its end ({error})")
                frames = np.empty((0, 1), np.float32)
            if len(frames):
                self.sample_rate_hz = self._decoder.sample_rate_hz
                self.n_channels = self._decoder.n_channels
                self._decoded_s += len(frames) / self.sample_rate_hz
                return frames
            self._close_part(self._decoder)
            self._open_next()
        return np.empty((0, self.n_channels), np.float32)

    def close(self) -> None:
        """Close the file."""
        if self._decoder is not None:
            self._decoder.close()

    def _close_part(self, decoder: Decoder) -> None:
        """Close a part, and warn if it was shorter than declared."""
        expected_s = max(decoder.declared_s or 0.0, decoder.present_s or 0.0)
        missing_s = 0.0 if decoder.is_estimate else expected_s - self._decoded_s
        if missing_s > _TOLERANCE_S:
            self.missing_s += missing_s
            self._warn_about_part(f"ends early: {self._decoded_s:.1f} s of its {expected_s:.1f} s")
        decoder.close()
        self._decoder, self._decoded_s = None, 0.0

    def _open_next(self) -> Decoder | None:
        """Open the next readable part; None if none is left."""
        for opener in self._openers:
            self._number += 1
            try:
                decoder = opener()
            except (OSError, ValueError, *OPEN_ERRORS) as error:
                self._warn_about_part(f"cannot be read ({error_message(error)})")
            else:
                has_channels = 0 < decoder.n_channels <= MAX_CHANNELS
                if has_channels and decoder.sample_rate_hz in RATES_HZ:
                    self._decoder = decoder
                    for warning in decoder.warnings:
                        self._add_warning(warning)
                    return decoder
                decoder.close()
                self._warn_about_part("has a damaged header")
            self._n_failures += 1
            if self._n_failures == _MAX_FAILURES:
                self._warn_about_part("is the last that was tried, after too many unreadable ones")
                break
        return None

    def _warn_about_part(self, what: str) -> None:
        self._add_warning(f"part {self._number} of {self._n_parts} {what}")

    def _add_warning(self, warning: str) -> None:
        self._n_warnings += 1
        if self._n_warnings <= _MAX_WARNINGS:
            self.warnings += (warning,)
        else:
            summary = f"and {self._n_warnings - _MAX_WARNINGS} more such warnings about its parts"
            self.warnings = (*self.warnings[: 1 + _MAX_WARNINGS], summary)
