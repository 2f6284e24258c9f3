"""What answers are worth, on recordings that neither network nor calibration has seen.

Each side of the recordings is judged by a calibration that was fitted to the other sides, session
by session, so that not even a temperature has seen what it is measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.arrays import BoolArray, IntArray
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import pool_all, promises_for_allowed
from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import DEFAULT_POOLING
from birdsong.learning.evaluation.calibration_fit import fit_calibration
from birdsong.learning.evaluation.selective_results import (
    LEAST_ANSWERS,
    SelectiveResults,
    answers_by_rank,
    calibration_by_rank,
)
from birdsong.recordings.splits import folds_by_session
from birdsong.selective.rules import BY_RANK, EvaluationSet, Rule
from birdsong.selective.selection import as_probable_as
from birdsong.taxa.label_tree import LabelTree, Probabilities
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import RANKS
from birdsong.taxa.taxonomy import Taxonomy

PROMISES = (0.8, 0.9, 0.95)
N_SIDES = 5
FIRST_S = 8.0


def cross_fit_rules(
    data: CalibrationData,
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    *,
    background: bool,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    listed: BoolArray | None = None,
    asked_about: CalibrationData | None = None,
    seed: int = 0,
) -> SelectiveResults:
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
    SelectiveResults
        In the order of the sides.

    Raises
    ------
    DatasetError
        If there are too few sessions for two sides.
    """
    folds = _folds(data, seed)
    counted = np.ones(len(data), bool) if listed is None else listed[data.y_true]
    order, said, evaluation_set = [], [], []
    chosen: dict[tuple[str, float], list[IntArray]] = {}
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    pooled: dict[str, list[tuple[Probabilities, Probabilities]]] = {}
    for side in np.unique(folds):
        others = np.flatnonzero(folds != side)
        fitted = fit_calibration(data.of(others), labels, taxonomy, background=background)
        rule = fitted.calibration.pooling
        if rule not in pooled:
            pooled[rule] = [
                pool_all(each, background=background, rule=rule)
                for each in (data, asked_about or data)
            ]
        temperatures = fitted.calibration.temperatures
        tree = LabelTree(taxonomy, labels, temperatures=temperatures, listed=listed)
        known = np.flatnonzero(counted & (folds != side))
        asked = np.flatnonzero(counted & (folds == side))
        if not len(known) or not len(asked):
            continue
        parts = [
            EvaluationSet.of(tree, labels_said[own], bird[own], data.y_true[own], sessions[own])
            for own, (labels_said, bird) in zip((known, asked), pooled[rule], strict=True)
        ]
        order.append(asked)
        evaluation_set.append(parts[1])
        said.append(tree.label_probabilities(pooled[rule][1][0][asked]))
        for each in rules:
            for promise in promises:
                answered = each.fit(parts[0], promise)(parts[1])
                chosen.setdefault((each.name, promise), []).append(answered)
    return SelectiveResults(
        tree=LabelTree(taxonomy, labels, listed=listed),
        y_true=data.y_true[np.concatenate(order)],
        labels=np.concatenate(said),
        evaluation_set=EvaluationSet.concatenate(evaluation_set),
        chosen={key: np.concatenate(parts) for key, parts in chosen.items()},
    )


