"""Rules that choose the rank of an answer, with one interface, for comparison.

Each chooses a taxon on the path of the most probable label (`Paths`), so the answer for a higher
promise is the same taxon or an ancestor. birdsong answers by `BY_RANK`, the only rule that keeps a
promise at each rank. The others keep it over all ranks together, and some count "a bird" as a right
answer, as their authors do.

==================  ==============================================================================
`BY_RANK`           a threshold for each rank, see `promises`
`ONE_THRESHOLD`     the lowest threshold, the same at all ranks, at which the answers closer than
                    the class pass together
`ONE_AT_EACH_RANK`  the same, but at which those of each rank pass by themselves, where they are
                    many enough to tell
`SPECIES_ONLY`      the species, or nothing: a threshold for it
`CLIMBING`          climbs until the probability exceeds a conformal quantile of the probabilities
                    of wrong taxa [1]_
`DARTS`             ``argmax (information + lambda) * probability`` along the path, with the
                    smallest lambda at which the answers pass [2]_
`CONFORMAL_SET`     the lowest taxon on the path that contains all labels of a conformal set, which
                    contains the true label as often as promised [3]_
==================  ==============================================================================

References
----------
.. [1] Goren, Galil & El-Yaniv (2024), Hierarchical selective classification, NeurIPS.
.. [2] Deng, Krause, Berg & Fei-Fei (2012), Hedging your bets: optimizing accuracy-specificity
   trade-offs in large scale visual recognition, CVPR.
.. [3] Sadinle, Lei & Wasserman (2019), Least ambiguous set-valued classifiers with bounded error
   levels, JASA 114.
.. [4] github.com/google/cameratrapai, ensemble_prediction_combiner.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from birdsong.selective.bounds import (
    design_effect,
    intraclass_correlation,
    meets_target,
    min_samples,
)
from birdsong.selective.promises import (
    CLASS,
    choose_by_thresholds,
    fit_promises,
    lowest_rank,
)
from birdsong.taxa.label_tree import Indices, LabelTree, Paths, Probabilities
from birdsong.taxa.lineage import RANKS

SPECIES = RANKS.index("species")
_LAMBDAS = np.concatenate([[np.inf], np.geomspace(1e3, 1e-3, 121), [0.0]])


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """Recordings to fit a rule to, or to apply one to.

    Attributes
    ----------
    paths : Paths
    right : bool, shape (n, 5)
        Which taxa of each path are right. Rules use it to fit, not to choose.
    sessions : int, shape (n,)
    information : float64, shape (n, 5)
        Information of each taxon, as a share of that of a label.
    runner_ups : float64, shape (n, 5)
        The highest probability of a label that is not at or under the taxon.
    truth : float64, shape (n,)
        Probability of the true label. Rules use it to fit, not to choose.
    """

    paths: Paths
    right: npt.NDArray[np.bool_]
    sessions: npt.NDArray[np.integer]
    information: Probabilities
    runner_ups: Probabilities
    truth: Probabilities

    @classmethod
    def of(
        cls,
        tree: LabelTree,
        labels: Probabilities,
        bird: Probabilities,
        y_true: npt.NDArray[np.integer],
        sessions: npt.NDArray[np.integer],
    ) -> Self:
        """Evaluate probabilities of recordings whose labels are known.

        Parameters
        ----------
        tree : LabelTree
        labels : float64, shape (n, n_labels)
            Pooled probabilities, given that there is a bird.
        bird : float64, shape (n,)
        y_true, sessions : int, shape (n,)
        """
        paths = tree.paths(labels, bird)
        probabilities = tree.label_probabilities(labels) * bird[:, np.newaxis]
        outside = tree.label_paths[np.newaxis] != paths.nodes[:, np.newaxis]
        return cls(
            paths=paths,
            right=tree.right(paths, y_true),
            sessions=np.asarray(sessions),
            information=np.where(paths.nodes >= 0, tree.information()[paths.nodes], 0.0),
            runner_ups=np.where(outside, probabilities[:, :, np.newaxis], 0.0).max(axis=1),
            truth=probabilities[np.arange(len(y_true)), y_true],
        )

    def __len__(self) -> int:
        """Count the recordings."""
        return len(self.paths)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | Indices) -> EvaluationSet:
        """Return some of the recordings."""
        return EvaluationSet(
            **{field.name: getattr(self, field.name)[chosen] for field in fields(self)}
        )

    @classmethod
    def concatenate(cls, parts: list[Self]) -> Self:
        """Put recordings of several folds together."""
        paths = Paths(
            **{
                field.name: np.concatenate([getattr(part.paths, field.name) for part in parts])
                for field in fields(Paths)
            }
        )
        others = [field.name for field in fields(cls) if field.name != "paths"]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in others}
        return cls(paths=paths, **joined)


Chooser = Callable[[EvaluationSet], Indices]
"""Returns the column of `RANKS` of the answer to each recording, or `NOTHING`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by its name; ``fit`` takes recordings and a promise."""

    name: str
    fit: Callable[[EvaluationSet, float], Chooser]


def fixed_thresholds(name: str, **thresholds: float) -> Rule:
    """A rule with thresholds set by hand, whatever the promise; no answer at a rank not named."""
    by_rank = np.array([0.0, *(thresholds.get(rank, math.inf) for rank in RANKS[1:])])
    return Rule(
        name,
        lambda evaluation_set, promise: (
            lambda recordings: choose_by_thresholds(recordings.paths, by_rank)
        ),
    )


def _by_rank(evaluation_set: EvaluationSet, promise: float) -> Chooser:
    promises = fit_promises(evaluation_set.paths, evaluation_set.right, evaluation_set.sessions)
    return lambda recordings: promises.choose(recordings.paths, promise)


def _one_threshold(
    evaluation_set: EvaluationSet, promise: float, ranks: tuple[int, ...]
) -> Chooser:
    """One threshold for all `ranks`, lowered until the answers no longer pass."""
    at_ranks = np.isin(np.arange(len(RANKS)), ranks)

    def chooser(threshold: float) -> Chooser:
        by_rank = np.where(at_ranks, threshold, math.inf)
        return lambda recordings: choose_by_thresholds(recordings.paths, by_rank)

    best, passed = math.inf, False
    for threshold in np.linspace(1, 0, 201):
        chosen = chooser(threshold)(evaluation_set)
        if _pass_together(evaluation_set, chosen, promise, with_class=False):
            passed = passed or bool((chosen > CLASS).any())
            best = float(threshold) if passed else best
        elif passed:
            break
    return chooser(best)


def _one_at_each_rank(evaluation_set: EvaluationSet, promise: float) -> Chooser:
    """The lowest threshold at which every rank passes."""
    for threshold in np.linspace(0, 1, 201):
        by_rank = np.array([0.0, *(threshold for _ in RANKS[1:])])
        if _pass_at_each_rank(
            evaluation_set, choose_by_thresholds(evaluation_set.paths, by_rank), promise
        ):
            return lambda recordings: choose_by_thresholds(recordings.paths, by_rank)
    return lambda recordings: choose_by_thresholds(
        recordings.paths, np.array([0.0, *(math.inf for _ in RANKS[1:])])
    )


def _climbing(evaluation_set: EvaluationSet, promise: float) -> Chooser:
    """The score of a recording is the highest probability of a wrong taxon on its path."""
    wrong = np.where(
        evaluation_set.right | (evaluation_set.paths.nodes < 0),
        0.0,
        evaluation_set.paths.probabilities,
    )
    taken = wrong[:, CLASS + 1 :].max(axis=1)
    quantile = _conformal_quantile(taken, promise)

    def choose(recordings: EvaluationSet) -> Indices:
        reached = (recordings.paths.probabilities > quantile) & (recordings.paths.nodes >= 0)
        return lowest_rank(recordings.paths, reached)

    return choose


def _darts(evaluation_set: EvaluationSet, promise: float) -> Chooser:
    def chooser(weight: float) -> Chooser:
        def choose(recordings: EvaluationSet) -> Indices:
            if math.isinf(weight):
                return lowest_rank(recordings.paths, np.zeros(recordings.right.shape, bool))
            gain = (recordings.information + weight) * recordings.paths.probabilities
            gain[recordings.paths.nodes < 0] = -1
            return lowest_rank(recordings.paths, gain >= gain.max(axis=1, keepdims=True))

        return choose

    best = _LAMBDAS[0]
    for weight in _LAMBDAS[1:]:
        if not _pass_together(
            evaluation_set, chooser(weight)(evaluation_set), promise, with_class=True
        ):
            break
        best = weight
    return chooser(float(best))


def _conformal_set(evaluation_set: EvaluationSet, promise: float) -> Chooser:
    """The set contains all labels above a conformal quantile of the true labels' probabilities."""
    cutoff = -_conformal_quantile(-evaluation_set.truth, promise)
    return lambda recordings: lowest_rank(
        recordings.paths, (recordings.runner_ups < cutoff) & (recordings.paths.nodes >= 0)
    )


