"""Several recordings in one file, heard as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from birdsong.arrays import FloatArray
from birdsong.errors import AudioError
from birdsong.sound.decoder import MOST_CHANNELS, Decoder
from birdsong.sound.soundfile_decoder import OPENING_FAILS, cause


class JoinedDecoder:
    """Several recordings in one file, one behind the other.

    Parameters
    ----------
    openers : sequence of callable
        Open one decoder each, in their order. One that cannot be opened is passed over, and noted.

    Raises
    ------
    AudioError
        If the first one cannot be opened.
    """

    def __init__(self, openers: Sequence[Callable[[], Decoder]]) -> None:
        self._openers = list(openers)
        self._decoder = first = self._openers.pop(0)()
        self.sample_rate_hz, self.n_channels = first.sample_rate_hz, first.n_channels
        self.is_estimate, self.bits, self.is_float = False, first.bits, first.is_float
        self.declared_s: float | None = None
        self.present_s: float | None = None
        self.notes: tuple[str, ...] = (
            f"{len(openers)} recordings were joined in this file: they are heard as one",
            *first.notes,
        )
        self._n_parts, self._number = len(openers), 1

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames of one part."""
        while True:
            self.sample_rate_hz = self._decoder.sample_rate_hz
            self.n_channels = self._decoder.n_channels
            try:
                frames = self._decoder.read(n_frames)
            except AudioError as error:
                if self._n_parts == 1:
                    raise
                self._note(f"cannot be decoded to its end ({error})")
                frames = None
            if frames is not None and len(frames):
                self.sample_rate_hz = self._decoder.sample_rate_hz
                self.n_channels = self._decoder.n_channels
                return frames
            if not self._open_next():
                empty: FloatArray = self._decoder.read(0) if frames is None else frames
                return empty

    def _open_next(self) -> bool:
        while self._openers:
            opener = self._openers.pop(0)
            self._number += 1
            try:
                decoder = opener()
            except (OSError, ValueError, *OPENING_FAILS) as error:
                self._note(f"cannot be read ({cause(error)})")
                continue
            if not 0 < decoder.n_channels <= MOST_CHANNELS or decoder.sample_rate_hz < 1:
                decoder.close()
                self._note("has a damaged header")
                continue
            self._decoder.close()
            self._decoder = decoder
            return True
        return False

    def _note(self, what: str) -> None:
        self.notes += (f"part {self._number} of {self._n_parts} {what}",)

    def close(self) -> None:
        """Let go of the file."""
        self._decoder.close()
