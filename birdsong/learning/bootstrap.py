"""How far a figure can be trusted: intervals by weighing sessions anew.

The recordings of a session resemble each other, so that whole sessions are weighed, never single
recordings: those would pretend to know more than they do.

Weights are drawn from a Dirichlet distribution (the Bayesian bootstrap) instead of counted with
replacement. A label with one session then never drops out, which would shift the metrics that are
averaged over labels away from the very figure that the interval is for.

References
----------
.. [1] Rubin (1981), The Bayesian Bootstrap, Annals of Statistics 9(1).
.. [2] Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt


def session_interval(
    metric: Callable[[npt.NDArray[np.float64]], float],
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
    if not len(sessions):
        raise ValueError("there is nothing to draw from: no session was given")
    names, session_of = np.unique(np.asarray(sessions), return_inverse=True)
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(n_resamples):
        drawn = len(names) * generator.dirichlet(np.ones(len(names)))
        values.append(metric(drawn[session_of]))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
