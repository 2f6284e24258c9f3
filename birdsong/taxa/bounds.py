"""How sure a share of right answers is, when recordings come in sessions.

Recordings of a session resemble each other and are not so many witnesses. Their number, and that of
the right ones, is divided by the design effect ``1 + rho (sum_s n_s^2 / n - 1)``, with ``n_s``
recordings of session ``s`` and ``rho`` the intraclass correlation of being right, before Clopper
and Pearson's exact bounds [1]_ are taken, as Korn and Graubard do [2]_.

References
----------
.. [1] Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of
   the binomial, Biometrika 26.
.. [2] Korn & Graubard (1998), Confidence intervals for proportions with small expected number of
   positive counts estimated from survey data, Survey Methodology 24.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from birdsong.taxa.paths import Probabilities

LEVEL = 0.05
"""Chance that a rank that falls short of a promise passes all the same."""


def needed(promise: float) -> int | None:
    """How many recordings, all of them right, it takes for a promise to hold; None for 1."""
    if promise >= 1:
        return None
    return math.ceil(math.log(LEVEL) / math.log(promise) - 1e-9)


def passes(
    n_right: float, n: float, promise: float, *, design_effect: float = 1.0, level: float = LEVEL
) -> bool:
    """Whether the one-sided lower bound of an accuracy is at or above a promise.

    Parameters
    ----------
    n_right, n : float
        Recordings answered right, and all that were answered; none at all passes.
    promise : float in (0, 1)
    design_effect : float, at least 1
        How many recordings tell as much as one would that stands alone.
    level : float

    Returns
    -------
    bool
    """
    if n == 0:
        return True
    if n_right == 0:
        return False
    return bool(chance_of(n_right, n, promise, design_effect) <= level)


def chance_of(
    n_right: npt.ArrayLike, n: npt.ArrayLike, promise: float, design_effect: npt.ArrayLike
) -> Probabilities:
    """The chance of so many right ones, or more, if the promise were just kept."""
    from scipy.special import betainc  # a tenth of a second that not every answer needs

    right, wrong = np.asarray(n_right), np.subtract(n, n_right)
    chance: Probabilities = betainc(right / design_effect, wrong / design_effect + 1, promise)
    return chance


def clopper_pearson(n_right: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Two-sided exact interval of a share.

    Parameters
    ----------
    n_right, n : float
        Not all may be whole numbers, where a design effect divides them.
    level : float
        Chance that the share lies outside.

    Returns
    -------
    low, high : float
        0 and 1 where there is nothing to count.
    """
    from scipy.special import betaincinv

    wrong = n - n_right
    low = float(betaincinv(n_right, wrong + 1, level / 2)) if n_right > 0 else 0.0
    high = float(betaincinv(n_right + 1, wrong, 1 - level / 2)) if wrong > 0 else 1.0
    return low, high


def intraclass_correlation(
    right: npt.NDArray[np.bool_], sessions: npt.NDArray[np.integer]
) -> float:
    """How alike recordings of a session are in being right, by an analysis of variance.

    Parameters
    ----------
    right : bool, shape (n,)
    sessions : int, shape (n,)

    Returns
    -------
    float in [0, 1]
        0 where no session has two recordings, or all recordings are right or wrong.
    """
    _, codes, counts = np.unique(sessions, return_inverse=True, return_counts=True)
    n, n_sessions = len(right), len(counts)
    if n_sessions in (n, 1):
        return 0.0
    means = np.bincount(codes, right) / counts
    between = (counts * (means - right.mean()) ** 2).sum() / (n_sessions - 1)
    within = (counts * means * (1 - means)).sum() / (n - n_sessions)
    typical = (n - (counts**2).sum() / n) / (n_sessions - 1)
    spread = between + (typical - 1) * within
    return float(np.clip((between - within) / spread, 0, 1)) if spread > 0 else 0.0


def design_effect(sessions: npt.NDArray[np.integer], correlation: float) -> float:
    """How many recordings of these sessions tell as much as one would that stands alone.

    Parameters
    ----------
    sessions : int, shape (n,)
    correlation : float
        As from `intraclass_correlation`.
    """
    counts = np.bincount(sessions)
    return float(1 + correlation * ((counts**2).sum() / len(sessions) - 1))


def crowding(sessions: npt.NDArray[np.integer]) -> Probabilities:
    """Of the first recording, the first two and so on: ``sum_s n_s^2 / n - 1``.

    Parameters
    ----------
    sessions : int, shape (n,)

    Returns
    -------
    float64, shape (n,)
    """
    together = np.argsort(sessions, kind="stable")
    _, firsts, counts = np.unique(sessions[together], return_index=True, return_counts=True)
    before = np.empty(len(sessions))  # recordings of the same session that came before
    before[together] = np.arange(len(sessions)) - np.repeat(firsts, counts)
    crowded: Probabilities = np.cumsum(2 * before + 1) / np.arange(1, len(sessions) + 1) - 1
    return crowded
