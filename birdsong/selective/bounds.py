"""Whether a share of right answers keeps a promise, when recordings come in sessions.

Recordings of a session resemble each other and are not so many witnesses: ``n`` of them tell as
much as ``n`` divided by the design effect ``1 + rho (sum_s n_s^2 / n - 1)`` would that stand alone,
with ``n_s`` recordings of session ``s`` and ``rho`` the intraclass correlation of being right [2]_.

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

from birdsong.taxa.label_tree import Probabilities

LEVEL = 0.05
"""Probability of error of the one-sided bounds."""


def min_samples(promise: float) -> int | None:
    """How many recordings, all of them right, it takes to support a promise; None for 1.

    So many that the one-sided 95 % lower bound of their accuracy is at the promise [1]_.
    """
    if promise >= 1:
        return None
    return math.ceil(math.log(LEVEL) / math.log(promise) - 1e-9)


def meets_target(
    n_right: npt.ArrayLike, n: npt.ArrayLike, promise: float, design_effect: npt.ArrayLike = 1.0
) -> npt.NDArray[np.bool_]:
    """Whether answers keep a promise.

    They do when the share that is right is a standard error above what is promised, so that the
    next answers keep it in five of six cases and not in every other. Besides, they must be so many
    as could support the promise, see `min_samples`. No answer at all breaks none.

    Parameters
    ----------
    n_right, n : int, shape (...)
        Recordings answered right, and all that were answered.
    promise : float in (0, 1)
    design_effect : float, shape (...), at least 1
        How many recordings tell as much as one would that stands alone.

    Returns
    -------
    bool, shape (...)
    """
    n, right, effect = (np.asarray(each, np.float64) for each in (n, n_right, design_effect))
    standard_error = np.sqrt(promise * (1 - promise) * effect * n)  # of how many are right
    right_enough = right - standard_error >= promise * n - 1e-9
    many_enough = n / effect >= (min_samples(promise) or math.inf) - 1e-9
    passing: npt.NDArray[np.bool_] = (right_enough & many_enough) | (n == 0)
    return passing


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


def design_effects(sessions: npt.NDArray[np.integer]) -> Probabilities:
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
