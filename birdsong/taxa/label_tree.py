"""The label tree: the probability of every taxon, and the path of the most probable label.

The path leads from Aves to the most probable label. Every rule chooses its answer on this path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import DEPTH, RANKS
from birdsong.taxa.taxonomy import Taxonomy

Probabilities = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

_BATCH = 256  # recordings whose probabilities of all taxa are in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The path of the most probable label of each of many recordings.

    Columns are the ranks, ``class`` to ``species``. A path that has no taxon at a rank, or ends
    above it, has node -1 and probability 0 there.

    Attributes
    ----------
    nodes : int, shape (n, 5)
        Index of each taxon in ``Taxonomy.nodes``.
    probabilities : float64, shape (n, 5)
        Probability of each taxon; never falls towards the class.
    bird : float64, shape (n,)
        Probability that there is a bird.
    allowed : float64, shape (n,)
        Probability that it is of an allowed label, given that there is a bird; 1 where all are
        allowed.
    """

    nodes: Indices
    probabilities: Probabilities
    bird: Probabilities
    allowed: Probabilities

    def __len__(self) -> int:
        """Count the recordings."""
        return len(self.nodes)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | Indices) -> Paths:
        """Return the paths of some of the recordings."""
        return Paths(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


class LabelTree:
    """A taxonomy with the labels of a model.

    Parameters
    ----------
    taxonomy : Taxonomy
    labels : sequence of Label
        Distinct taxa of the tree, without the background. A label may be under another one, which
        then means the rest of its taxon.
    temperatures : mapping of str to float, optional
        Softmax temperature of each rank, applied to the labels' probabilities before they are
        summed for the taxa of that rank; 1 for other ranks.
    allowed_mask : bool, shape (n_labels,), optional
        The labels that may be the answer; all by default. The probabilities of the others are
        dropped from every taxon above them, not redistributed.

    Raises
    ------
    TaxonomyError
        If there is no label, two are on one taxon, or one is not in the tree.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        labels: Sequence[Label],
        *,
        temperatures: Mapping[str, float] | None = None,
        allowed_mask: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        if not labels:
            raise TaxonomyError("expected at least one label, got none")
        self.taxonomy = taxonomy
        self.labels = tuple(labels)
        self.label_nodes: Indices = np.array([taxonomy.index(label.taxon) for label in labels])
        if len(set(self.label_nodes.tolist())) < len(labels):
            raise TaxonomyError("expected distinct labels, got two on one taxon")
        self.allowed_mask = np.ones(len(labels), bool) if allowed_mask is None else allowed_mask
        self._temperatures = dict(temperatures or {})
        self._ranks = np.array([DEPTH[taxon.rank] for taxon in taxonomy.nodes])
        # Among equally probable labels, the first in the tree is used, whatever their order.
        self._in_tree_order: Indices = np.argsort(self.label_nodes)
        self.label_paths: Indices = np.full((len(labels), len(RANKS)), -1)
        node = self.label_nodes.copy()
        while (node >= 0).any():
            there = np.flatnonzero(node >= 0)
            self.label_paths[there, self._ranks[node[there]]] = node[there]
            node[there] = taxonomy.parents[node[there]]

    def checked(self, probabilities: npt.ArrayLike) -> Probabilities:
        """Check probabilities, and scale them to sum to 1.

        Parameters
        ----------
        probabilities : float, shape (..., n_labels), 0 or greater, sum 1

        Raises
        ------
        TaxonomyError
            If they are not as above.
        """
        values = np.asarray(probabilities, dtype=np.float64)
        if values.shape[-1:] != (len(self.labels),):
            raise TaxonomyError(
                f"expected one probability per label, got {len(self.labels)} labels and "
                f"probabilities of shape {values.shape}"
            )
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise TaxonomyError("probabilities must be finite and 0 or greater")
        sums = self._sum(values)
        if (abs(sums - 1) > 1e-3).any():
            worst = sums.flat[int(abs(sums - 1).argmax())]
            raise TaxonomyError(f"probabilities must sum to 1 within 0.001, got {worst:.6g}")
        scaled: Probabilities = values / sums
        return scaled

    def label_probabilities(self, probabilities: Probabilities) -> Probabilities:
        """Probability of each label, at its own rank's temperature; 0 where it is not allowed.

        Parameters
        ----------
        probabilities : float64, shape (..., n_labels)
            Given that there is a bird.

        Returns
        -------
        float64, shape (..., n_labels)
        """
        ranks = self._ranks[self.label_nodes]
        calibrated = np.zeros_like(probabilities)
        for rank in np.unique(ranks):
            tempered = self._tempered(probabilities, RANKS[rank])
            calibrated[..., ranks == rank] = tempered[..., ranks == rank]
        return calibrated

    def node_probabilities(self, probabilities: Probabilities) -> Probabilities:
        """Probability of every taxon of the tree.

        Each rank has its own temperature; a taxon that would be less probable than one under it is
        raised to the same probability.

        Parameters
        ----------
        probabilities : float64, shape (..., n_labels)
            Given that there is a bird.

        Returns
        -------
        float64, shape (..., n_nodes)
            Never falls towards the root, which has 1.
        """
        of_nodes = np.zeros((*probabilities.shape[:-1], len(self.taxonomy.nodes)))
        summed: dict[float, Probabilities] = {}
        for depth in np.unique(self._ranks)[1:]:
            temperature = self._temperatures.get(RANKS[depth], 1.0)
            if temperature not in summed:
                tempered = self._tempered(probabilities, RANKS[depth])
                summed[temperature] = self.taxonomy.aggregate(self.label_nodes, tempered)
            own = self._ranks == depth
            of_nodes[..., own] = summed[temperature][..., own]
        # Rounding may raise a sum above 1, and a taxon above the one that contains it.
        of_nodes = np.minimum(of_nodes, 1.0)
        of_nodes[..., 0] = 1.0
        for depth in np.unique(self._ranks)[:0:-1]:
            level = np.flatnonzero(self._ranks == depth)
            parents, firsts = np.unique(self.taxonomy.parents[level], return_index=True)
            highest = np.maximum.reduceat(of_nodes[..., level], firsts, axis=-1)
            of_nodes[..., parents] = np.maximum(of_nodes[..., parents], highest)
        return of_nodes

    def paths(self, probabilities: Probabilities, bird: Probabilities) -> Paths:
        """Find the path of the most probable allowed label of each recording.

        Parameters
        ----------
        probabilities : float64, shape (n, n_labels)
            Given that there is a bird; as from `checked`.
        bird : float64, shape (n,)

        Returns
        -------
        Paths
        """
        batches = [
            self._paths(probabilities[i : i + _BATCH], bird[i : i + _BATCH])
            for i in range(0, max(len(bird), 1), _BATCH)
        ]
        return Paths(
            **{
                field.name: np.concatenate([getattr(batch, field.name) for batch in batches])
                for field in fields(Paths)
            }
        )

    def best_labels(self, label_probabilities: Probabilities) -> Indices:
        """The most probable label of each recording: among equal ones the first in the tree."""
        in_order = np.where(
            self.allowed_mask[self._in_tree_order],
            label_probabilities[..., self._in_tree_order],
            -1.0,
        )
        best: Indices = self._in_tree_order[in_order.argmax(axis=-1)]
        return best

    def right(self, paths: Paths, y_true: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Return which taxa of each path are right.

        Parameters
        ----------
        paths : Paths
        y_true : int, shape (n,)
            The label of each recording.

        Returns
        -------
        bool, shape (n, 5)
        """
        right: npt.NDArray[np.bool_] = paths.nodes == self.label_paths[y_true]
        return right & (paths.nodes >= 0)

    def information(self) -> Probabilities:
        """Information of each taxon, as a share of that of a single label.

        ``log2(n / n_v) / log2(n)``, where ``n`` counts the labels and ``n_v`` those at or under
        the taxon ``v``.

        Returns
        -------
        float64, shape (n_nodes,)
            0 for Aves, 1 for a taxon with one label, 0 for one with none.
        """
        counts = self.taxonomy.aggregate(self.label_nodes, self.allowed_mask.astype(np.float64))
        bits = np.log2(counts[0] / np.maximum(counts, 1.0))
        shares: Probabilities = np.where(counts > 0, bits, 0.0) / max(np.log2(counts[0]), 1e-12)
        return shares

    def _tempered(self, probabilities: Probabilities, rank: str) -> Probabilities:
        temperature = self._temperatures.get(rank, 1.0)
        if temperature != 1.0:
            with np.errstate(divide="ignore"):
                logarithms = np.log(probabilities) / temperature
            powers = np.exp(logarithms - logarithms.max(axis=-1, keepdims=True))
            probabilities = powers / self._sum(powers)
        return np.where(self.allowed_mask, probabilities, 0.0)

    def _paths(self, probabilities: Probabilities, bird: Probabilities) -> Paths:
        own = self.label_probabilities(probabilities)
        nodes = self.label_paths[self.best_labels(own)]
        on_path = nodes >= 0
        every = self.node_probabilities(probabilities) * bird[:, np.newaxis]
        on_nodes = np.take_along_axis(every, np.maximum(nodes, 0), axis=1)
        lowest = RANKS[self._ranks[self.label_nodes].max()]
        allowed = self._sum(self._tempered(probabilities, lowest))
        return Paths(
            nodes=nodes,
            probabilities=np.where(on_path, on_nodes, 0.0),
            bird=bird,
            allowed=np.minimum(allowed[:, 0], 1.0),
        )

    def _sum(self, values: Probabilities) -> Probabilities:
        """Sum over the labels in tree order, so that the result does not depend on their order."""
        sums: Probabilities = values[..., self._in_tree_order].sum(axis=-1, keepdims=True)
        return sums
