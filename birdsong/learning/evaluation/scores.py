"""How good a network is on recordings that it did not learn from.

A network is asked about the images of each recording, what it says is pooled as answers pool
segments, and the recording counts once, however many images it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import BoolArray, IntArray
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import Calibration
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import DEFAULT_POOLING, Probabilities, pool
from birdsong.images.tables import IndexRow
from birdsong.learning.data.dataset import Dataset
from birdsong.learning.evaluation.metrics.bootstrap import label_mean_interval, share_interval
from birdsong.learning.evaluation.metrics.classification import (
    Weights,
    average_precision_by_label,
    brier_score,
    macro_auroc,
    recall_by_label,
    top_k_accuracy,
)
from birdsong.learning.evaluation.metrics.hierarchical import (
    hierarchical_distance,
    label_distances,
    severity_of_mistakes,
)
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import DEPTH, RANKS
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ScoredRecordings:
    """Recordings, what they are, and what a network says of them.

    Attributes
    ----------
    labels : tuple of Label
        Columns of `y_prob`, without the background.
    taxonomy : Taxonomy
    recordings, sessions : tuple of str, length n
    y_true : int, shape (n,)
        The class index of each recording.
    y_prob : float64, shape (n, n_labels)
        Probability of each label, given that the recording holds a bird.
    bird : float64, shape (n,)
        Probability that the recording holds a bird.
    top_segments : tuple of IndexRow, length n
        The image of each recording that speaks most for its most probable label; empty where
        images are not to be shown.
    """

    labels: tuple[Label, ...]
    taxonomy: Taxonomy
    recordings: tuple[str, ...]
    sessions: tuple[str, ...]
    y_true: IntArray
    y_prob: Probabilities
    bird: Probabilities
    top_segments: tuple[IndexRow, ...]

    @property
    def y_pred(self) -> IntArray:
        """The most probable class index of each recording, shape (n,)."""
        best: IntArray = self.y_prob.argmax(axis=1)
        return best


def score(
    data: CalibrationData,
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    *,
    background: bool,
    calibration: Calibration | None = None,
    listed: BoolArray | None = None,
    rows: Sequence[IndexRow] = (),
) -> ScoredRecordings:
    """Pool what a network said of the segments of recordings.

    Parameters
    ----------
    data : CalibrationData
        From `hearing.hear`.
    labels : sequence of Label
        Without the background.
    taxonomy : Taxonomy
    background : bool
        Whether the last column of the logits is the background class.
    calibration : Calibration, optional
        Makes the probabilities honest.
    listed : bool, shape (n_labels,), optional
        Labels that answers are narrowed to; the others have the probability 0.
    rows : sequence of IndexRow
        The images that it was asked about, where they are to be shown.

    Returns
    -------
    ScoredRecordings
        In the order of `data`.
    """
    rule = calibration.pooling if calibration else DEFAULT_POOLING
    tree = LabelTree(
        taxonomy,
        labels,
        temperatures=calibration.temperatures if calibration else None,
        listed=listed,
    )
    y_prob, bird = [], []
    top_segments: list[IndexRow] = []
    for segments in data.segments:
        evidence = pool(
            data.logits[segments],
            background=background,
            signal_level_db=data.signal_level_db[segments],
            rule=rule,
        )
        y_prob.append(evidence.labels)
        bird.append(evidence.bird)
        best = tree.best_labels(evidence.labels)
        speaks = evidence.segment_bird * evidence.segment_labels[:, best]
        top_segments += rows[segments][int(speaks.argmax()) :][:1]
    return ScoredRecordings(
        labels=tuple(labels),
        taxonomy=taxonomy,
        recordings=data.recordings,
        sessions=data.sessions,
        y_true=data.y_true,
        y_prob=tree.label_probabilities(np.stack(y_prob)),
        bird=np.array(bird),
        top_segments=tuple(top_segments),
    )


def measure(scored: ScoredRecordings) -> dict[str, float]:
    """Score by recording, at the labels' rank and at those above it.

    Returns
    -------
    dict
        ``top1``, ``top5``, ``top20``, ``macro_recall``, ``mean_average_precision``, and
        ``top1_genus`` and so on for the ranks above the labels', where probabilities are summed per
        taxon. Among labels of several ranks ``top1_species`` is of the recordings whose label is a
        species, and so on.
    """
    measured = {share.name: share.of() for share in _top_shares(scored)}
    for name, by_label in _label_means(scored).items():
        measured[name] = float(np.nanmean(by_label(np.ones(len(scored.recordings)))))
    return {name: measured[name] for name in _in_order(measured)}


def measure_beyond_top(scored: ScoredRecordings) -> dict[str, float | None]:
    """How far off mistakes are on the tree, and how well probabilities rank and fit.

    Returns
    -------
    dict
        ``distance`` and ``distance_5``, mean ranks up to the taxon that holds both, of the most
        probable label and of the five most probable, and the truth; ``severity``, the same over
        the mistakes, None without one; ``macro_auroc``, None where one label is scored;
        ``brier_score``.
    """
    distances = label_distances(LabelTree(scored.taxonomy, scored.labels))
    true, prob = scored.y_true, scored.y_prob
    measured = {
        "distance": hierarchical_distance(true, prob, distances),
        "distance_5": hierarchical_distance(true, prob, distances, k=5),
        "severity": severity_of_mistakes(true, prob, distances),
        "macro_auroc": macro_auroc(true, prob),
        "brier_score": brier_score(true, prob),
    }
    return {name: None if np.isnan(value) else value for name, value in measured.items()}


def measure_logits(
    data: CalibrationData, known: Dataset | Bundle, calibration: Calibration | None = None
) -> dict[str, float]:
    """Score what a network said of recordings that it was held to.

    Parameters
    ----------
    data : CalibrationData
    known : Dataset or Bundle
        What has the labels and their tree.
    calibration : Calibration, optional
        Makes the probabilities honest, and pools as answers will.

    Returns
    -------
    dict
        The numbers of ``recordings`` and ``sessions``, and what `measure` says.
    """
    scored = score(
        data,
        known.bird_labels,
        known.taxonomy,
        background=known.has_background,
        calibration=calibration,
    )
    return {
        "recordings": len(data),
        "sessions": len(set(data.sessions)),
        **measure(scored),
    }


def measure_intervals(
    scored: ScoredRecordings, *, n_resamples: int = 500, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals of what `measure` says, over sessions; `bootstrap` tells how."""
    intervals = {
        share.name: share_interval(share.of, share.sessions, n_resamples=n_resamples, seed=seed)
        for share in _top_shares(scored)
    }
    for name, by_label in _label_means(scored).items():
        intervals[name] = label_mean_interval(
            by_label, scored.y_true, scored.sessions, n_resamples=n_resamples, seed=seed
        )
    return {name: intervals[name] for name in _in_order(intervals)}


