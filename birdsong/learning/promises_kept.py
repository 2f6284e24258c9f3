"""What answers are worth, on recordings that neither network nor calibration has seen.

Each side of the recordings is judged by a calibration that was fitted to the other sides, session
by session, so that not even a temperature has seen what it is measured on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.arrays import IntArray
from birdsong.calibration import pool_all
from birdsong.calibration_data import CalibrationData
from birdsong.learning.calibration import fit_calibration
from birdsong.learning.calibration_metrics import (
    expected_calibration_error,
    perfect_calibration_error,
)
from birdsong.learning.hierarchical_metrics import (
    area_under_risk_coverage,
    hierarchical_precision_recall,
    information_gained,
)
from birdsong.recordings.sessions import folds_by_session
from birdsong.taxa.bounds import clopper_pearson
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import RANKS
from birdsong.taxa.paths import LabelTree, Probabilities
from birdsong.taxa.promises import NOTHING
from birdsong.taxa.rules import BY_RANK, Cases, Rule
from birdsong.taxa.taxonomy import Taxonomy

PROMISES = (0.8, 0.9, 0.95)
N_SIDES = 5
FIRST_S = 8.0
LEAST_ANSWERS = 30
"""Answers at a rank from which on it is said whether the promise held there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Recordings, each judged by what was fitted to others.

    Attributes
    ----------
    tree : LabelTree
        Without temperatures.
    y_true : int, shape (n,)
    labels : float64, shape (n, n_labels)
        Probability of each label, calibrated, given that there is a bird.
    cases : Cases
    chosen : dict
        For each rule, by its name, and each promise: the column of `RANKS` of every answer.
    """

    tree: LabelTree
    y_true: IntArray
    labels: Probabilities
    cases: Cases
    chosen: dict[tuple[str, float], IntArray]


def judge(
    data: CalibrationData,
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    *,
    background: bool,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    listed: npt.NDArray[np.bool_] | None = None,
    asked_about: CalibrationData | None = None,
    seed: int = 0,
) -> Judged:
    """Judge every recording by what is fitted to the others.

    Parameters
    ----------
    data : CalibrationData
    labels : sequence of Label
        Without the background.
    taxonomy : Taxonomy
    background : bool
        Whether the last column of the logits is the background class.
    rules : sequence of Rule
    promises : sequence of float
    listed : bool, shape (n_labels,), optional
        Labels that answers are narrowed to; recordings of others are left out.
    asked_about : CalibrationData, optional
        The same recordings, cut: judged in the place of those that calibrate.
    seed : int
        Draws the sides.

    Returns
    -------
    Judged
        In the order of the sides.

    Raises
    ------
    DatasetError
        If there are too few sessions for two sides.
    """
    sides = _sides(data, seed)
    counted = np.ones(len(data), bool) if listed is None else listed[data.y_true]
    order, said, cases = [], [], []
    chosen: dict[tuple[str, float], list[IntArray]] = {}
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    pooled: dict[str, list[tuple[Probabilities, Probabilities]]] = {}
    for side in np.unique(sides):
        others = np.flatnonzero(sides != side)
        fitted = fit_calibration(data.of(others), labels, taxonomy, background=background)
        rule = fitted.calibration.pooling
        if rule not in pooled:
            pooled[rule] = [
                pool_all(each, background=background, rule=rule)
                for each in (data, asked_about or data)
            ]
        temperatures = fitted.calibration.temperatures
        tree = LabelTree(taxonomy, labels, temperatures=temperatures, listed=listed)
        known = np.flatnonzero(counted & (sides != side))
        asked = np.flatnonzero(counted & (sides == side))
        if not len(known) or not len(asked):
            continue
        parts = [
            Cases.of(tree, labels_said[own], bird[own], data.y_true[own], sessions[own])
            for own, (labels_said, bird) in zip((known, asked), pooled[rule], strict=True)
        ]
        order.append(asked)
        cases.append(parts[1])
        said.append(tree.label_probabilities(pooled[rule][1][0][asked]))
        for each in rules:
            for promise in promises:
                answered = each.fit(parts[0], promise)(parts[1])
                chosen.setdefault((each.name, promise), []).append(answered)
    return Judged(
        tree=LabelTree(taxonomy, labels, listed=listed),
        y_true=data.y_true[np.concatenate(order)],
        labels=np.concatenate(said),
        cases=Cases.concatenate(cases),
        chosen={key: np.concatenate(parts) for key, parts in chosen.items()},
    )


def answers_by_rank(judged: Judged, chosen: IntArray, promise: float) -> dict[str, Any]:
    """Count the answers at each rank, and tell how many were right and what they said.

    Parameters
    ----------
    judged : Judged
    chosen : int, shape (n,)
        Column of `RANKS` of every answer.
    promise : float

    Returns
    -------
    dict
        For each rank below the class ``answers``, ``share`` of all recordings, ``right``,
        ``accuracy`` with its 95 % interval ``low`` to ``high``, and ``holds``: whether the accuracy
        is at or above the promise within that interval; null where fewer than 30 were answered.
        ``class`` and ``none``, how often that was said; ``accuracy`` of all answers below the
        class; ``information`` gained; hierarchical ``precision``, ``recall`` and ``f1``.
    """
    cases = judged.cases
    told: dict[str, Any] = {}
    for rank in range(len(RANKS) - 1, 0, -1):
        here = chosen == rank
        n, n_right = int(here.sum()), int(cases.right[here, rank].sum())
        low, high = clopper_pearson(n_right, n)
        told[RANKS[rank]] = {
            "answers": n,
            "share": n / len(chosen),
            "right": n_right,
            "accuracy": n_right / n if n else None,
            "low": low,
            "high": high,
            "holds": high >= promise if n >= LEAST_ANSWERS else None,
        }
    n_answers = sum(each["answers"] for each in told.values())
    n_right = sum(each["right"] for each in told.values())
    precision, recall, f1 = hierarchical_precision_recall(
        cases.paths.nodes, chosen, judged.y_true, judged.tree
    )
    return {
        **told,
        "class": int((chosen == 0).sum()),
        "none": int((chosen == NOTHING).sum()),
        "answers": n_answers,
        "accuracy": n_right / n_answers if n_answers else None,
        "information": information_gained(chosen, cases.right, cases.information),
        "precision": precision if n_answers else None,
        "recall": recall,
        "f1": f1,
    }


def honesty(judged: Judged) -> dict[str, Any]:
    """Tell how honest the probabilities of the most probable label and of its ancestors are.

    Returns
    -------
    dict
        For each rank of the labels and above: ``expected_calibration_error`` of the path's taxon,
        that of a ``perfect`` model with the same probabilities, mean ``confidence``, ``accuracy``,
        and ``area_under_risk_coverage``.
    """
    paths, right = judged.cases.paths, judged.cases.right
    told = {}
    for rank in range(len(RANKS) - 1, 0, -1):
        there = paths.nodes[:, rank] >= 0
        if not there.any():
            continue
        said, own = paths.probabilities[there, rank], right[there, rank]
        told[RANKS[rank]] = {
            "recordings": int(there.sum()),
            "confidence": float(said.mean()),
            "accuracy": float(own.mean()),
            "expected_calibration_error": expected_calibration_error(own, said),
            "perfect": perfect_calibration_error(said),
            "area_under_risk_coverage": area_under_risk_coverage(own, said),
        }
    return told


def measure_promises(
    data: CalibrationData,
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    *,
    background: bool,
    segment_s: float,
    rules: Sequence[Rule] = (BY_RANK,),
    seed: int = 0,
) -> dict[str, Any]:
    """All of the above, ready for JSON.

    Parameters
    ----------
    data, labels, taxonomy, background, rules, seed
        As in `judge`.
    segment_s : float
        How long a segment is.

    Returns
    -------
    dict
        ``honesty``, and under ``rules`` for each rule, by its name, a list of what
        `answers_by_rank` says, with its ``promise``; the same of the rule that answers are given by
        under ``first_8_s``, where only so much of each recording is heard.
    """
    judged = judge(data, labels, taxonomy, background=background, rules=rules, seed=seed)
    beginnings = judge(
        data,
        labels,
        taxonomy,
        background=background,
        asked_about=data.first_seconds(FIRST_S, segment_s),
        seed=seed,
    )
    return {
        "recordings": len(judged.y_true),
        "honesty": honesty(judged),
        "rules": {rule.name: _at_promises(judged, rule) for rule in rules},
        f"first_{FIRST_S:g}_s": {
            "honesty": honesty(beginnings),
            "rules": {BY_RANK.name: _at_promises(beginnings, BY_RANK)},
        },
    }


def _at_promises(judged: Judged, rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "promise": promise,
            **answers_by_rank(judged, judged.chosen[rule.name, promise], promise),
        }
        for promise in PROMISES
    ]


def _sides(data: CalibrationData, seed: int) -> npt.NDArray[np.integer]:
    """The folds that the data comes in, or as many sides drawn from the sessions."""
    if len(np.unique(data.folds)) > 1:
        return data.folds
    return folds_by_session(data.sessions, [0] * len(data), n_folds=N_SIDES, seed=seed)
