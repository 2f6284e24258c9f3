"""The interface of all decoders, whichever library they use."""

from __future__ import annotations

from typing import Protocol

from birdsong.arrays import FloatArray

MAX_CHANNELS = 64
"""Microphone arrays have up to this many; a damaged header that claims more would cost memory."""

RATES_HZ = range(100, 10_000_001)
"""No bird sings below 50 Hz, and resampling a megabyte at 1 Hz would take days; the fastest bat
recorders take a million samples a second."""


class Decoder(Protocol):
    """A recording as a stream of sample frames at its own rate.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
        Of the frames that `read` returned last; before the first read, of the first frames.
    declared_s, present_s, bits, is_float
        As in `AudioInfo`.
    is_estimate : bool
        Whether `declared_s` is an estimate, because the format declares no length.
    missing_s : float
        Seconds missing so far from joined parts that are shorter than they declare.
    warnings : tuple of str
        About the content of the file and how it is read.
    """

    sample_rate_hz: int
    n_channels: int
    declared_s: float | None
    is_estimate: bool
    present_s: float | None
    bits: int | None
    is_float: bool
    missing_s: float
    warnings: tuple[str, ...]

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames, all of one rate and one number of channels.

        Returns
        -------
        float32, shape (n, n_channels), n at most n_frames
            No frames at the end. Fewer than `n_frames` where the rate or the channels change.

        Raises
        ------
        AudioError
            If the stream is damaged here.
        """

    def close(self) -> None:
        """Close the file."""
