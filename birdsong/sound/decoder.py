"""What every decoder hands out, whatever library is at work in it."""

from __future__ import annotations

from typing import Protocol

from birdsong.arrays import FloatArray

MOST_CHANNELS = 64
"""Arrays of microphones have as many; headers that claim more would claim memory."""

RATES_HZ = range(100, 10_000_001)
"""Nothing that sings is below 50 Hz, and a megabyte at 1 Hz would be days to resample; the fastest
recorders of bats take a million samples a second."""


class Decoder(Protocol):
    """A recording as a stream of sample frames at its own rate.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
        Of the frames that `read` returned last; before, of those that come first.
    declared_s : float or None
        Length that the header declares; None where it declares none.
    is_estimate : bool
        Whether `declared_s` is a guess instead, because the format declares none.
    present_s : float or None
        Length of the sound that the bytes hold; None where nobody knows before it is decoded.
    bits : int or None
        Of a sample, where samples are integers; None for floating point and lossy formats.
    is_float : bool
        Whether samples are stored as floating point, which may go over full scale.
    missing_s : float
        Seconds of joined parts that ended before what they declare, so far.
    notes : tuple of str
        What a person should know about how the file is read.
    """

    sample_rate_hz: int
    n_channels: int
    declared_s: float | None
    is_estimate: bool
    present_s: float | None
    bits: int | None
    is_float: bool
    missing_s: float
    notes: tuple[str, ...]

    def read(self, n_frames: int) -> FloatArray:
        """Return the next frames, all of one rate and one number of channels.

        Returns
        -------
        float32, shape (n, n_channels), n at most n_frames
            None at the end. Where the rate or the channels change, fewer than asked for.

        Raises
        ------
        AudioError
            If the stream is damaged here.
        """

    def close(self) -> None:
        """Let go of the file."""
