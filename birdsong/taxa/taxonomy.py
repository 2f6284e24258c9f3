"""The tree of taxa: class Aves > order > family > genus > species.

Its nodes are `Taxon` objects, and it is built from many `Lineage` objects. Case does not count in
names, and underscores count as spaces: ``turdus_merula`` finds *Turdus merula*. Contradictions in
the input are errors.
"""

import difflib
import itertools
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.lineage import DEPTH, RANKS, ROOT, Lineage, Taxon, taxon_key, tidy
from birdsong.taxa.taxonomy_merge import duplicate_name_error, merge_lineages


class Taxonomy:
    """A tree of taxa below Aves, built by `from_lineages` or `from_rows`.

    Attributes
    ----------
    nodes : tuple of Taxon
        Aves first, then rank by rank, so that a parent precedes its children. Siblings are
        adjacent, sorted by name.
    parents : int, shape (n_nodes,), read-only
        Index of each node's parent; -1 for Aves.
    n_leaves : int, shape (n_nodes,), read-only
        Number of taxa without children at or below each node.
    information : float64, shape (n_nodes,), read-only
        Information content of each node in bits: ``log2(n_leaves[0] / n_leaves[v])``. It is 0 for
        Aves, and the same for a family of one genus and that genus.

    Parameters
    ----------
    parent_of : mapping of Taxon to Taxon
        Parent of each taxon except Aves.

    Raises
    ------
    TaxonomyError
        If a parent has the same or a lower rank, or two taxa share a name.
    """

    def __init__(self, parent_of: Mapping[Taxon, Taxon]) -> None:
        for taxon, parent in parent_of.items():
            if DEPTH[parent.rank] >= DEPTH[taxon.rank]:
                raise TaxonomyError(
                    f"the {taxon.rank} {taxon.name!r} cannot be below the {parent.rank} "
                    f"{parent.name!r}; ranks run {' > '.join(RANKS)}"
                )
        position = {ROOT: 0}
        starts = []
        for rank in RANKS[1:]:
            level = [taxon for taxon in parent_of if taxon.rank == rank]
            level.sort(key=lambda taxon: (position[parent_of[taxon]], taxon.name))
            starts.append(len(position))
            for taxon in level:
                position[taxon] = len(position)
        self.nodes: tuple[Taxon, ...] = tuple(position)
        self.parents = np.array(
            [-1, *(position[parent_of[taxon]] for taxon in self.nodes[1:])], dtype=np.intp
        )

        # For each rank, the lowest first: its nodes, their distinct parents, and the first child of
        # each parent.
        self._levels: list[tuple[slice, npt.NDArray[np.intp], npt.NDArray[np.intp]]] = []
        for start, stop in itertools.pairwise([*starts, len(position)]):
            if start < stop:
                groups = np.unique(self.parents[start:stop], return_index=True)
                self._levels.insert(0, (slice(start, stop), *groups))

        is_leaf = np.ones(len(self.nodes))
        is_leaf[self.parents[1:]] = 0
        leaves = self._add_subtree_sums(is_leaf)
        self.n_leaves = leaves.astype(np.intp)
        self.information = np.log2(leaves[0] / leaves)
        for array in (self.parents, self.n_leaves, self.information):
            array.setflags(write=False)

        self._index: dict[str, int] = {}
        self._children: list[list[int]] = [[] for _ in self.nodes]
        for index, taxon in enumerate(self.nodes):
            first = self.nodes[self._index.setdefault(taxon_key(taxon.name), index)]
            if first is not taxon:
                raise duplicate_name_error(first, taxon)
            if index:
                self._children[self.parents[index]].append(index)

    @classmethod
    def from_lineages(
        cls, lineages: Iterable[Lineage], places: Iterable[str] | None = None
    ) -> "Taxonomy":
        """Merge lineages into one tree.

        An empty rank is filled from other rows. If no row knows it, the parent is the taxon at the
        next higher rank. The first of several English names counts.

        Parameters
        ----------
        lineages : iterable of Lineage
        places : iterable of str, optional
            Source of each lineage, such as ``row 17``, for messages.

        Raises
        ------
        TaxonomyError
            If a taxon has two parents of one rank, or a name is used at two ranks.
        """
        return cls(merge_lineages(lineages, places))

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "Taxonomy":
        """Build a tree from the rows of `to_rows`, in any order.

        Raises
        ------
        TaxonomyError
            If a row is not a mapping of texts, has no name, has an unknown rank or parent, has a
            parent of the same or a lower rank (as in a cycle), or repeats a name; or if Aves is not
            the only root.
        """
        taxa: dict[str, Taxon] = {}
        parent_keys: dict[str, str] = {}
        for number, row in enumerate(rows, start=1):
            taxon, parent = _parse_row(row, f"row {number} of the taxonomy")
            key = taxon_key(taxon.name)
            if key in taxa:
                raise TaxonomyError(
                    f"row {number} of the taxonomy: {_quoted(taxon.name)} is a duplicate"
                )
            taxa[key], parent_keys[key] = taxon, parent
        root_key = taxon_key(ROOT.name)
        if root_key not in taxa or taxa[root_key].rank != ROOT.rank or parent_keys.pop(root_key):
            raise TaxonomyError(f"expected the class {ROOT.name!r} at the top, without a parent")
        taxa[root_key] = ROOT
        parent_of: dict[Taxon, Taxon] = {}
        for key, parent in parent_keys.items():
            if taxon_key(parent) not in taxa:
                raise TaxonomyError(
                    f"unknown parent {_quoted(parent)} of the {taxa[key].rank} "
                    f"{_quoted(taxa[key].name)}"
                )
            parent_of[taxa[key]] = taxa[taxon_key(parent)]
        return cls(parent_of)

    def to_rows(self) -> list[dict[str, str]]:
        """Convert the tree to rows of ``rank, name, english_name, parent`` for JSON."""
        return [
            {
                "rank": taxon.rank,
                "name": taxon.name,
                "english_name": taxon.english_name,
                "parent": self.nodes[parent].name if parent >= 0 else "",
            }
            for taxon, parent in zip(self.nodes, self.parents, strict=True)
        ]

    def index(self, name: str) -> int:
        """Index in `nodes` of the taxon called `name`.

        Raises
        ------
        TaxonomyError
            If there is none; the message suggests similar names.
        """
        key = taxon_key(name)
        if key not in self._index:
            similar = difflib.get_close_matches(key, self._index, n=3)
            hint = ", ".join(self.nodes[self._index[each]].name for each in similar)
            raise TaxonomyError(
                f"no taxon {_quoted(name)} among the {len(self.nodes)} of the taxonomy"
                + (f"; nearest: {hint}" if hint else "")
            )
        return self._index[key]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and taxon_key(name) in self._index

    def taxon(self, name: str) -> Taxon:
        """The taxon called `name`, with its rank and its English name."""
        return self.nodes[self.index(name)]

    def path(self, name: str) -> tuple[Taxon, ...]:
        """The taxa from Aves down to `name`, inclusive."""
        return tuple(self.nodes[index] for index in self._path(self.index(name)))

    def children(self, name: str) -> tuple[Taxon, ...]:
        """The children of `name`, sorted by rank and name."""
        return tuple(self.nodes[index] for index in self._children[self.index(name)])

    def is_ancestor(self, ancestor: str, name: str) -> bool:
        """Whether `ancestor` is above `name`; a taxon is not its own ancestor."""
        return self.index(ancestor) in self._path(self.index(name))[:-1]

    def lowest_common_ancestor(self, names: Iterable[str]) -> Taxon:
        """The lowest taxon at or above all `names`.

        Raises
        ------
        TaxonomyError
            If there are no names, or a name is not in the tree.
        """
        paths = [self._path(self.index(name)) for name in names]
        if not paths:
            raise TaxonomyError("expected at least one name for a common ancestor, got none")
        shared = itertools.takewhile(lambda step: len(set(step)) == 1, zip(*paths, strict=False))
        lowest: int = max(step[0] for step in shared)
        return self.nodes[lowest]

    def leaves_under(self, name: str) -> tuple[Taxon, ...]:
        """The taxa without children at or below `name`, in the order of `nodes`."""
        leaves, pending = [], [self.index(name)]
        while pending:
            index = pending.pop()
            pending += self._children[index]
            if not self._children[index]:
                leaves.append(index)
        return tuple(self.nodes[index] for index in sorted(leaves))

    def aggregate(
        self,
        leaf_indices: Sequence[int] | npt.NDArray[np.integer[Any]],
        probabilities: npt.ArrayLike,
    ) -> npt.NDArray[np.float64]:
        """Probability of every node: the sum over the labels at or below it.

        The probability of a node is at least that of every node below it.

        Parameters
        ----------
        leaf_indices : int, shape (n_labels,), distinct
            Node of each label, see `index`; a label may be an inner node.
        probabilities : float, shape (..., n_labels), 0 or greater

        Returns
        -------
        float64, shape (..., n_nodes)

        Raises
        ------
        TaxonomyError
            If the shapes differ, or an index is repeated or out of range.
        """
        leaves = np.asarray(leaf_indices, dtype=np.intp)
        values = np.asarray(probabilities, dtype=np.float64)
        if leaves.ndim != 1 or values.shape[-1:] != leaves.shape:
            raise TaxonomyError(
                f"expected one probability per label, got indices of shape {leaves.shape} and "
                f"probabilities of shape {values.shape}"
            )
        if len(set(leaves.tolist())) < len(leaves):
            raise TaxonomyError("expected distinct labels, got two on one taxon")
        if len(leaves) and not 0 <= leaves.min() <= leaves.max() < len(self.nodes):
            raise TaxonomyError(f"expected label indices from 0 to {len(self.nodes) - 1}")
        totals = np.zeros((*values.shape[:-1], len(self.nodes)))
        totals[..., leaves] = values
        return self._add_subtree_sums(totals)

    def _add_subtree_sums(self, totals: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Add the values of the descendants to every node, in place."""
        for level, parents, groups in self._levels:
            totals[..., parents] += np.add.reduceat(totals[..., level], groups, axis=-1)
        return totals

    def _path(self, index: int) -> list[int]:
        path = [index]
        while path[-1]:
            path.append(int(self.parents[path[-1]]))
        return path[::-1]


def _parse_row(row: object, where: str) -> tuple[Taxon, str]:
    if not isinstance(row, Mapping):
        raise TaxonomyError(f"{where}: expected a mapping, got {_quoted(row)}")
    cells = {"english_name": "", **row}
    for column in ("rank", "name", "english_name", "parent"):
        if not isinstance(cells.get(column), str):
            raise TaxonomyError(
                f"{where}: {column!r} must be a text, got {_quoted(cells.get(column))}"
            )
    if cells["rank"] not in RANKS:
        raise TaxonomyError(
            f"{where}: 'rank' must be one of {', '.join(RANKS)}, got {_quoted(cells['rank'])}"
        )
    if not tidy(cells["name"]):
        raise TaxonomyError(f"{where}: 'name' must not be empty")
    return Taxon(cells["rank"], tidy(cells["name"]), cells["english_name"]), cells["parent"]


def _quoted(value: object) -> str:
    shortened = reprlib.Repr()
    shortened.maxstring = 60
    return shortened.repr(value)