def n_labels_of_one_session(scored: ScoredRecordings) -> int:
    """Count the labels whose recordings are of a single session."""
    pairs = set(zip(scored.y_true.tolist(), scored.sessions, strict=True))
    return list(Counter(label for label, _ in pairs).values()).count(1)


def about_one_session(scored: ScoredRecordings) -> str:
    """Say how intervals treat labels with one session; empty where there is none."""
    n = n_labels_of_one_session(scored)
    return (
        f" {n} {'label has' if n == 1 else 'labels have'} one session, which does not show how "
        "others would differ: macro recall and mean average precision have wider intervals for it."
        if n
        else ""
    )


@dataclass(frozen=True, slots=True)
class _TopShare:
    """The share of recordings whose class is among the `k` most probable, under a name."""

    name: str
    y_true: IntArray
    y_prob: Probabilities
    sessions: tuple[str, ...]
    k: int = 1

    def of(self, weights: Weights | None = None) -> float:
        return top_k_accuracy(self.y_true, self.y_prob, k=self.k, weights=weights)


def _top_shares(scored: ScoredRecordings) -> list[_TopShare]:
    """Shares of the labels, and at each rank above them of the recordings known to it."""
    shares = [
        _TopShare(f"top{k}", scored.y_true, scored.y_prob, scored.sessions, k) for k in (1, 5, 20)
    ]
    for rank, (y_true, y_prob) in _by_rank(scored).items():
        known = np.flatnonzero(y_true >= 0)
        sessions = tuple(scored.sessions[i] for i in known)
        shares.append(_TopShare(f"top1_{rank}", y_true[known], y_prob[known], sessions))
    return shares


def _label_means(scored: ScoredRecordings) -> dict[str, Callable[[Weights], Weights]]:
    """What is averaged over the labels that occur, as functions of how much recordings count."""
    true, prob = scored.y_true, scored.y_prob
    return {
        "macro_recall": lambda weights: recall_by_label(true, prob, weights=weights),
        "mean_average_precision": lambda weights: average_precision_by_label(
            true, prob, weights=weights
        ),
    }


def _in_order(names: Iterable[str]) -> list[str]:
    """The labels' own figures before those of the ranks above."""
    return sorted(names, key=lambda name: name.startswith("top1_"))


def _by_rank(scored: ScoredRecordings) -> dict[str, tuple[IntArray, Probabilities]]:
    """``(y_true, y_prob)`` at each rank above the lowest labels', probabilities summed per taxon.

    Where there are labels of several ranks, the lowest is one of them. What is known to a higher
    rank only, because its label stands there, has the class -1.
    """
    tree = scored.taxonomy
    ranks = sorted({label.rank for label in scored.labels}, key=DEPTH.__getitem__)
    node_prob = tree.aggregate(
        np.array([tree.index(label.taxon) for label in scored.labels]), scored.y_prob
    )
    by_rank = {}
    for rank in RANKS[1 : DEPTH[ranks[-1]] + (len(ranks) > 1)]:
        nodes = [i for i, taxon in enumerate(tree.nodes) if taxon.rank == rank]
        column = {tree.nodes[node].name: c for c, node in enumerate(nodes)}
        at_rank = [
            next((column[t.name] for t in tree.path(label.taxon) if t.rank == rank), -1)
            for label in scored.labels
        ]
        below = [
            c
            for c, label in zip(at_rank, scored.labels, strict=True)
            if DEPTH[label.rank] >= DEPTH[rank]
        ]
        y_true = np.array(at_rank)[scored.y_true]
        if -1 not in below and (y_true >= 0).any():  # else a label lacks a taxon at this rank
            by_rank[rank] = (y_true, node_prob[:, nodes])
    return by_rank
