"""Selective evaluation: answers about recordings that neither network nor calibration has seen.

The calibration of each fold is fitted to the recordings of the other folds, whose sessions are not
in it, so that not even a temperature has seen what it is measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray, IntArray
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import pool_recordings
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.learning.evaluation.calibration_fit import fit_calibration
from birdsong.learning.evaluation.selective_results import (
    LEAST_ANSWERS,
    SelectiveResults,
    answers_by_rank,
    calibration_by_rank,
)
from birdsong.recordings.splits import folds_by_session
from birdsong.selective.rules import BY_RANK, EvaluationSet, Rule
from birdsong.selective.selection import choose_ranks
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.label_tree import LabelTree, Probabilities
from birdsong.taxa.lineage import RANKS

PROMISES = (0.8, 0.9, 0.95)
N_FOLDS = 5
FIRST_S = 8.0


def cross_fit_rules(
    data: CalibrationData,
    space: LabelSpace,
    *,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    allowed_mask: BoolArray | None = None,
    asked_about: CalibrationData | None = None,
    seed: int = 0,
) -> SelectiveResults:
    """Answer every recording by a calibration and by rules that are fitted to the others.

    Parameters
    ----------
    data : CalibrationData
    space : LabelSpace
        What the columns of the logits mean.
    rules : sequence of Rule
    promises : sequence of float
    allowed_mask : bool, shape (n_labels,), optional
        Labels that may be the answer; recordings of others are left out.
    asked_about : CalibrationData, optional
        The same recordings, cut: these are answered in the place of those that calibrate.
    seed : int
        Draws the folds, where all logits are of one network.

    Returns
    -------
    SelectiveResults
        In the order of the folds.

    Raises
    ------
    DatasetError
        If there are too few sessions for two folds.
    """
    folds = _folds(data, seed)
    counted = np.ones(len(data), bool) if allowed_mask is None else allowed_mask[data.y_true]
    order, probabilities, evaluation_set = [], [], []
    chosen: dict[tuple[str, float], list[IntArray]] = {}
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    pooled: dict[str, list[tuple[Probabilities, Probabilities]]] = {}
    for fold in np.unique(folds):
        fitted = fit_calibration(data.of(np.flatnonzero(folds != fold)), space)
        rule = fitted.calibration.pooling
        if rule not in pooled:
            pooled[rule] = [
                pool_recordings(each, has_background=space.has_background, rule=rule)
                for each in (data, asked_about or data)
            ]
        temperatures = fitted.calibration.temperatures
        tree = space.tree(temperatures=temperatures, allowed_mask=allowed_mask)
        known = np.flatnonzero(counted & (folds != fold))
        asked = np.flatnonzero(counted & (folds == fold))
        if not len(known) or not len(asked):
            continue
        parts = [
            EvaluationSet.of(tree, labels[own], bird[own], data.y_true[own], sessions[own])
            for own, (labels, bird) in zip((known, asked), pooled[rule], strict=True)
        ]
        order.append(asked)
        evaluation_set.append(parts[1])
        probabilities.append(tree.label_probabilities(pooled[rule][1][0][asked]))
        for each in rules:
            for promise in promises:
                answered = each.fit(parts[0], promise)(parts[1])
                chosen.setdefault((each.name, promise), []).append(answered)
    return SelectiveResults(
        tree=space.tree(allowed_mask=allowed_mask),
        y_true=data.y_true[np.concatenate(order)],
        labels=np.concatenate(probabilities),
        evaluation_set=EvaluationSet.concatenate(evaluation_set),
        chosen={key: np.concatenate(parts) for key, parts in chosen.items()},
    )


def selective_results_of_bundle(
    bundle: Bundle,
    data: CalibrationData,
    *,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    allowed_mask: BoolArray | None = None,
) -> SelectiveResults:
    """Answer recordings that a bundle did not learn from as it answers any.

    Parameters
    ----------
    bundle : Bundle
        Of one that is not calibrated only `BY_RANK` is measured: each rank needs a probability as
        high as the promise.
    data : CalibrationData
        Its network's logits of recordings of sessions that are not among the bundle's.
    rules : sequence of Rule
        The others are fitted to the recordings that calibrate the bundle.
    promises : sequence of float
    allowed_mask : bool, shape (n_labels,), optional
        Labels that may be the answer, with thresholds for these; `data` holds recordings of no
        others.

    Returns
    -------
    SelectiveResults
    """
    tree, thresholds = bundle.label_tree(allowed_mask), bundle.promises(allowed_mask)
    evaluation_set = _evaluation_set(bundle, tree, data)
    calibrating = None
    if bundle.calibration is not None and bundle.calibration_data is not None:
        of_allowed = np.flatnonzero(tree.allowed_mask[bundle.calibration_data.y_true])
        if len(of_allowed):
            calibrating = _evaluation_set(bundle, tree, bundle.calibration_data.of(of_allowed))
    chosen = {}
    for promise in promises:
        chosen[BY_RANK.name, promise] = choose_ranks(evaluation_set.paths, promise, thresholds)
        for rule in rules:
            if calibrating is not None and rule != BY_RANK:
                chosen[rule.name, promise] = rule.fit(calibrating, promise)(evaluation_set)
    labels, _ = bundle.pool_recordings(data)
    return SelectiveResults(
        tree=tree,
        y_true=data.y_true,
        labels=tree.label_probabilities(labels),
        evaluation_set=evaluation_set,
        chosen=chosen,
    )


def measure_promises(
    data: CalibrationData,
    space: LabelSpace,
    *,
    segment_s: float,
    rules: Sequence[Rule] = (BY_RANK,),
    seed: int = 0,
) -> dict[str, Any]:
    """Answer whole recordings and their first seconds, and count.

    Parameters
    ----------
    data, space, rules, seed
        As in `cross_fit_rules`.
    segment_s : float
        How long a segment is.

    Returns
    -------
    dict
        What `summarize` counts, and of the first seconds under ``first_8_s``.
    """
    results = cross_fit_rules(data, space, rules=rules, seed=seed)
    first_seconds = cross_fit_rules(
        data, space, asked_about=data.first_seconds(FIRST_S, segment_s), seed=seed
    )
    return {**summarize(results), f"first_{FIRST_S:g}_s": summarize(first_seconds)}


def summarize(results: SelectiveResults) -> dict[str, Any]:
    """Count the answers of every rule, ready for JSON.

    Returns
    -------
    dict
        ``recordings``; ``honesty``, from `calibration_by_rank`; and under ``rules`` for each rule,
        by its name, a list of what `answers_by_rank` counts, with its ``promise``, from the lowest
        to the highest.
    """
    rules: dict[str, list[dict[str, Any]]] = {}
    for (name, promise), chosen in sorted(results.chosen.items(), key=lambda item: item[0][1]):
        answers = {"promise": promise, **answers_by_rank(results, chosen, promise)}
        rules.setdefault(name, []).append(answers)
    return {
        "recordings": len(results.y_true),
        "honesty": calibration_by_rank(results),
        "rules": rules,
    }


def at_equal_accuracy(
    rules: Mapping[str, Sequence[Mapping[str, Any]]], promise: float
) -> dict[str, dict[str, float | None]]:
    """Information that `BY_RANK` gains at the accuracy that another rule keeps at each rank.

    That accuracy is the lowest of the ranks with enough answers: sure answers at an order do not
    make up for wrong species.

    Parameters
    ----------
    rules : Mapping
        From `summarize`, at several promises.
    promise : float
        Of the other rules.

    Returns
    -------
    dict
        For each other rule, by its name, that has a rank with enough answers: the accuracy that it
        ``kept`` at each rank, the ``information`` gained, and ``by_rank``, what `BY_RANK` gains at
        that accuracy, interpolated linearly between its promises; None outside their range.
    """
    own = np.array(
        sorted(
            (kept, counts["information"])
            for counts in rules[BY_RANK.name]
            if (kept := _kept_at_each_rank(counts)) is not None
        )
    )
    compared: dict[str, dict[str, float | None]] = {}
    for name, every in rules.items():
        (other,) = (counts for counts in every if counts["promise"] == promise)
        kept = _kept_at_each_rank(other)
        if name == BY_RANK.name or kept is None:
            continue
        within = len(own) > 0 and own[0, 0] <= kept <= own[-1, 0]
        compared[name] = {
            "kept": kept,
            "information": other["information"],
            "by_rank": float(np.interp(kept, own[:, 0], own[:, 1])) if within else None,
        }
    return compared


def _kept_at_each_rank(counts: Mapping[str, Any]) -> float | None:
    """The lowest accuracy of a rank with enough answers; None where none has."""
    enough = [counts[rank] for rank in RANKS[1:] if counts[rank]["answers"] >= LEAST_ANSWERS]
    return min((each["accuracy"] for each in enough), default=None)


def _evaluation_set(bundle: Bundle, tree: LabelTree, data: CalibrationData) -> EvaluationSet:
    labels, bird = bundle.pool_recordings(data)
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    return EvaluationSet.of(tree, labels, bird, data.y_true, sessions)


def _folds(data: CalibrationData, seed: int) -> npt.NDArray[np.integer]:
    """The folds that the data comes in, or `N_FOLDS` drawn from the sessions."""
    if len(np.unique(data.folds)) > 1:
        return data.folds
    return folds_by_session(data.sessions, [0] * len(data), n_folds=N_FOLDS, seed=seed)
