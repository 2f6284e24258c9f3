"""Selective evaluation: accuracy and coverage of answers on held-out recordings.

The calibration of each fold is fitted to the other folds, so that neither the network nor its
calibration has seen the sessions of the recordings that they are measured on.
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
    MIN_ANSWERS,
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
"""Seconds of a recording that are also evaluated by themselves."""


def cross_fit_rules(
    data: CalibrationData,
    space: LabelSpace,
    *,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    allowed_mask: BoolArray | None = None,
    evaluation_data: CalibrationData | None = None,
    seed: int = 0,
) -> SelectiveResults:
    """Answer every recording with a calibration and rules that are fitted to the other folds.

    Parameters
    ----------
    data : CalibrationData
    space : LabelSpace
        Meaning of the columns of the logits.
    rules : sequence of Rule
    promises : sequence of float
    allowed_mask : bool, shape (n_labels,), optional
        Labels that are allowed as answers; recordings of others are left out.
    evaluation_data : CalibrationData, optional
        The same recordings, cut shorter: these are answered, while `data` calibrates.
    seed : int
        Seed of the folds, used if all logits are of one network.

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
    allowed = np.ones(len(data), bool) if allowed_mask is None else allowed_mask[data.y_true]
    order, probabilities, evaluation_sets = [], [], []
    chosen: dict[tuple[str, float], list[IntArray]] = {}
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    pooled: dict[str, list[tuple[Probabilities, Probabilities]]] = {}
    for fold in np.unique(folds):
        fitted = fit_calibration(data.of(np.flatnonzero(folds != fold)), space)
        rule = fitted.calibration.pooling
        if rule not in pooled:
            pooled[rule] = [
                pool_recordings(each, has_background=space.has_background, rule=rule)
                for each in (data, evaluation_data or data)
            ]
        temperatures = fitted.calibration.temperatures
        tree = space.tree(temperatures=temperatures, allowed_mask=allowed_mask)
        others = np.flatnonzero(allowed & (folds != fold))
        held_out = np.flatnonzero(allowed & (folds == fold))
        if not len(others) or not len(held_out):
            continue
        calibrating, evaluation = (
            EvaluationSet.of(tree, labels[own], bird[own], data.y_true[own], sessions[own])
            for own, (labels, bird) in zip((others, held_out), pooled[rule], strict=True)
        )
        order.append(held_out)
        evaluation_sets.append(evaluation)
        probabilities.append(tree.label_probabilities(pooled[rule][1][0][held_out]))
        for each in rules:
            for promise in promises:
                answered = each.fit(calibrating, promise)(evaluation)
                chosen.setdefault((each.name, promise), []).append(answered)
    return SelectiveResults(
        tree=space.tree(allowed_mask=allowed_mask),
        y_true=data.y_true[np.concatenate(order)],
        labels=np.concatenate(probabilities),
        evaluation_set=EvaluationSet.concatenate(evaluation_sets),
        chosen={key: np.concatenate(columns) for key, columns in chosen.items()},
    )


def selective_results_of_bundle(
    bundle: Bundle,
    data: CalibrationData,
    *,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    allowed_mask: BoolArray | None = None,
) -> SelectiveResults:
    """Answer held-out recordings with the calibration of a bundle.

    Parameters
    ----------
    bundle : Bundle
        If it is not calibrated, only `BY_RANK` is measured, with the promise as the threshold of
        each rank's probability.
    data : CalibrationData
        Logits of its network for recordings of held-out sessions.
    rules : sequence of Rule
        They are fitted to the recordings that the bundle is calibrated on.
    promises : sequence of float
    allowed_mask : bool, shape (n_labels,), optional
        Labels that are allowed as answers; `data` must hold recordings of these only.

    Returns
    -------
    SelectiveResults
    """
    tree, thresholds = bundle.label_tree(allowed_mask), bundle.promises(allowed_mask)
    evaluation_set = _evaluation_set(bundle, tree, data)
    calibrating = None
    if bundle.calibration is not None and bundle.calibration_data is not None:
        allowed_recordings = np.flatnonzero(tree.allowed_mask[bundle.calibration_data.y_true])
        if len(allowed_recordings):
            calibrating = _evaluation_set(
                bundle, tree, bundle.calibration_data.of(allowed_recordings)
            )
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
    """Summarize answers to whole recordings and to their first seconds.

    Parameters
    ----------
    data, space, rules, seed
        As in `cross_fit_rules`.
    segment_s : float
        Duration of a segment.

    Returns
    -------
    dict
        The output of `summarize`, and under ``first_8_s`` that of the first 8 s.
    """
    results = cross_fit_rules(data, space, rules=rules, seed=seed)
    first_seconds = cross_fit_rules(
        data, space, evaluation_data=data.first_seconds(FIRST_S, segment_s), seed=seed
    )
    return {**summarize(results), f"first_{FIRST_S:g}_s": summarize(first_seconds)}


def summarize(results: SelectiveResults) -> dict[str, Any]:
    """Summarize the answers of every rule, for JSON.

    Returns
    -------
    dict
        ``recordings``; ``honesty``, from `calibration_by_rank`; and under ``rules`` for each rule,
        by its name, a list of the outputs of `answers_by_rank`, each with its ``promise``, in
        ascending order.
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
    """Compare the information gained by `BY_RANK` and by other rules at equal accuracy.

    The accuracy of a rule is the minimum over the ranks with enough answers, so that right orders
    do not make up for wrong species.

    Parameters
    ----------
    rules : Mapping
        From `summarize`, at several promises.
    promise : float
        Promise of the other rules.

    Returns
    -------
    dict
        For each other rule, by its name, that has a rank with enough answers: its accuracy,
        ``kept``; the ``information`` gained; and ``by_rank``, the information that `BY_RANK` gains
        at that accuracy, interpolated linearly between its promises; None outside their range.
    """
    own = np.array(
        sorted(
            (kept, counts["information"])
            for counts in rules[BY_RANK.name]
            if (kept := _lowest_rank_accuracy(counts)) is not None
        )
    )
    compared: dict[str, dict[str, float | None]] = {}
    for name, every in rules.items():
        (other,) = (counts for counts in every if counts["promise"] == promise)
        kept = _lowest_rank_accuracy(other)
        if name == BY_RANK.name or kept is None:
            continue
        within = len(own) > 0 and own[0, 0] <= kept <= own[-1, 0]
        compared[name] = {
            "kept": kept,
            "information": other["information"],
            "by_rank": float(np.interp(kept, own[:, 0], own[:, 1])) if within else None,
        }
    return compared


def _lowest_rank_accuracy(counts: Mapping[str, Any]) -> float | None:
    """Minimum accuracy over the ranks with enough answers; None if no rank has."""
    enough = [counts[rank] for rank in RANKS[1:] if counts[rank]["answers"] >= MIN_ANSWERS]
    return min((each["accuracy"] for each in enough), default=None)


def _evaluation_set(bundle: Bundle, tree: LabelTree, data: CalibrationData) -> EvaluationSet:
    labels, bird = bundle.pool_recordings(data)
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    return EvaluationSet.of(tree, labels, bird, data.y_true, sessions)


def _folds(data: CalibrationData, seed: int) -> npt.NDArray[np.integer]:
    """Folds of the data, or `N_FOLDS` random folds by session if it has none."""
    if len(np.unique(data.folds)) > 1:
        return data.folds
    return folds_by_session(data.sessions, [0] * len(data), n_folds=N_FOLDS, seed=seed)
