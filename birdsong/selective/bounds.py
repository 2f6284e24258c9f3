"""Whether the accuracy of answers keeps a promise, when recordings are clustered in sessions.

Recordings of a session are correlated. ``n`` of them are worth ``n`` divided by the design effect
``1 + rho (sum_s n_s^2 / n - 1)`` independent ones, with ``n_s`` recordings of session ``s`` and
``rho`` the intraclass correlation of being right [2]_.

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
"""Significance level of the one-sided bounds."""


def min_samples(promise: float) -> int | None:
    """Minimum number of recordings, all answered right, that supports a promise; None for 1.

    It is the number for which the one-sided 95 % lower bound of their accuracy is the promise [1]_.
    """
    if promise >= 1:
        return None
    return math.ceil(math.log(LEVEL) / math.log(promise) - 1e-9)


def meets_target(
    n_right: npt.ArrayLike, n: npt.ArrayLike, promise: float, design_effect: npt.ArrayLike = 1.0
) -> npt.NDArray[np.bool_]:
    """Whether the accuracy of answers keeps a promise.

    It does if it is a standard error above the promise, so that the next answers keep it in five of
    six cases rather than in half, and if there are at least `min_samples` answers. Without any
    answer, the promise is kept.

    Parameters
    ----------
    n_right, n : int, shape (...)
        Number of right answers, and of all answers.
    promise : float in (0, 1)
    design_effect : float, shape (...), at least 1
        How many recordings are worth one independent recording.

    Returns
    -------
    bool, shape (...)
    """
    n, right, effect = (np.asarray(each, np.float64) for each in (n, n_right, design_effect))
    standard_error = np.sqrt(promise * (1 - promise) * effect * n)  # of the number of right answers
    is_accurate = right - standard_error >= promise * n - 1e-9
    is_large = n / effect >= (min_samples(promise) or math.inf) - 1e-9
    meets: npt.NDArray[np.bool_] = (is_accurate & is_large) | (n == 0)
    return meets


def clopper_pearson(n_right: float, n: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Two-sided exact interval of a share.

    Parameters
    ----------
    n_right, n : float
        May be fractions, if divided by a design effect.
    level : float
        Probability that the share is outside the interval.

    Returns
    -------
    low, high : float
        0 and 1 if `n` is 0.
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
        0 if no session has two recordings, or if all recordings are right or all are wrong.
    """
    _, codes, counts = np.unique(sessions, return_inverse=True, return_counts=True)
    n, n_sessions = len(right), len(counts)
    if n_sessions in (n, 1):
        return 0.0
    means = np.bincount(codes, right) / counts
    between = (counts * (means - right.mean()) ** 2).sum() / (n_sessions - 1)
    within = (counts * means * (1 - means)).sum() / (n - n_sessions)
    mean_size = (n - (counts**2).sum() / n) / (n_sessions - 1)
    total = between + (mean_size - 1) * within
    return float(np.clip((between - within) / total, 0, 1)) if total > 0 else 0.0


def design_effect(sessions: npt.NDArray[np.integer], correlation: float) -> float:
    """How many recordings of these sessions are worth one independent recording.

    Parameters
    ----------
    sessions : int, shape (n,)
    correlation : float
        As from `intraclass_correlation`.
    """
    counts = np.bincount(sessions)
    return float(1 + correlation * ((counts**2).sum() / len(sessions) - 1))


def design_effects(sessions: npt.NDArray[np.integer]) -> Probabilities:
    """``sum_s n_s^2 / n - 1`` for the first recording, the first two, and so on.

    Parameters
    ----------
    sessions : int, shape (n,)

    Returns
    -------
    float64, shape (n,)
    """
    by_session = np.argsort(sessions, kind="stable")
    _, firsts, counts = np.unique(sessions[by_session], return_index=True, return_counts=True)
    before = np.empty(len(sessions))  # recordings of the same session that came before
    before[by_session] = np.arange(len(sessions)) - np.repeat(firsts, counts)
    effects: Probabilities = np.cumsum(2 * before + 1) / np.arange(1, len(sessions) + 1) - 1
    return effects
