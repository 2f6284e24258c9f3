"""How far a figure can be trusted: intervals by weighing sessions anew.

The recordings of a session resemble each other, so that whole sessions are weighed, never single
recordings: those would pretend to know more than they do.

**Shares of recordings.** Weights are drawn from a Dirichlet distribution (the Bayesian bootstrap
[1]_) instead of counted with replacement. A label with one session then never drops out. Where all
recordings are right, or none is, every resample says the same; the interval is then the exact one
of Clopper and Pearson, each session counted once.

**Means over labels** (macro recall, mean average precision). Labels are strata and their sessions
are drawn within each [3]_: one fewer than there are, with replacement, which makes the variance
unbiased where a label has two or three; Dirichlet weights give a third of it at two sessions. A
label with one session varies by no weight at all: weighed sessions gave macro recall an interval of
11.1 to 11.1 % on 14 recordings. Its stratum is collapsed [4]_: all labels with one session are
drawn as if they were sessions of one label, which errs on the side of width by how much those
labels differ. The interval is that of Clopper and Pearson with as many recordings as give the
variance [5]_, since quantiles of few labels are too narrow near 0 and 1. A session of two labels
counts as a session of each.

Measured on simulated labels, 9 to 80 with 1 to 20 sessions each: the 95 % interval of macro recall
holds the true one in 90 to 100 of 100 cases, quantiles over Dirichlet weights in 0 to 76 where
labels have one session to three. The tests of this
module repeat it in small.

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
    """Percentile interval of a metric over sessions weighed at random.

    Parameters
    ----------
    metric : callable
        Takes weights, float64 ``(n,)``: how much each item counts.
    sessions : sequence of str, length n
        The session of each item.
    n_resamples : int
    level : float in (0, 1)
        Share of the resamples within the interval.
    seed : int

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If there is no item.
    """
    names, session_of = _codes(sessions)
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
    """Interval of a share of the items: as `session_interval`, and an honest one of 0 and 1.

    Parameters
    ----------
    share : callable
        Takes weights, float64 ``(n,)``, and gives the weighted share of items that are right.
    sessions : sequence of str, length n
    n_resamples, level, seed
        As in `session_interval`.

    Returns
    -------
    low, high : float in [0, 1]
        0 and 1 where one session is partly right, which tells nothing of others.

    Raises
    ------
    ValueError
        If there is no item.
    """
    names, session_of = _codes(sessions)
    value = share(np.ones(len(session_of)))
    if value < _ROUNDING or value > 1 - _ROUNDING:
        n = len(session_of) / design_effect(session_of, 1.0)
        return clopper_pearson(round(value) * n, n, level=1 - level)
    if len(names) == 1:
        return 0.0, 1.0
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
    """Interval of a mean over labels of shares, honest where labels have one session.

    Parameters
    ----------
    by_label : callable
        Takes weights, float64 ``(n,)``, and gives the share of each label, NaN where no item has
        it.
    labels : int, shape (n,)
        The label of each item.
    sessions : sequence of str, length n
    n_resamples, level, seed
        As in `session_interval`.

    Returns
    -------
    low, high : float in [0, 1]
        0 and 1 where one session is partly right, which tells nothing of others.

    Raises
    ------
    ValueError
        If there is no item.
    """
    _, session_of = _codes(sessions)
    units, unit_of = np.unique(np.stack([labels, session_of]), axis=1, return_inverse=True)
    unit_of = unit_of.reshape(-1)  # NumPy 2.0 alone gives it another shape
    there, stratum_of, n_sessions = np.unique(units[0], return_inverse=True, return_counts=True)
    value = float(by_label(np.ones(len(labels)))[there].mean())
    # As many recordings as tell as much, were each session one: the least there can be.
    least = len(there) ** 2 / (1 / n_sessions).sum()
    if value < _ROUNDING or value > 1 - _ROUNDING:
        return clopper_pearson(round(value) * least, least, level=1 - level)
    if len(units[0]) == 1:
        return 0.0, 1.0
    alone = np.flatnonzero(n_sessions == 1)
    like_them = alone if len(alone) > 1 else np.arange(len(there))
    generator = np.random.default_rng(seed)
    means = []
    for _ in range(n_resamples):
        weights = np.ones(len(units[0]))
        for stratum in np.flatnonzero(n_sessions > 1):
            n = n_sessions[stratum]
            times = generator.multinomial(n - 1, np.full(n, 1 / n))
            weights[stratum_of == stratum] = times * n / (n - 1)
        shares = by_label(weights[unit_of])[there]
        if len(alone):
            drawn = generator.choice(like_them, max(1, len(alone) - 1))
            shares[alone] = shares[drawn].mean()
        means.append(shares.mean())
    variance = float(np.var(means))
    n = value * (1 - value) / variance if variance > _ROUNDING**2 else least
    return clopper_pearson(value * n, n, level=1 - level)


def _codes(sessions: Sequence[str]) -> tuple[npt.NDArray[np.str_], IntArray]:
    """The names of the sessions, and the place among them of each item's."""
    if not len(sessions):
        raise ValueError("there is nothing to draw from: no session was given")
    names, session_of = np.unique(np.asarray(sessions), return_inverse=True)
    return names, session_of
