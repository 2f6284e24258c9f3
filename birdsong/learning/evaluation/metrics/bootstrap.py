"""Confidence intervals of metrics, by resampling sessions.

The recordings of a session resemble each other, so that whole sessions are resampled, never single
recordings, which would give intervals that are too narrow.

**Shares of recordings** such as top-1. Sessions get weights from a Dirichlet distribution (the
Bayesian bootstrap [1]_), so that a label with one session never drops out. If all recordings are
right, or none is, every resample gives the same value; the interval is then that of Clopper and
Pearson with each session counted once.

**Means over labels** such as macro recall and mean average precision. Labels are strata [3]_:
of the n sessions of a label n - 1 are drawn with replacement, which makes the variance unbiased for
labels with two or three sessions (Dirichlet weights give a third of it at two). A label with one
session has no variance of its own: weighted sessions gave macro recall an interval of 11.1 to
11.1 % on 14 recordings. All labels with one session are collapsed into one stratum [4]_ and drawn
as if they were sessions of one label, so that the interval is rather too wide than too narrow. The
interval is that of Clopper and Pearson with the effective sample size that gives the variance
[5]_, since bootstrap quantiles of few labels are too narrow near 0 and 1. A session with two labels
counts as a session of each.

On simulated data of 9 to 80 labels with 1 to 20 sessions each, the 95 % interval of macro recall
covers the true value in 90 to 100 of 100 cases. Quantiles over Dirichlet weights cover it in 0 to
76 when labels have one to three sessions. The tests repeat this on a small scale.

References
----------
.. [1] Rubin (1981), The Bayesian Bootstrap, Annals of Statistics 9(1).
.. [2] Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13.
.. [3] Rao & Wu (1988), Resampling inference with complex survey data, Journal of the American
   Statistical Association 83(401).
.. [4] Wolter (2007), Introduction to Variance Estimation, section 2.5: collapsed strata.
.. [5] Korn & Graubard (1998), Confidence intervals for proportions with small expected number of
   positive counts estimated from survey data, Survey Methodology 24.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from birdsong.arrays import IntArray
from birdsong.selective.bounds import clopper_pearson, design_effect

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-9


def session_interval(
    metric: Callable[[Floats], float],
    sessions: Sequence[str],
    *,
    n_resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a metric under random weights of sessions.

    Parameters
    ----------
    metric : callable
        Takes the weights of the items, float64 ``(n,)``.
    sessions : sequence of str, length n
        Session of each item.
    n_resamples : int
    level : float in (0, 1)
        Confidence level.
    seed : int

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If there is no item.
    """
    names, session_of = _encode(sessions)
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(n_resamples):
        drawn = len(names) * generator.dirichlet(np.ones(len(names)))
        values.append(metric(drawn[session_of]))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def share_interval(
    share: Callable[[Floats], float],
    sessions: Sequence[str],
    *,
    n_resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of a share of items: `session_interval`, and an exact interval at 0 and 1.

    Parameters
    ----------
    share : callable
        Takes the weights of the items, float64 ``(n,)``; returns the weighted share of right items.
    sessions : sequence of str, length n
    n_resamples, level, seed
        As in `session_interval`.

    Returns
    -------
    low, high : float in [0, 1]
        0 and 1 if there is only one session, and only a part of it is right.

    Raises
    ------
    ValueError
        If there is no item.
    """
    names, session_of = _encode(sessions)
    n_effective = len(session_of) / design_effect(session_of, 1.0)
    interval = _degenerate_interval(
        share(np.ones(len(session_of))), n_effective, n_units=len(names), level=level
    )
    if interval is not None:
        return interval
    return session_interval(share, sessions, n_resamples=n_resamples, level=level, seed=seed)


def label_mean_interval(
    by_label: Callable[[Floats], Floats],
    labels: IntArray,
    sessions: Sequence[str],
    *,
    n_resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of a mean over labels of a per-label share, also for labels with one session.

    Parameters
    ----------
    by_label : callable
        Takes the weights of the items, float64 ``(n,)``; returns the share of each label, NaN for
        labels without an item.
    labels : int, shape (n,)
        Label of each item.
    sessions : sequence of str, length n
    n_resamples, level, seed
        As in `session_interval`.

    Returns
    -------
    low, high : float in [0, 1]
        0 and 1 if there is only one session, and only a part of it is right.

    Raises
    ------
    ValueError
        If there is no item.
    """
    _, session_of = _encode(sessions)
    units, unit_of = np.unique(np.stack([labels, session_of]), axis=1, return_inverse=True)
    unit_of = unit_of.reshape(-1)  # NumPy 2.0 alone gives it another shape
    present, stratum_of, n_sessions = np.unique(units[0], return_inverse=True, return_counts=True)
    value = float(by_label(np.ones(len(labels)))[present].mean())
    # The smallest effective sample size: each session counts as one recording.
    n_min = len(present) ** 2 / (1 / n_sessions).sum()
    interval = _degenerate_interval(value, n_min, n_units=len(units[0]), level=level)
    if interval is not None:
        return interval
    single = np.flatnonzero(n_sessions == 1)
    collapsed = single if len(single) > 1 else np.arange(len(present))
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(n_resamples):
        weights = np.ones(len(units[0]))
        for stratum in np.flatnonzero(n_sessions > 1):
            n = n_sessions[stratum]
            counts = generator.multinomial(n - 1, np.full(n, 1 / n))
            weights[stratum_of == stratum] = counts * n / (n - 1)
        shares = by_label(weights[unit_of])[present]
        if len(single):
            drawn = generator.choice(collapsed, max(1, len(single) - 1))
            shares[single] = shares[drawn].mean()
        means.append(shares.mean())
    variance = float(np.var(means))
    n = value * (1 - value) / variance if variance > _ROUNDING**2 else n_min
    return clopper_pearson(value * n, n, level=1 - level)


def _degenerate_interval(
    value: float, n_effective: float, *, n_units: int, level: float
) -> tuple[float, float] | None:
    """Interval of a share that resampling says nothing about: of 0, of 1, or of a single unit."""
    if value < _ROUNDING or value > 1 - _ROUNDING:
        return clopper_pearson(round(value) * n_effective, n_effective, level=1 - level)
    return (0.0, 1.0) if n_units == 1 else None


def _encode(sessions: Sequence[str]) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Distinct sessions, and the index of each item's session among them."""
    if not len(sessions):
        raise ValueError("expected at least one session, got none")
    names, session_of = np.unique(np.asarray(sessions), return_inverse=True)
    return names, session_of
