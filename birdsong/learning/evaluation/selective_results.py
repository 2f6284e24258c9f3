"""Answers counted: how many at each rank, how many right, how specific, how well calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from birdsong.arrays import IntArray
from birdsong.learning.evaluation.metrics.calibration import (
    expected_calibration_error,
    perfect_calibration_error,
)
from birdsong.learning.evaluation.metrics.hierarchical import (
    area_under_risk_coverage,
    hierarchical_precision_recall,
    information_gained,
)
from birdsong.selective.bounds import clopper_pearson
from birdsong.selective.promises import NOTHING
from birdsong.selective.rules import EvaluationSet
from birdsong.taxa.label_tree import LabelTree, Probabilities
from birdsong.taxa.lineage import RANKS

LEAST_ANSWERS = 30
"""Answers that a rank needs before it is reported whether the promise held there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveResults:
    """Answers to recordings, each by a calibration that was fitted to others.

    Attributes
    ----------
    tree : LabelTree
        Without temperatures.
    y_true : int, shape (n,)
    labels : float64, shape (n, n_labels)
        Probability of each label, calibrated, given that there is a bird.
    evaluation_set : EvaluationSet
    chosen : dict
        For each rule, by its name, and each promise: the column of `RANKS` of every answer.
    """

    tree: LabelTree
    y_true: IntArray
    labels: Probabilities
    evaluation_set: EvaluationSet
    chosen: dict[tuple[str, float], IntArray]

    @property
    def ranks(self) -> tuple[str, ...]:
        """The ranks below the class at which there are taxa to answer with, the closest first."""
        paths = self.tree.label_paths
        return tuple(RANKS[i] for i in range(len(RANKS) - 1, 0, -1) if (paths[:, i] >= 0).any())


def answers_by_rank(results: SelectiveResults, chosen: IntArray, promise: float) -> dict[str, Any]:
    """Count the answers at each rank, how many are right, and their information.

    Parameters
    ----------
    results : SelectiveResults
    chosen : int, shape (n,)
        Column of `RANKS` of every answer.
    promise : float

    Returns
    -------
    dict
        For each rank below the class ``answers``, ``share`` of all recordings, ``right``,
        ``accuracy`` with its 95 % interval ``low`` to ``high``, and ``holds``: whether the accuracy
        is at or above the promise within that interval; null where fewer than 30 were answered.
        ``class`` and ``none``, how many had that answer; ``accuracy`` of all answers below the
        class; ``information`` gained; hierarchical ``precision``, ``recall`` and ``f1``.
    """
    evaluation_set = results.evaluation_set
    by_rank: dict[str, Any] = {}
    for rank in range(len(RANKS) - 1, 0, -1):
        here = chosen == rank
        n, n_right = int(here.sum()), int(evaluation_set.right[here, rank].sum())
        low, high = clopper_pearson(n_right, n)
        by_rank[RANKS[rank]] = {
            "answers": n,
            "share": n / len(chosen),
            "right": n_right,
            "accuracy": n_right / n if n else None,
            "low": low,
            "high": high,
            "holds": high >= promise if n >= LEAST_ANSWERS else None,
        }
    n_answers = sum(each["answers"] for each in by_rank.values())
    n_right = sum(each["right"] for each in by_rank.values())
    precision, recall, f1 = hierarchical_precision_recall(
        evaluation_set.paths.nodes, chosen, results.y_true, results.tree
    )
    return {
        **by_rank,
        "class": int((chosen == 0).sum()),
        "none": int((chosen == NOTHING).sum()),
        "answers": n_answers,
        "accuracy": n_right / n_answers if n_answers else None,
        "information": information_gained(chosen, evaluation_set.right, evaluation_set.information),
        "precision": precision if n_answers else None,
        "recall": recall,
        "f1": f1,
    }


def calibration_by_rank(results: SelectiveResults) -> dict[str, Any]:
    """Calibration metrics of the probabilities of the most probable label and of its ancestors.

    Returns
    -------
    dict
        For each rank of the labels and above: ``expected_calibration_error`` of the path's taxon,
        that of a ``perfect`` model with the same probabilities, mean ``confidence``, ``accuracy``,
        and ``area_under_risk_coverage``.
    """
    paths, right = results.evaluation_set.paths, results.evaluation_set.right
    by_rank = {}
    for rank in range(len(RANKS) - 1, 0, -1):
        there = paths.nodes[:, rank] >= 0
        if not there.any():
            continue
        probabilities, own = paths.probabilities[there, rank], right[there, rank]
        by_rank[RANKS[rank]] = {
            "recordings": int(there.sum()),
            "confidence": float(probabilities.mean()),
            "accuracy": float(own.mean()),
            "expected_calibration_error": expected_calibration_error(own, probabilities),
            "perfect": perfect_calibration_error(probabilities),
            "area_under_risk_coverage": area_under_risk_coverage(own, probabilities),
        }
    return by_rank
