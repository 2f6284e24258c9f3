"""The answer selector: pooled probabilities to an answer, top labels and detections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from birdsong.answers.prediction import Detection, SegmentAnswer
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.pooling import PooledProbabilities
from birdsong.selective.promises import CLASS, NOTHING
from birdsong.selective.selection import Answer, RankedTaxon, choose_ranks, select

N_TOP = 10


class AnswerSelector:
    """Chooses answers by a bundle's labels, tree and calibration.

    Parameters
    ----------
    bundle : Bundle
    only : frozenset of str, optional
        Taxa of the labels that may be the answer; all by default. Thresholds are then fitted to the
        calibration recordings of these labels, and the probabilities of other labels are dropped,
        not redistributed.

    Raises
    ------
    TaxonomyError
        If the list is empty, or holds a taxon that is none of the bundle's labels.
    """

    def __init__(self, bundle: Bundle, only: frozenset[str] | None = None) -> None:
        allowed_mask = None if only is None else bundle.allowed_mask(only)
        self.tree = bundle.label_tree(allowed_mask)
        self._thresholds = bundle.promises(allowed_mask)

    def answer(self, pooled: PooledProbabilities, promise: float) -> Answer:
        """Choose the most specific taxon that keeps the promise."""
        return select(
            self.tree,
            pooled.labels,
            bird_probability=pooled.bird,
            promise=promise,
            promises=self._thresholds,
        )

    def top(self, pooled: PooledProbabilities) -> tuple[RankedTaxon, ...]:
        """The ten most probable labels that may be the answer."""
        probabilities = self.tree.label_probabilities(pooled.labels)
        allowed = np.flatnonzero(self.tree.allowed_mask)
        best = allowed[np.argsort(-probabilities[allowed], kind="stable")[:N_TOP]]
        labels = [self.tree.labels[i] for i in best]
        return tuple(
            RankedTaxon(label.rank, label.taxon, label.english_name, float(probability))
            for label, probability in zip(labels, pooled.bird * probabilities[best], strict=True)
        )

    def segments(
        self, pooled: PooledProbabilities, starts_s: Sequence[float], ends_s: Sequence[float]
    ) -> tuple[SegmentAnswer, ...]:
        """The most probable label of each segment."""
        probabilities = self.tree.label_probabilities(pooled.segment_labels)
        best = self.tree.best_labels(probabilities)
        return tuple(
            SegmentAnswer(
                start_s,
                end_s,
                float(pooled.segment_bird[i]),
                self.tree.labels[label].taxon,
                float(probabilities[i, label]),
            )
            for i, (start_s, end_s, label) in enumerate(zip(starts_s, ends_s, best, strict=True))
        )

    def detections(
        self,
        pooled: PooledProbabilities,
        starts_s: Sequence[float],
        ends_s: Sequence[float],
        promise: float,
    ) -> tuple[Detection, ...]:
        """Join neighbouring segments whose answer is the same bird."""
        paths = self.tree.paths(pooled.segment_labels, pooled.segment_bird)
        chosen = choose_ranks(paths, promise, self._thresholds)
        rows = np.arange(len(chosen))
        nodes = np.where(chosen == NOTHING, -1, paths.nodes[rows, np.maximum(chosen, CLASS)])
        probabilities = paths.probabilities[rows, np.maximum(chosen, CLASS)]
        # A new run begins where the answer changes; runs without an answer are left out.
        firsts = np.flatnonzero(np.diff(nodes, prepend=-2))
        lasts = np.append(firsts[1:], len(nodes)) - 1
        detections = []
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            if nodes[first] < 0:
                continue
            taxon = self.tree.taxonomy.nodes[nodes[first]]
            detections.append(
                Detection(
                    starts_s[first],
                    ends_s[last],
                    taxon.rank,
                    taxon.name,
                    taxon.english_name or None,
                    float(probabilities[first : last + 1].mean()),
                )
            )
        return tuple(detections)
