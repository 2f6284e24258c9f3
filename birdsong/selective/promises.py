"""Promises: how sure an answer must be at each rank, so that the answers given there are right.

A promise of 0.9 means that of the answers given at a rank, each rank by itself, at least 90 % are
right. Every rank has a threshold, and a recording is answered at the lowest rank whose taxon on its
path reaches it. Thresholds are fitted to recordings that the model has not learned from.

**When a promise holds.** The answers at a rank pass when the share of them that is right is a
standard error above the promise, and when they are so many that a one-sided 95 % bound could
support it; see `bounds`. A rank at which nothing is answered passes. So a promise is kept in five
of six cases, were the recordings that are asked about like those that calibrate; thresholds at
which the bound itself is as high as the promise give away more than half of the species answers of
a model that is calibrated by a thousand recordings. The margin also keeps from naming what the
model never learned: see the README for what it gives away and what it gains.

**Which threshold.** The lowest at which the answers pass. To look for it among many makes it
likelier that one passes by luck; but surer answers are more often right, so that luck can carry it
only a little below the last that deserves to pass. Tried on recordings whose true chances are
known, the answers are right at least as often as promised. Where no recording is left
that shows where to stop, a probability as high as the promise is enough.

**A higher promise answers with the same taxon or an ancestor.** Promises are fitted from the
highest down. Each begins with the thresholds of the one above, which hold at it all the more, and
lowers them, the lowest rank first, to where the answers at every rank pass: those that a rank takes
from the ranks above were their surest. So no threshold rises when the promise falls.
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
"""Promises with thresholds of their own; one between two of them is kept as the higher one is."""

_MOST_TRIED = 200  # of the thresholds of a rank, against the ranks above it

NOTHING = -1
"""In the place of a rank's column: nothing is answered, not even that it is a bird."""

CLASS = RANKS.index("class")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """The thresholds of every promise.

    Attributes
    ----------
    thresholds : mapping of float to tuple of float
        For each promise of `GRID` one for each rank of `RANKS`: the probability that a taxon must
        reach; infinite where nothing is answered at the rank. That of the class is 0.
    n_recordings : int
        How many recordings they were fitted to.
    """

    thresholds: Mapping[float, tuple[float, ...]]
    n_recordings: int

    @property
    def highest(self) -> float | None:
        """The highest promise that some answer below the class keeps; None where there is none."""
        kept = [
            promise
            for promise, thresholds in self.thresholds.items()
            if any(map(math.isfinite, thresholds[CLASS + 1 :]))
        ]
        return max(kept, default=None)

    def at(self, promise: float) -> tuple[float, ...]:
        """Thresholds of the ranks, for the promise or the next one above it that has some.

        Above all of them nothing but the class is answered.
        """
        kept = [each for each in self.thresholds if each >= promise - 1e-9]
        return self.thresholds[min(kept)] if kept else _NOTHING_BUT_CLASS

    def choose(self, paths: Paths, promise: float) -> Indices:
        """Rank of the answer to each recording.

        Returns
        -------
        int, shape (n,)
            Column of `RANKS`: the lowest whose taxon reaches its threshold; 0 for a bird and
            nothing closer, `NOTHING` for no bird.
        """
        return _chosen(paths, np.array(self.at(promise)))

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that is ready for JSON; None for infinity."""
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
        Of recordings that the model has not learned from.
    right : bool, shape (n, 5)
        Which taxa of each path the recording is of, as from `LabelTree.right`.
    sessions : int, shape (n,)
        The session of each.

    Returns
    -------
    Promises
    """
    fit = _Fit(paths, right, sessions)
    return Promises(
        thresholds={promise: fit.lower(promise) for promise in GRID}, n_recordings=len(paths)
    )


def check_promise(promise: float) -> None:
    """See that a promise is one.

    Raises
    ------
    TaxonomyError
    """
    if not 0 < promise <= 1:
        raise TaxonomyError(
            f"'promise' must be greater than 0 and at most 1, such as 0.9, got {promise}"
        )


class _Fit:
    """Thresholds that only fall, from promise to promise."""

    def __init__(
        self, paths: Paths, right: npt.NDArray[np.bool_], sessions: npt.NDArray[np.integer]
    ) -> None:
        self._paths, self._right = paths, right
        self._sessions = np.unique(sessions, return_inverse=True)[1]
        self._thresholds = np.array(_NOTHING_BUT_CLASS)
        self._correlations = [
            intraclass_correlation(right[there, rank], sessions[there])
            for rank, there in enumerate(paths.nodes.T >= 0)
        ]

    def lower(self, promise: float) -> tuple[float, ...]:
        """Lower the thresholds as far as the promise holds at every rank."""
        for rank in range(len(RANKS) - 1, 0, -1):
            # From the lowest that the rank's own answers allow: those taken from the ranks above
            # must leave enough there, or none.
            for threshold in self._passing(rank, promise):
                lowered = self._thresholds.copy()
                lowered[rank] = threshold
                chosen = _chosen(self._paths, lowered)
                if all(self._holds(chosen == above, above, promise) for above in range(1, rank)):
                    self._thresholds = lowered
                    break
        return tuple(self._thresholds.tolist())

    def _passing(self, rank: int, promise: float) -> list[float]:
        """Lower thresholds of a rank at which its own answers pass, the lowest first."""
        chosen = _chosen(self._paths, self._thresholds)
        # What is answered at this rank, and what is not answered as closely, surest first.
        there = (chosen >= CLASS) & (chosen <= rank) & (self._paths.nodes[:, rank] >= 0)
        order = np.flatnonzero(there)
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
        if len(at) > _MOST_TRIED:
            at = at[np.unique(np.geomspace(1, len(at), _MOST_TRIED).astype(int)) - 1]
        thresholds: list[float] = probabilities[at].tolist()
        if passing[-1]:
            # None is left to show where to stop: as probable as promised is enough.
            thresholds[0] = min(thresholds[0], promise)
        return [each for each in thresholds if each < self._thresholds[rank]]

    def _holds(self, answered: Indices | npt.NDArray[np.bool_], rank: int, promise: float) -> bool:
        """Whether a promise holds for the recordings that are answered at a rank."""
        right, sessions = self._right[answered, rank], self._sessions[answered]
        if not len(right):
            return True
        effect = design_effect(sessions, self._correlations[rank])
        return bool(meets_target(right.sum(), len(right), promise, effect))


def _chosen(paths: Paths, thresholds: Probabilities) -> Indices:
    """Column of the lowest rank that reaches its threshold, for each path."""
    reached = (paths.probabilities >= thresholds) & (paths.nodes >= 0)
    reached[:, CLASS] = True
    lowest: Indices = len(RANKS) - 1 - reached[:, ::-1].argmax(axis=1)
    lowest[paths.bird < 0.5] = NOTHING
    return lowest


_NOTHING_BUT_CLASS = (0.0, *(math.inf for _ in RANKS[1:]))