def selective_results_of_bundle(
    bundle: Bundle,
    data: CalibrationData,
    *,
    rules: Sequence[Rule] = (BY_RANK,),
    promises: Sequence[float] = PROMISES,
    listed: BoolArray | None = None,
) -> SelectiveResults:
    """AnswerSelector recordings that a bundle knows nothing of as it answers them.

    Parameters
    ----------
    bundle : Bundle
        Of one that is not calibrated only `BY_RANK` is judged: it asks for probabilities as high as
        the promise.
    data : CalibrationData
        What its network says of recordings of sessions that are not among the bundle's.
    rules : sequence of Rule
        The others are fitted to the recordings that calibrate the bundle.
    promises : sequence of float
    listed : bool, shape (n_labels,), optional
        Labels that answers are narrowed to, with thresholds for these; `data` holds recordings of
        no others.

    Returns
    -------
    SelectiveResults
    """
    tree = LabelTree(
        bundle.taxonomy,
        bundle.bird_labels,
        temperatures=bundle.calibration.temperatures if bundle.calibration else None,
        listed=listed,
    )
    evaluation_set = _evaluation_set(bundle, tree, data)
    calibrating, fitted = None, None
    if bundle.calibration is not None and bundle.calibration_data is not None:
        of_listed = np.flatnonzero(tree.listed[bundle.calibration_data.y_true])
        if len(of_listed):
            calibrating = _evaluation_set(bundle, tree, bundle.calibration_data.of(of_listed))
        fitted = bundle.calibration.promises
        if listed is not None:
            fitted = promises_for_allowed(
                bundle.calibration_data,
                tree,
                background=bundle.has_background,
                rule=bundle.calibration.pooling,
            )
    chosen = {}
    for promise in promises:
        own = fitted or as_probable_as(promise)
        chosen[BY_RANK.name, promise] = own.choose(evaluation_set.paths, promise)
        for rule in rules:
            if calibrating is not None and rule != BY_RANK:
                chosen[rule.name, promise] = rule.fit(calibrating, promise)(evaluation_set)
    labels, _ = _pooled(bundle, data)
    return SelectiveResults(
        tree=tree,
        y_true=data.y_true,
        labels=tree.label_probabilities(labels),
        evaluation_set=evaluation_set,
        chosen=chosen,
    )


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
    """AnswerSelector whole recordings and their first seconds, and count.

    Parameters
    ----------
    data, labels, taxonomy, background, rules, seed
        As in `cross_fit_rules`.
    segment_s : float
        How long a segment is.

    Returns
    -------
    dict
        What `told` says, and of the first seconds under ``first_8_s``.
    """
    results = cross_fit_rules(data, labels, taxonomy, background=background, rules=rules, seed=seed)
    beginnings = cross_fit_rules(
        data,
        labels,
        taxonomy,
        background=background,
        asked_about=data.first_seconds(FIRST_S, segment_s),
        seed=seed,
    )
    return {**told(results), f"first_{FIRST_S:g}_s": told(beginnings)}


def told(results: SelectiveResults) -> dict[str, Any]:
    """Count what was judged, ready for JSON.

    Returns
    -------
    dict
        ``recordings``; ``honesty``; and under ``rules`` for each rule, by its name, a list of what
        `answers_by_rank` says, with its ``promise``, from the lowest to the highest.
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
    """What `BY_RANK` gains where it keeps as much at each rank as another rule does.

    A rule keeps at each rank what it keeps where it is the least accurate, of the ranks at which it
    gives answers enough: sure answers at an order do not make up for wrong species.

    Parameters
    ----------
    rules : Mapping
        From `told`, at several promises.
    promise : float
        Of the other rules.

    Returns
    -------
    dict
        For each other rule, by its name, that gives answers enough: what it ``kept`` at each rank,
        the ``information`` gained, and ``by_rank``, what `BY_RANK` gains where it kept as much,
        between its promises along a line; None where no promise leads so far.
    """
    own = np.array(
        sorted(
            (kept, told["information"])
            for told in rules[BY_RANK.name]
            if (kept := _kept_at_each_rank(told)) is not None
        )
    )
    compared: dict[str, dict[str, float | None]] = {}
    for name, every in rules.items():
        (other,) = (told for told in every if told["promise"] == promise)
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


def _kept_at_each_rank(told: Mapping[str, Any]) -> float | None:
    """The least accuracy of a rank with answers enough; None where none has."""
    enough = [told[rank] for rank in RANKS[1:] if told[rank]["answers"] >= LEAST_ANSWERS]
    return min((each["accuracy"] for each in enough), default=None)


def _pooled(bundle: Bundle, data: CalibrationData) -> tuple[Probabilities, Probabilities]:
    rule = bundle.calibration.pooling if bundle.calibration else DEFAULT_POOLING
    return pool_all(data, background=bundle.has_background, rule=rule)


def _evaluation_set(bundle: Bundle, tree: LabelTree, data: CalibrationData) -> EvaluationSet:
    labels, bird = _pooled(bundle, data)
    sessions = np.unique(np.array(data.sessions), return_inverse=True)[1]
    return EvaluationSet.of(tree, labels, bird, data.y_true, sessions)


def _folds(data: CalibrationData, seed: int) -> npt.NDArray[np.integer]:
    """The folds that the data comes in, or as many sides drawn from the sessions."""
    if len(np.unique(data.folds)) > 1:
        return data.folds
    return folds_by_session(data.sessions, [0] * len(data), n_folds=N_SIDES, seed=seed)
