"""How loud a recording is, and whether it was clipped."""

from __future__ import annotations

import math

import numpy as np

from birdsong.arrays import FloatArray

MAX_SAMPLE = 1000.0
"""60 dB over full scale: larger values are integers stored as floating point, or noise."""

CLIPPED_FROM = 0.999  # of full scale; decoders of lossy formats round and overshoot
_HIGHEST_OVERSHOOT = 2.0  # of a lossy format with a clipped source; more means a louder source
_WARN_CLIPPED_SHARE = 0.001
_WARN_PEAK_DBFS = -60.0


class LevelMeter:
    """Measures peak and clipping over all samples of a recording, block by block.

    Parameters
    ----------
    is_float : bool
        Whether samples are stored as floating point, which never counts as clipped.
    is_lossy : bool
        Whether the format is lossy: it keeps clipping from before the encoding, and overshoots.
    """

    def __init__(self, *, is_float: bool, is_lossy: bool) -> None:
        self._is_float, self._is_lossy = is_float, is_lossy
        self._peak = 0.0
        self._n_clipped = 0
        self.n_samples = 0

    @property
    def peak_dbfs(self) -> float:
        """The loudest sample so far, in decibels relative to full scale."""
        return 20 * math.log10(self._peak) if self._peak else -math.inf

    @property
    def is_quiet(self) -> bool:
        """Whether `warnings` reports the recording as silent or nearly silent."""
        return self.peak_dbfs < _WARN_PEAK_DBFS

    @property
    def clipped_share(self) -> float:
        """Share of the samples so far, of all channels, that reach full scale."""
        if self._is_float or (self._is_lossy and self._peak > _HIGHEST_OVERSHOOT):
            return 0.0
        return self._n_clipped / max(1, self.n_samples)

    def add(self, block: FloatArray) -> tuple[int, int] | None:
        """Measure a block, shape (n, n_channels), before it is mixed down.

        Returns
        -------
        (int, int) or None
            Frame and channel of the first sample that is not a number or is far over full scale.
        """
        peak = float(np.maximum(block.max(), -block.min()))  # a NaN anywhere makes it a NaN
        if not peak <= MAX_SAMPLE:
            frames, channels = np.nonzero(~(np.abs(block) <= MAX_SAMPLE))
            return int(frames[0]), int(channels[0])
        self._peak = max(self._peak, peak)
        self.n_samples += block.size
        if peak >= CLIPPED_FROM:
            self._n_clipped += int(np.count_nonzero(np.abs(block) >= CLIPPED_FROM))
        return None

    def warnings(self) -> list[str]:
        """Warnings about the level."""
        found = []
        if self.clipped_share >= _WARN_CLIPPED_SHARE:
            found.append(f"clipped: {self.clipped_share:.1%} of its samples are at full scale")
        if self.peak_dbfs == -math.inf:
            found.append("holds nothing but digital silence")
        elif self.is_quiet:
            found.append(f"nearly silent: its loudest sample is at {self.peak_dbfs:.0f} dBFS")
        return found
