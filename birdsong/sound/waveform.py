"""Samples in memory as a recording: the accepted types, and their conversion to ``float32``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from birdsong.arrays import FloatArray
from birdsong.errors import ConfigError
from birdsong.sound.decoder import MAX_CHANNELS

_SAMPLE_BYTES = 4
"""Of the widest integer type of samples; the range of wider integers is unknown."""


class Waveform:
    """Samples of a recording at their own rate.

    Pickles as its samples. They are not copied, so changing them changes the recording.

    Parameters
    ----------
    samples : float, shape (n,) or (n, n_channels), values in [-1, 1]; or integer
        Integers of up to 32 bits are scaled by their range, as in a file: ``int16`` by 32,768.
        The zero of unsigned integers is in the middle of their range.
    sample_rate_hz : int

    Raises
    ------
    TypeError
        If the samples are neither floating point nor integers.
    ConfigError
        If the samples have another shape, are integers of 64 bits, or the rate is not a whole
        number of at least 1.

    Examples
    --------
    >>> Waveform(np.array([0, 16_384], np.int16), 24_000).frames(0, 2).tolist()
    [[0.0], [0.5]]
    """

    def __init__(self, samples: npt.NDArray[Any], sample_rate_hz: int) -> None:
        dtype = samples.dtype
        if dtype.kind not in "fiu":
            raise TypeError(
                f"samples must be floating point in [-1, 1] or integers, got an array of {dtype}"
            )
        if dtype.kind in "iu" and dtype.itemsize > _SAMPLE_BYTES:
            raise ConfigError(
                f"samples of {dtype} have no range that recorders use: convert them to the type "
                "of their file, as in samples.astype('int16'), or to floating point in [-1, 1]"
            )
        if samples.ndim not in (1, 2):
            raise ConfigError(
                f"samples must have shape (n,) or (n, n_channels), got {samples.shape}"
            )
        if samples.ndim == 2 and not 0 < samples.shape[1] <= MAX_CHANNELS:
            raise ConfigError(
                f"samples of shape (n, n_channels) must have 1 to {MAX_CHANNELS} channels, got "
                f"shape {samples.shape}; transpose them if their channels come first"
            )
        is_whole = isinstance(sample_rate_hz, int | np.integer) or (
            isinstance(sample_rate_hz, float) and sample_rate_hz.is_integer()
        )
        if isinstance(sample_rate_hz, bool) or not is_whole or sample_rate_hz < 1:
            raise ConfigError(
                f"sample_rate_hz must be a whole number of at least 1, got {sample_rate_hz!r}"
            )
        self._samples = samples if samples.ndim == 2 else samples[:, np.newaxis]
        self.sample_rate_hz = int(sample_rate_hz)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self._samples.shape[1])

    @property
    def bits(self) -> int | None:
        """Bits of a sample; None for floating point."""
        return None if self.is_float else 8 * self._samples.dtype.itemsize

    @property
    def is_float(self) -> bool:
        """Whether samples are floating point, which may go over full scale."""
        return self._samples.dtype.kind == "f"

    def __len__(self) -> int:
        return len(self._samples)

    def frames(self, start: int, end: int) -> FloatArray:
        """Return some frames as ``float32`` of shape (n, n_channels), values mostly in [-1, 1]."""
        block = self._samples[start:end]
        if self.is_float:
            with np.errstate(over="ignore"):  # an overflow is an infinity, which is refused later
                return block.astype(np.float32)
        half_range = 2.0 ** (8 * block.dtype.itemsize - 1)
        values = block.astype(np.float64)
        if block.dtype.kind == "u":
            values -= half_range
        return (values / half_range).astype(np.float32)


AudioSource: TypeAlias = Path | bytes | Waveform
"""Everything that can be decoded: a file, the content of a file, or samples."""