def _conformal_quantile(scores: Probabilities, promise: float) -> float:
    """The ``ceil((n + 1) promise)``-th smallest score; infinite if there are too few."""
    place = math.ceil((len(scores) + 1) * promise - 1e-9)
    return float(np.sort(scores)[place - 1]) if place <= len(scores) else math.inf


def _pass_together(
    evaluation_set: EvaluationSet, chosen: Indices, promise: float, *, with_class: bool
) -> bool:
    """Whether the answers at all ranks keep the promise together."""
    answered = np.flatnonzero(chosen >= CLASS if with_class else chosen > CLASS)
    if not len(answered):
        return True
    right = evaluation_set.right[answered, chosen[answered]]
    sessions = evaluation_set.sessions[answered]
    effect = design_effect(sessions, intraclass_correlation(right, sessions))
    return bool(meets_target(right.sum(), len(right), promise, effect))


def _pass_at_each_rank(evaluation_set: EvaluationSet, chosen: Indices, promise: float) -> bool:
    """Whether the answers at every rank that has enough keep the promise by themselves."""
    n_passed = 0
    for rank in range(CLASS + 1, len(RANKS)):
        right, sessions = (
            evaluation_set.right[chosen == rank, rank],
            evaluation_set.sessions[chosen == rank],
        )
        if not len(right):
            continue
        effect = design_effect(sessions, intraclass_correlation(right, sessions))
        if len(right) / effect < (min_samples(promise) or math.inf):
            continue
        if not meets_target(right.sum(), len(right), promise, effect):
            return False
        n_passed += 1
    return n_passed > 0


