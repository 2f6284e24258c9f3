"""A split: images with their class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from birdsong.arrays import IntArray
from birdsong.images.tables import IndexRow


@dataclass(frozen=True, slots=True)
class Split:
    """Images and the class index of each, such as the training split.

    Attributes
    ----------
    rows : tuple of IndexRow, length n
    label_indices : int64, shape (n,)
    """

    rows: tuple[IndexRow, ...]
    label_indices: IntArray

    @property
    def recordings(self) -> tuple[str, ...]:
        """Distinct recordings, in the order of their first image."""
        return tuple(dict.fromkeys(row.recording for row in self.rows))

    @property
    def sessions(self) -> frozenset[str]:
        """Sessions of these recordings."""
        return frozenset(row.session for row in self.rows)

    @classmethod
    def concatenate(cls, splits: Sequence[Self]) -> Self:
        """Concatenate splits, in their order."""
        rows = tuple(row for split in splits for row in split.rows)
        return cls(rows, np.concatenate([split.label_indices for split in splits]))


EMPTY_SPLIT = Split((), np.zeros(0, np.int64))
