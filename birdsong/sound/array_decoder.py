"""The decoder of samples that are in memory already."""

from __future__ import annotations

from birdsong.arrays import FloatArray
from birdsong.sound.waveform import Waveform


class ArrayDecoder:
    """Reads a `Waveform` block by block.

    Parameters
    ----------
    waveform : Waveform
    """

    is_estimate = False
    missing_s = 0.0
    warnings: tuple[str, ...] = ()

    def __init__(self, waveform: Waveform) -> None:
        self._waveform, self._at = waveform, 0
        self.sample_rate_hz, self.n_channels = waveform.sample_rate_hz, waveform.n_channels
        self.bits, self.is_float = waveform.bits, waveform.is_float
        length_s = len(waveform) / waveform.sample_rate_hz
        self.declared_s: float | None = length_s
        self.present_s: float | None = length_s

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames; none at the end."""
        frames = self._waveform.frames(self._at, self._at + n_frames)
        self._at += len(frames)
        return frames

    def close(self) -> None:
        """Do nothing: the samples belong to the caller."""
