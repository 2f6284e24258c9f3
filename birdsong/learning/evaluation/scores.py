"""Metrics of a network by recording.

The logits of the images of a recording are pooled as in inference, so that each recording counts
once, however many images it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from birdsong.arrays import BoolArray, IntArray
from birdsong.bundle.calibration import Calibration, pooling_of, temperatures_of
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import Probabilities, pool
from birdsong.images.tables import IndexRow
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
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import DEPTH, RANKS
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class ScoredRecordings:
    """Recordings with their true labels and predicted probabilities.

    Attributes
    ----------
    space : LabelSpace
        Its bird labels are the columns of `y_prob`.
    recordings, sessions : tuple of str, length n
    y_true : int, shape (n,)
        True class index of each recording.
    y_prob : float64, shape (n, n_labels)
        Probability of each label, given that the recording holds a bird.
    bird : float64, shape (n,)
        Probability that the recording holds a bird.
    top_segments : tuple of IndexRow, length n
        For each recording, the image with the highest probability of its most probable label;
        empty if `score` gets no images.
    """

    space: LabelSpace
    recordings: tuple[str, ...]
    sessions: tuple[str, ...]
    y_true: IntArray
    y_prob: Probabilities
    bird: Probabilities
    top_segments: tuple[IndexRow, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """Labels of the columns of `y_prob`, without the background."""
        return self.space.bird_labels

    @property
    def taxonomy(self) -> Taxonomy:
        """Taxonomy of the labels."""
        return self.space.taxonomy

    @property
    def y_pred(self) -> IntArray:
        """Predicted class index of each recording, shape (n,)."""
        best: IntArray = self.y_prob.argmax(axis=1)
        return best


def score(
    data: CalibrationData,
    space: LabelSpace,
    *,
    calibration: Calibration | None = None,
    allowed_mask: BoolArray | None = None,
    rows: Sequence[IndexRow] = (),
) -> ScoredRecordings:
    """Pool the logits of segments to probabilities of recordings.

    Parameters
    ----------
    data : CalibrationData
        From `inference.predict_logits`.
    space : LabelSpace
        Meaning of the columns of the logits.
    calibration : Calibration, optional
        Pooling rule and temperatures; without it the defaults.
    allowed_mask : bool, shape (n_labels,), optional
        Labels that are allowed as answers; the others get the probability 0.
    rows : sequence of IndexRow
        Images of the logits; needed for `ScoredRecordings.top_segments`.

    Returns
    -------
    ScoredRecordings
        In the order of `data`.
    """
    rule = pooling_of(calibration)
    tree = space.tree(temperatures=temperatures_of(calibration), allowed_mask=allowed_mask)
    y_prob, bird = [], []
    top_segments: list[IndexRow] = []
    for segments in data.segments:
        evidence = pool(
            data.logits[segments],
            has_background=space.has_background,
            signal_level_db=data.signal_level_db[segments],
            rule=rule,
        )
        y_prob.append(evidence.labels)
        bird.append(evidence.bird)
        best = tree.best_labels(evidence.labels)
        best_probability = evidence.segment_bird * evidence.segment_labels[:, best]
        top_segments += rows[segments][int(best_probability.argmax()) :][:1]
    return ScoredRecordings(
        space=space,
        recordings=data.recordings,
        sessions=data.sessions,
        y_true=data.y_true,
        y_prob=tree.label_probabilities(np.stack(y_prob)),
        bird=np.array(bird),
        top_segments=tuple(top_segments),
    )


def measure(scored: ScoredRecordings) -> dict[str, float]:
    """Compute metrics by recording, at the rank of the labels and at those above.

    Returns
    -------
    dict
        ``top1``, ``top5``, ``top20``, ``macro_recall``, ``mean_average_precision``, and
        ``top1_genus`` and so on for the ranks above the labels, where probabilities are summed per
        taxon. With labels of several ranks, ``top1_species`` is over the recordings whose label is
        a species, and so on.
    """
    measured = {each.name: each.accuracy() for each in _top_k_accuracies(scored)}
    for name, by_label in _macro_metrics(scored).items():
        measured[name] = float(np.nanmean(by_label(np.ones(len(scored.recordings)))))
    return {name: measured[name] for name in _in_order(measured)}


def measure_additional(scored: ScoredRecordings) -> dict[str, float | None]:
    """Compute hierarchical distances, AUROC and Brier score.

    Returns
    -------
    dict
        ``distance``, the mean number of ranks from the predicted label up to the lowest taxon that
        it shares with the true label; ``distance_5``, the same of the five most probable labels;
        ``severity``, that of wrong predictions only, None if there is none; ``macro_auroc``, None
        if only one label is scored; ``brier_score``.
    """
    distances = label_distances(scored.space.tree())
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
    data: CalibrationData, space: LabelSpace, calibration: Calibration | None = None
) -> dict[str, float]:
    """Compute metrics from the logits of held-out recordings.

    Parameters
    ----------
    data : CalibrationData
    space : LabelSpace
        Meaning of the columns of the logits.
    calibration : Calibration, optional
        As in `score`.

    Returns
    -------
    dict
        Number of ``recordings`` and ``sessions``, and the metrics of `measure`.
    """
    scored = score(data, space, calibration=calibration)
    return {
        "recordings": len(data),
        "sessions": len(set(data.sessions)),
        **measure(scored),
    }


def measure_intervals(
    scored: ScoredRecordings, *, n_resamples: int = 500, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals over sessions of the metrics of `measure`; see `metrics.bootstrap`."""
    intervals = {
        each.name: share_interval(each.accuracy, each.sessions, n_resamples=n_resamples, seed=seed)
        for each in _top_k_accuracies(scored)
    }
    for name, by_label in _macro_metrics(scored).items():
        intervals[name] = label_mean_interval(
            by_label, scored.y_true, scored.sessions, n_resamples=n_resamples, seed=seed
        )
    return {name: intervals[name] for name in _in_order(intervals)}


