"""Trusted rank of each label: the lowest rank at which its answers can be trusted."""

from __future__ import annotations

import numpy as np

from birdsong.learning.evaluation.selective_results import SelectiveResults
from birdsong.selective.promises import CLASS
from birdsong.selective.rules import BY_RANK
from birdsong.taxa.lineage import RANKS

TRUSTED_PROMISE = 0.9
NEVER = "never"
_MIN_ANSWERED = 0.5
_MAX_WRONG = 0.1


def trusted_ranks(results: SelectiveResults, promise: float = TRUSTED_PROMISE) -> dict[int, str]:
    """Find the trusted rank of each label.

    It is the lowest rank at which at least half of the label's recordings are answered, at that
    rank or a lower one, and at most a tenth of these answers are wrong.

    Parameters
    ----------
    results : SelectiveResults
        Must hold answers by `rules.BY_RANK` at the promise.
    promise : float

    Returns
    -------
    dict
        A rank or ``never`` for each label with recordings, by its class index.
    """
    chosen = results.chosen[BY_RANK.name, promise]
    right = results.evaluation_set.right[np.arange(len(chosen)), np.maximum(chosen, CLASS)]
    trusted = {}
    for label in np.unique(results.y_true):
        own = results.y_true == label
        trusted[int(label)] = NEVER
        for rank in range(len(RANKS) - 1, CLASS, -1):
            answered = own & (chosen >= rank)
            n_wrong = int((answered & ~right).sum())
            if (
                answered.sum() >= _MIN_ANSWERED * own.sum()
                and n_wrong <= _MAX_WRONG * answered.sum()
            ):
                trusted[int(label)] = RANKS[rank]
                break
    return trusted
