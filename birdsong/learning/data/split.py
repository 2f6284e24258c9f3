"""Images with what each of them teaches: one side of a split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdsong.arrays import IntArray
from birdsong.images.tables import IndexRow


@dataclass(frozen=True, slots=True)
class Split:
    """The images of one side of the split and the class index of each."""

    rows: tuple[IndexRow, ...]
    label_indices: IntArray

    @property
    def recordings(self) -> tuple[str, ...]:
        """The recordings, each once, in the order of their first image."""
        return tuple(dict.fromkeys(row.recording for row in self.rows))

    @property
    def sessions(self) -> frozenset[str]:
        """The sessions of these recordings."""
        return frozenset(row.session for row in self.rows)

    def joined(self, other: Split) -> Split:
        """These images and then the other part's."""
        indices = np.concatenate([self.label_indices, other.label_indices])
        return Split((*self.rows, *other.rows), indices)


NOTHING = Split((), np.zeros(0, np.int64))
