"""The calibration of a bundle: pooling rule, temperatures, thresholds.

`learning.evaluation.calibration_fit` fits them, and the bundle stores them. If answers are limited
to a list of species, this module fits the thresholds again, to the calibration recordings of the
allowed species. It also has the defaults of a bundle without a calibration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from birdsong.bundle.calibration_data import CalibrationData
from birdsong.bundle.pooling import DEFAULT_POOLING, POOLINGS, Probabilities, pool
from birdsong.selective.promises import Promises, fit_promises
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.lineage import RANKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The fitted numbers.

    Attributes
    ----------
    pooling : str
        The rule that pools the segments of a recording, one of `pooling.POOLINGS`.
    temperatures : mapping of str to float
        Softmax temperature of each rank, from the labels' rank up to the order.
    promises : Promises
    """

    pooling: str
    temperatures: Mapping[str, float]
    promises: Promises

    def to_dict(self) -> dict[str, Any]:
        """Return a mapping that is ready for JSON."""
        return {
            "pooling": self.pooling,
            "temperatures": dict(self.temperatures),
            "promises": self.promises.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Read the result of `to_dict`.

        Raises
        ------
        KeyError
            If a field is missing.
        ValueError
            If one is out of its range.
        """
        temperatures = {str(rank): float(t) for rank, t in fields["temperatures"].items()}
        if not set(temperatures) <= set(RANKS[1:]):
            raise ValueError(f"temperatures of unknown ranks: {', '.join(temperatures)}")
        if not all(0 < each < math.inf for each in temperatures.values()):
            raise ValueError("temperatures must be greater than 0")
        if fields["pooling"] not in POOLINGS:
            raise ValueError(f"unknown rule to pool segments by: {fields['pooling']!r}")
        return cls(
            pooling=fields["pooling"],
            temperatures=temperatures,
            promises=Promises.from_dict(fields["promises"]),
        )


def pooling_of(calibration: Calibration | None) -> str:
    """The rule that pools segments, `DEFAULT_POOLING` without a calibration."""
    return DEFAULT_POOLING if calibration is None else calibration.pooling


def temperatures_of(calibration: Calibration | None) -> Mapping[str, float]:
    """The temperature of each rank; empty without a calibration, which means 1."""
    return {} if calibration is None else calibration.temperatures


def pool_recordings(
    data: CalibrationData, *, has_background: bool, rule: str
) -> tuple[Probabilities, Probabilities]:
    """Pool the segments of every recording.

    Parameters
    ----------
    data : CalibrationData
    has_background : bool
        Whether the last column of the logits is the background class.
    rule : str
        One of `pooling.POOLINGS`.

    Returns
    -------
    labels : float64, shape (n, n_labels)
        Probability of each label, given that the recording holds a bird.
    bird : float64, shape (n,)
        Probability that it holds one.
    """
    pooled = [
        pool(
            data.logits[own],
            has_background=has_background,
            signal_level_db=data.signal_level_db[own],
            rule=rule,
        )
        for own in data.segments
    ]
    return np.stack([each.labels for each in pooled]), np.array([each.bird for each in pooled])


def fit_promises_for_allowed(
    data: CalibrationData, tree: LabelTree, *, has_background: bool, rule: str
) -> Promises:
    """Fit the thresholds to the recordings whose label is allowed in a tree.

    Parameters
    ----------
    data : CalibrationData
    tree : LabelTree
    has_background : bool
    rule : str
        One of `pooling.POOLINGS`.

    Returns
    -------
    Promises
    """
    chosen = np.flatnonzero(tree.allowed_mask[data.y_true])
    if not len(chosen):
        return Promises(thresholds={}, n_recordings=0)
    data = data.of(chosen)
    labels, bird = pool_recordings(data, has_background=has_background, rule=rule)
    return fit_promises_to(tree, labels, bird, data.y_true, data.sessions)


def fit_promises_to(
    tree: LabelTree,
    labels: Probabilities,
    bird: Probabilities,
    y_true: npt.NDArray[np.integer],
    sessions: tuple[str, ...],
) -> Promises:
    """Fit the thresholds to the probabilities of recordings and their true labels.

    Parameters
    ----------
    tree : LabelTree
    labels : float64, shape (n, n_labels)
        Pooled probabilities, given that there is a bird.
    bird : float64, shape (n,)
    y_true : int, shape (n,)
    sessions : tuple of str, length n

    Returns
    -------
    Promises
    """
    paths = tree.paths(labels, bird)
    codes = np.unique(np.array(sessions), return_inverse=True)[1]
    return fit_promises(paths, tree.right(paths, y_true), codes)
