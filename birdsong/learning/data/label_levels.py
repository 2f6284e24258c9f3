"""Groups of labels at each level of their tree: single labels, genera, families, up to all.

A label above the lowest rank, such as a genus among species, stands for birds without a label of
their own: it is a leaf beside the labels under its taxon. The background is a leaf beside all
birds. If a taxon has no known taxon at the next rank, it is a group of its own there.
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
    """The group of each label at each height of the tree.

    Attributes
    ----------
    ranks : tuple of str, length n_levels
        Rank of the groups, from the lowest rank of a label to ``class``. With a background there
        is one more level, ``""``, which groups it with the birds.
    groups : int64, shape (n_levels, n_labels)
        ``groups[h, i]`` is the group of label ``i`` at height ``h``, from 0. At height 0 label
        ``i`` is group ``i``; at the last height all labels are in group 0.
    """

    ranks: tuple[str, ...]
    groups: IntArray

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of groups at each height."""
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
        """Target column of the first group at each height: labels, genera, families, orders.

        Targets have a column for each label, and with partial labels also one for each group at
        these heights, height by height. A bird that is identified only to its genus has its 1 in
        the column of the genus.
        """
        heights = [0, *self.ranks_above.values()]
        ends = np.cumsum([self.sizes[height] for height in heights]).tolist()
        return dict(zip(heights, [0, *ends[:-1]], strict=True))

    @property
    def n_columns(self) -> int:
        """Number of target columns: groups at all of these heights."""
        return sum(self.sizes[height] for height in self.first_columns)

    def group_sizes(self) -> list[IntArray]:
        """Number of labels in each group, height by height; int64, shape (n_groups,)."""
        return [np.bincount(row).astype(np.int64) for row in self.groups]

    def parents(self, height: int) -> IntArray:
        """Group at the next height that holds each group; int64, shape (n_groups,)."""
        parents = np.zeros(self.sizes[height], np.int64)
        parents[self.groups[height]] = self.groups[height + 1]
        return parents

    def distances(self) -> npt.NDArray[np.float64]:
        """Height of the lowest group that holds both of two labels, divided by the maximum height.

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
    """Group labels at each height of their tree.

    Parameters
    ----------
    labels : sequence of Label
        Distinct; `BACKGROUND` may be among them.
    taxonomy : Taxonomy
        Holds the taxa of all other labels.

    Returns
    -------
    LabelLevels

    Raises
    ------
    TaxonomyError
        If no label is a bird, two labels have the same taxon, or one is not in the tree.
    """
    birds = [i for i, label in enumerate(labels) if label != BACKGROUND]
    tree = LabelTree(taxonomy, [labels[i] for i in birds])
    lowest = max(DEPTH[labels[i].rank] for i in birds)
    # Single labels get numbers after those of all nodes, to differ from the taxa above them.
    single = len(taxonomy.nodes) + np.arange(len(labels))
    rows, ranks = [single], [RANKS[lowest]]
    for depth in reversed(range(lowest)):
        nodes = tree.label_paths[:, depth]
        row = rows[-1].copy()
        row[birds] = np.where(nodes >= 0, nodes, row[birds])
        rows.append(row)
        ranks.append(RANKS[depth])
    if len(birds) < len(labels):
        rows.append(np.zeros_like(single))
        ranks.append("")
    groups = [np.unique(row, return_inverse=True)[1] for row in rows]
    return LabelLevels(tuple(ranks), np.array(groups, np.int64).reshape(len(rows), len(labels)))