def count_single_session_labels(scored: ScoredRecordings) -> int:
    """Count the labels whose recordings are all of one session."""
    pairs = set(zip(scored.y_true.tolist(), scored.sessions, strict=True))
    return list(Counter(label for label, _ in pairs).values()).count(1)


def single_session_note(scored: ScoredRecordings) -> str:
    """Sentence about the intervals of labels with one session; empty if there is none."""
    n = count_single_session_labels(scored)
    return (
        f" {n} {'label has' if n == 1 else 'labels have'} one session, which does not show how "
        "sessions differ, so that macro recall and mean average precision have wider intervals."
        if n
        else ""
    )


@dataclass(frozen=True, slots=True)
class _TopKAccuracy:
    """Top-k accuracy with a name, as a function of the weights of the recordings."""

    name: str
    y_true: IntArray
    y_prob: Probabilities
    sessions: tuple[str, ...]
    k: int = 1

    def accuracy(self, weights: Weights | None = None) -> float:
        return top_k_accuracy(self.y_true, self.y_prob, k=self.k, weights=weights)


def _top_k_accuracies(scored: ScoredRecordings) -> list[_TopKAccuracy]:
    """Top-k accuracies of the labels, and top-1 at each rank above, of recordings known to it."""
    accuracies = [
        _TopKAccuracy(f"top{k}", scored.y_true, scored.y_prob, scored.sessions, k)
        for k in (1, 5, 20)
    ]
    for rank, (y_true, y_prob) in _by_rank(scored).items():
        known = np.flatnonzero(y_true >= 0)
        sessions = tuple(scored.sessions[i] for i in known)
        accuracies.append(_TopKAccuracy(f"top1_{rank}", y_true[known], y_prob[known], sessions))
    return accuracies


def _macro_metrics(scored: ScoredRecordings) -> dict[str, Callable[[Weights], Weights]]:
    """Per-label metrics, as functions of the weights of the recordings."""
    true, prob = scored.y_true, scored.y_prob
    return {
        "macro_recall": lambda weights: recall_by_label(true, prob, weights=weights),
        "mean_average_precision": lambda weights: average_precision_by_label(
            true, prob, weights=weights
        ),
    }


def _in_order(names: Iterable[str]) -> list[str]:
    """Sort metrics of the labels before those of the ranks above."""
    return sorted(names, key=lambda name: name.startswith("top1_"))


def _by_rank(scored: ScoredRecordings) -> dict[str, tuple[IntArray, Probabilities]]:
    """Return ``(y_true, y_prob)`` at each rank above that of the lowest labels.

    Probabilities are summed per taxon. With labels of several ranks, the lowest rank is included. A
    recording whose label is of a higher rank has the class -1.
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
