"""Labels on the levels of their tree: each by itself, then by genus, by family, until all are one.

A label above the lowest rank that is learned stands for birds that have no label of their own: it
is a leaf beside the labels under its taxon, and each leaf counts once in every group that holds it.
The background is a leaf beside all birds. Where a taxon is known at a rank but not at the one
above, the group there holds that taxon and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.arrays import IntArray
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import BACKGROUND, Label
from birdsong.taxa.lineage import DEPTH, RANKS
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class LabelLevels:
    """Which labels fall in one group at each height of the tree.

    Attributes
    ----------
    ranks : tuple of str, length n_levels
        Of the groups, from the lowest rank of a label to ``class``; ``""`` for the level above,
        which is there with a background and holds it beside the birds.
    groups : int64, shape (n_levels, n_labels)
        ``groups[h, i]`` is the group at height ``h`` of label ``i``, from 0. At height 0 each label
        is a group, its own number; at the last one all are in group 0.
    """

    ranks: tuple[str, ...]
    groups: IntArray

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of the groups at each height."""
        return tuple(int(row.max()) + 1 for row in self.groups)

    @property
    def ranks_above(self) -> dict[str, int]:
        """Height of each rank between the labels and the class: ``{"genus": 1, ...}``."""
        return {
            rank: height
            for height, rank in enumerate(self.ranks)
            if height and rank not in ("", RANKS[0])
        }

    @property
    def first_columns(self) -> dict[int, int]:
        """Column of the first group at each height that can be taught: labels, genera, ..., orders.

        Targets have a column for each label, or one for each group at these heights, height by
        height; an image that shows a bird of a group, nobody knows which, has its 1 there.
        """
        heights = [0, *self.ranks_above.values()]
        ends = np.cumsum([self.sizes[height] for height in heights]).tolist()
        return dict(zip(heights, [0, *ends[:-1]], strict=True))

    @property
    def n_columns(self) -> int:
        """Groups at all heights that can be taught."""
        return sum(self.sizes[height] for height in self.first_columns)

    def group_sizes(self) -> list[IntArray]:
        """Labels of each group, height by height; int64, shape (n_groups,)."""
        return [np.bincount(row).astype(np.int64) for row in self.groups]

    def parents(self, height: int) -> IntArray:
        """Group one height further up of each group; int64, shape (n_groups,)."""
        parents = np.zeros(self.sizes[height], np.int64)
        parents[self.groups[height]] = self.groups[height + 1]
        return parents

    def distances(self) -> npt.NDArray[np.float64]:
        """Height of the lowest group that holds two labels, as a share of the greatest height.

        Returns
        -------
        float64, shape (n_labels, n_labels), values in [0, 1]
            0 for a label and itself, 1 for a bird and the background.
        """
        apart = self.groups[:, :, np.newaxis] != self.groups[:, np.newaxis, :]
        heights = apart.sum(axis=0)
        shares: npt.NDArray[np.float64] = heights / max(int(heights.max()), 1)
        return shares


def label_levels(labels: Sequence[Label], taxonomy: Taxonomy) -> LabelLevels:
    """Find the groups of labels at each height.

    Parameters
    ----------
    labels : sequence of Label
        Distinct; `BACKGROUND` may be among them.
    taxonomy : Taxonomy
        Holds the taxa of the others.

    Returns
    -------
    LabelLevels

    Raises
    ------
    TaxonomyError
        If no label is a bird's, two are on one taxon, or one is not in the tree.
    """
    birds = [i for i, label in enumerate(labels) if label != BACKGROUND]
    tree = LabelTree(taxonomy, [labels[i] for i in birds])
    lowest = max(DEPTH[labels[i].rank] for i in birds)
    # A label by itself is numbered past all nodes, so that it is none of the taxa above it.
    itself = len(taxonomy.nodes) + np.arange(len(labels))
    rows, ranks = [itself], [RANKS[lowest]]
    for depth in reversed(range(lowest)):
        nodes = tree.label_paths[:, depth]
        row = rows[-1].copy()
        row[birds] = np.where(nodes >= 0, nodes, row[birds])
        rows.append(row)
        ranks.append(RANKS[depth])
    if len(birds) < len(labels):
        rows.append(np.zeros_like(itself))
        ranks.append("")
    groups = [np.unique(row, return_inverse=True)[1] for row in rows]
    return LabelLevels(tuple(ranks), np.array(groups, np.int64).reshape(len(rows), len(labels)))
