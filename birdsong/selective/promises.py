"""Promises: the thresholds at each rank with which answers there have the promised accuracy.

A promise of 0.9 means that at least 90 % of the answers at each rank are right. Every rank has a
threshold, and the answer to a recording is at the lowest rank whose taxon on the path reaches its
threshold. Thresholds are fitted to recordings that the model was not trained on.

**When a promise is kept.** The answers at a rank pass if their accuracy is a standard error above
the promise, and if there are enough of them for a one-sided 95 % bound to support it; see `bounds`.
A rank without answers passes. So a promise is kept in five of six cases, if new recordings are like
those of the calibration. Requiring that the bound itself reaches the promise would lose more than
half of the species answers of a model that is calibrated by a thousand recordings. The margin also
reduces wrong names for species that the model does not know; the README has the numbers.

**Which threshold.** The lowest at which the answers pass. Searching among many thresholds makes it
more likely that one passes by chance. But more probable answers are more often right, so chance
lowers the threshold only a little. In simulations with known probabilities, the answers are right
at least as often as promised. If all recordings pass, the promise itself is the threshold.

**A higher promise answers with the same taxon or an ancestor.** Promises are fitted from the
highest down. Each starts from the thresholds of the promise above, which are strict enough for it,
and lowers them, beginning with the lowest rank, as far as the answers at every rank pass: a rank
takes the most probable answers from the ranks above. So no threshold rises when the promise falls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.selective.bounds import (
    design_effect,
    design_effects,
    intraclass_correlation,
    meets_target,
)
from birdsong.taxa.label_tree import Indices, Paths, Probabilities
from birdsong.taxa.lineage import RANKS

GRID = (0.999, 0.995, 0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Promises with thresholds of their own; a promise between two of them uses the higher one."""

_MAX_TRIED = 200  # of the thresholds of a rank, against the ranks above it

NOTHING = -1
"""Used instead of a rank's column for no answer, not even that there is a bird."""

CLASS = RANKS.index("class")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """The thresholds of every promise.

    Attributes
    ----------
    thresholds : mapping of float to tuple of float
        For each promise of `GRID`, one threshold for each rank of `RANKS`: the probability that a
        taxon must reach; infinite if the rank has no answers. That of the class is 0.
    n_recordings : int
        Number of recordings that they were fitted to.
    """

    thresholds: Mapping[float, tuple[float, ...]]
    n_recordings: int

    @property
    def highest(self) -> float | None:
        """The highest promise with an answer below the class; None if there is none."""
        supported = [
            promise
            for promise, thresholds in self.thresholds.items()
            if any(map(math.isfinite, thresholds[CLASS + 1 :]))
        ]
        return max(supported, default=None)

    def at(self, promise: float) -> tuple[float, ...]:
        """Thresholds of the ranks, for the promise or the next higher one that has some.

        Above the highest one, only the class is answered.
        """
        supported = [each for each in self.thresholds if each >= promise - 1e-9]
        return self.thresholds[min(supported)] if supported else _CLASS_ONLY

    def choose(self, paths: Paths, promise: float) -> Indices:
        """Rank of the answer to each recording.

        Returns
        -------
        int, shape (n,)
            Column of `RANKS`: the lowest whose taxon reaches its threshold; 0 for the class alone,
            `NOTHING` for no bird.
        """
        return choose_by_thresholds(paths, np.array(self.at(promise)))

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping of JSON values; None for infinity."""
        return {
            "n_recordings": self.n_recordings,
            "thresholds": [
                {
                    "promise": promise,
                    **{
                        rank: None if math.isinf(threshold) else threshold
                        for rank, threshold in zip(RANKS[1:], thresholds[1:], strict=True)
                    },
                }
                for promise, thresholds in self.thresholds.items()
            ],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read the result of `to_dict`.

        Raises
        ------
        ValueError
            If a promise or a threshold is not in [0, 1], or a threshold falls where the promise
            rises.
        """
        thresholds = {
            float(row["promise"]): (
                0.0,
                *(math.inf if row[rank] is None else float(row[rank]) for rank in RANKS[1:]),
            )
            for row in fields["thresholds"]
        }
        ascending = [thresholds[promise] for promise in sorted(thresholds)]
        values = np.array(ascending).reshape(-1, len(RANKS))
        finite = np.append(values[np.isfinite(values)], list(thresholds))
        if not ((finite >= 0) & (finite <= 1)).all() or np.isnan(values).any():
            raise ValueError("a promise and its thresholds must be from 0 to 1")
        if (values[:-1] > values[1:]).any():
            raise ValueError("a higher promise must not have a lower threshold")
        return cls(thresholds=thresholds, n_recordings=int(fields["n_recordings"]))


def fit_promises(
    paths: Paths, right: npt.NDArray[np.bool_], sessions: npt.NDArray[np.integer]
) -> Promises:
    """Find the thresholds at which each promise holds at every rank.

    Parameters
    ----------
    paths : Paths
        Of recordings that the model was not trained on.
    right : bool, shape (n, 5)
        Which taxa of each path the recording is of, as from `LabelTree.right`.
    sessions : int, shape (n,)
        The session of each.

    Returns
    -------
    Promises
    """
    fit = _PromiseFitter(paths, right, sessions)
    return Promises(
        thresholds={promise: fit.lower_thresholds(promise) for promise in GRID},
        n_recordings=len(paths),
    )


