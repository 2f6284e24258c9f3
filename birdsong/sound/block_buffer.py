"""A buffer of blocks of samples that may be discarded.

Blocks are copied into one array that is reused for the next recording: allocating it again would
cost more time than mixing and resampling its content.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from birdsong.arrays import FloatArray

_N_SAMPLES = 1_500_000  # a minute at 24 kHz, 6 MB
_MAX_FREE_ARRAYS = 2

_free_arrays: list[FloatArray] = []


class BlockBuffer:
    """A queue of blocks."""

    def __init__(self) -> None:
        self._array: FloatArray | None = None
        self._ends: list[int] = []
        self._overflow: list[FloatArray] = []

    def append(self, block: FloatArray) -> None:
        """Add a block, float32 (n,)."""
        if self._array is None:
            try:
                self._array = _free_arrays.pop()
            except IndexError:
                self._array = np.empty(_N_SAMPLES, np.float32)
        start = self._ends[-1] if self._ends else 0
        end = start + len(block)
        if self._overflow or end > len(self._array):
            self._overflow.append(block)
            return
        self._array[start:end] = block
        self._ends.append(end)

    def drain(self) -> Iterator[FloatArray]:
        """Yield all blocks in order, and empty the buffer."""
        if self._array is not None:
            for start, end in pairwise([0, *self._ends]):
                yield self._array[start:end].copy()
            if len(_free_arrays) < _MAX_FREE_ARRAYS:
                _free_arrays.append(self._array)
            self._array, self._ends = None, []
        yield from self._overflow
        self._overflow = []
