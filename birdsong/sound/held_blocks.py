"""Blocks that are held back until it is known whether they may go on.

They are copied into one array that is used again for the next recording: memory that a process
gets anew costs more than the mixing and resampling of what lies in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from birdsong.arrays import FloatArray

_N_SAMPLES = 1_500_000  # a minute at 24 kHz, 6 MB
_N_KEPT = 2

_free: list[FloatArray] = []


class HeldBlocks:
    """A queue of samples."""

    def __init__(self) -> None:
        self._array: FloatArray | None = None
        self._ends: list[int] = []
        self._beyond: list[FloatArray] = []

    def hold(self, block: FloatArray) -> None:
        """Add a block, float32 (n,)."""
        if self._array is None:
            try:
                self._array = _free.pop()
            except IndexError:
                self._array = np.empty(_N_SAMPLES, np.float32)
        start = self._ends[-1] if self._ends else 0
        end = start + len(block)
        if self._beyond or end > len(self._array):
            self._beyond.append(block)
            return
        self._array[start:end] = block
        self._ends.append(end)

    def let_go(self) -> Iterator[FloatArray]:
        """Yield the blocks that are held, as they came, and hold nothing then."""
        if self._array is not None:
            for start, end in pairwise([0, *self._ends]):
                yield self._array[start:end].copy()
            if len(_free) < _N_KEPT:
                _free.append(self._array)
            self._array, self._ends = None, []
        yield from self._beyond
        self._beyond = []