def check_promise(promise: float) -> None:
    """Check that a promise is in (0, 1].

    Raises
    ------
    TaxonomyError
    """
    if not 0 < promise <= 1:
        raise TaxonomyError(
            f"'promise' must be greater than 0 and at most 1, such as 0.9, got {promise}"
        )


class _PromiseFitter:
    """Fits thresholds that only fall from one promise to the next lower one."""

    def __init__(
        self, paths: Paths, right: npt.NDArray[np.bool_], sessions: npt.NDArray[np.integer]
    ) -> None:
        self._paths, self._right = paths, right
        self._sessions = np.unique(sessions, return_inverse=True)[1]
        self._thresholds = np.array(_CLASS_ONLY)
        self._correlations = [
            intraclass_correlation(right[has_taxon, rank], sessions[has_taxon])
            for rank, has_taxon in enumerate(paths.nodes.T >= 0)
        ]

    def lower_thresholds(self, promise: float) -> tuple[float, ...]:
        """Lower the thresholds as far as the promise holds at every rank."""
        for rank in range(len(RANKS) - 1, 0, -1):
            # The lowest threshold comes first. What it takes from the ranks above must leave
            # those ranks with a promise that is kept.
            for threshold in self._passing_thresholds(rank, promise):
                lowered = self._thresholds.copy()
                lowered[rank] = threshold
                chosen = choose_by_thresholds(self._paths, lowered)
                if all(self._is_kept(chosen == above, above, promise) for above in range(1, rank)):
                    self._thresholds = lowered
                    break
        return tuple(self._thresholds.tolist())

    def _passing_thresholds(self, rank: int, promise: float) -> list[float]:
        """Lower thresholds of a rank at which its own answers pass, the lowest first."""
        chosen = choose_by_thresholds(self._paths, self._thresholds)
        # Recordings answered at this rank or above it, the most probable first.
        has_taxon = (chosen >= CLASS) & (chosen <= rank) & (self._paths.nodes[:, rank] >= 0)
        order = np.flatnonzero(has_taxon)
        order = order[np.argsort(-self._paths.probabilities[order, rank], kind="stable")]
        probabilities = self._paths.probabilities[order, rank]
        if not len(order):
            return []
        n = np.arange(1, len(order) + 1)
        effect = 1 + self._correlations[rank] * design_effects(self._sessions[order])
        n_right = np.cumsum(self._right[order, rank])
        passing = meets_target(n_right, n, promise, effect)
        passing[:-1] &= probabilities[:-1] > probabilities[1:]  # equal ones are answered together
        at = np.flatnonzero(passing)[::-1]
        if len(at) > _MAX_TRIED:
            at = at[np.unique(np.geomspace(1, len(at), _MAX_TRIED).astype(int)) - 1]
        thresholds: list[float] = probabilities[at].tolist()
        if passing[-1]:
            # All recordings pass, so they set no limit: the promise itself is the threshold.
            thresholds[0] = min(thresholds[0], promise)
        return [each for each in thresholds if each < self._thresholds[rank]]

    def _is_kept(
        self, answered: Indices | npt.NDArray[np.bool_], rank: int, promise: float
    ) -> bool:
        """Whether the answers at a rank keep a promise."""
        right, sessions = self._right[answered, rank], self._sessions[answered]
        if not len(right):
            return True
        effect = design_effect(sessions, self._correlations[rank])
        return bool(meets_target(right.sum(), len(right), promise, effect))


def choose_by_thresholds(paths: Paths, thresholds: Probabilities) -> Indices:
    """Choose the lowest rank whose taxon reaches its threshold, for each recording.

    Parameters
    ----------
    paths : Paths
    thresholds : float64, shape (5,)
        One for each rank of `RANKS`.

    Returns
    -------
    int, shape (n,)
        Column of `RANKS`, as from `lowest_rank`.
    """
    return lowest_rank(paths, (paths.probabilities >= thresholds) & (paths.nodes >= 0))


def lowest_rank(paths: Paths, reached: npt.NDArray[np.bool_]) -> Indices:
    """Return the lowest rank that is reached on the path of each recording.

    Parameters
    ----------
    paths : Paths
    reached : bool, shape (n, 5)
        Whether each taxon of a path is sure enough to be the answer.

    Returns
    -------
    int, shape (n,)
        Column of `RANKS`: 0, the class, if no other is reached; `NOTHING` for no bird.
    """
    reached = reached.copy()
    reached[:, CLASS] = True
    lowest: Indices = len(RANKS) - 1 - reached[:, ::-1].argmax(axis=1)
    lowest[paths.bird < 0.5] = NOTHING
    return lowest


_CLASS_ONLY = (0.0, *(math.inf for _ in RANKS[1:]))