BY_RANK = Rule("a threshold for each rank", _by_rank)
ONE_THRESHOLD = Rule(
    "one threshold for all ranks",
    lambda evaluation_set, promise: _one_threshold(
        evaluation_set, promise, tuple(range(CLASS + 1, len(RANKS)))
    ),
)
ONE_AT_EACH_RANK = Rule("one threshold, kept at each rank", _one_at_each_rank)
SPECIES_ONLY = Rule(
    "species or nothing",
    lambda evaluation_set, promise: _one_threshold(evaluation_set, promise, (SPECIES,)),
)
CLIMBING = Rule("climbing, conformal quantile", _climbing)
DARTS = Rule("DARTS", _darts)
CONFORMAL_SET = Rule("conformal set's common ancestor", _conformal_set)
BY_HAND = (
    fixed_thresholds("0.78 at every rank", **dict.fromkeys(RANKS[1:], 0.78)),
    fixed_thresholds(
        "0.8 for species, 0.65 above", **{**dict.fromkeys(RANKS[1:], 0.65), "species": 0.8}
    ),
)
"""Fixed thresholds of iNaturalist and SpeciesNet [4]_, which do not depend on the promise."""

RULES = (BY_RANK, ONE_THRESHOLD, ONE_AT_EACH_RANK, SPECIES_ONLY, CLIMBING, DARTS, CONFORMAL_SET)
