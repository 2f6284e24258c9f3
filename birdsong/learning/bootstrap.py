"""How far a figure can be trusted: intervals by drawing sessions anew.

The recordings of a session resemble each other, so that whole sessions are drawn, never single
recordings: those would pretend to know more than they do.

References
----------
.. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13.
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
    """Percentile interval of a metric over resampled sessions.

    Parameters
    ----------
    metric : callable
        Takes weights, float64 ``(n,)``: how often each item counts. NaN where none of the items
        that it is about does; such resamples are left out.
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
        drawn = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))
        values.append(metric(drawn[session_of].astype(np.float64)))
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
