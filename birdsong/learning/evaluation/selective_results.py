"""Results of selective evaluation: accuracy, coverage, information and calibration by rank."""

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

MIN_ANSWERS = 30
"""Answers that a rank needs before the report says whether its promise holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveResults:
    """Answers to recordings that the calibration was not fitted to.

    Attributes
    ----------
    tree : LabelTree
        Label tree without temperatures.
    y_true : int, shape (n,)
    labels : float64, shape (n, n_labels)
        Calibrated probability of each label, given that there is a bird.
    evaluation_set : EvaluationSet
    chosen : dict
        For each name of a rule and each promise, the column of `RANKS` of every answer.
    """

    tree: LabelTree
    y_true: IntArray
    labels: Probabilities
    evaluation_set: EvaluationSet
    chosen: dict[tuple[str, float], IntArray]

    @property
    def ranks(self) -> tuple[str, ...]:
        """Ranks below the class that have taxa in the tree, the lowest first."""
        paths = self.tree.label_paths
        return tuple(RANKS[i] for i in range(len(RANKS) - 1, 0, -1) if (paths[:, i] >= 0).any())


def answers_by_rank(results: SelectiveResults, chosen: IntArray, promise: float) -> dict[str, Any]:
    """Count the answers and right answers at each rank, and measure their information.

    Parameters
    ----------
    results : SelectiveResults
    chosen : int, shape (n,)
        Column of `RANKS` of every answer.
    promise : float

    Returns
    -------
    dict
        For each rank below the class: ``answers``; ``share`` of all recordings; ``right``;
        ``accuracy`` with its 95 % interval, ``low`` to ``high``; and ``holds``: whether ``high``
        reaches the promise, None with fewer than 30 answers. Over all ranks: ``class`` and
        ``none``, the number of these answers; ``answers`` and ``accuracy`` of all answers below
        the class; ``information`` gained; hierarchical ``precision``, ``recall`` and ``f1``.
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
            "holds": high >= promise if n >= MIN_ANSWERS else None,
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
    """Calibration metrics of the predicted path at each rank.

    Returns
    -------
    dict
        For each rank of the labels and above: ``expected_calibration_error`` of the predicted
        taxon, that of a ``perfect`` model with the same probabilities, mean ``confidence``,
        ``accuracy``, and ``area_under_risk_coverage``.
    """
    paths, right = results.evaluation_set.paths, results.evaluation_set.right
    by_rank = {}
    for rank in range(len(RANKS) - 1, 0, -1):
        present = paths.nodes[:, rank] >= 0
        if not present.any():
            continue
        probabilities, own = paths.probabilities[present, rank], right[present, rank]
        by_rank[RANKS[rank]] = {
            "recordings": int(present.sum()),
            "confidence": float(probabilities.mean()),
            "accuracy": float(own.mean()),
            "expected_calibration_error": expected_calibration_error(own, probabilities),
            "perfect": perfect_calibration_error(probabilities),
            "area_under_risk_coverage": area_under_risk_coverage(own, probabilities),
        }
    return by_rank
