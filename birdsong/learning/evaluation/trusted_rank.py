"""For each label the lowest rank at which answers about its recordings can be trusted."""

from __future__ import annotations

import numpy as np

from birdsong.learning.evaluation.selective_results import SelectiveResults
from birdsong.selective.promises import CLASS
from birdsong.selective.rules import BY_RANK
from birdsong.taxa.lineage import RANKS

TRUSTED_PROMISE = 0.9
NEVER = "never"
_LEAST_ANSWERED = 0.5
_MOST_WRONG = 0.1


def trusted_ranks(results: SelectiveResults, promise: float = TRUSTED_PROMISE) -> dict[int, str]:
    """Find for each label the lowest rank at which answers about its recordings can be trusted.

    That is where at least half of them are answered, at that rank or closer, and at most a tenth of
    these answers is wrong.

    Parameters
    ----------
    results : SelectiveResults
        By `rules.BY_RANK` at the promise.
    promise : float

    Returns
    -------
    dict
        For each label that has recordings, by its class index, a rank or ``never``.
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
                answered.sum() >= _LEAST_ANSWERED * own.sum()
                and n_wrong <= _MOST_WRONG * answered.sum()
            ):
                trusted[int(label)] = RANKS[rank]
                break
    return trusted
