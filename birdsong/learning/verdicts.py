"""For each label, in plain words, how closely answers about its recordings can be trusted."""

from __future__ import annotations

import numpy as np

from birdsong.learning.judged import Judged
from birdsong.selective.promises import CLASS
from birdsong.selective.rules import BY_RANK
from birdsong.taxa.lineage import RANKS

VERDICT_PROMISE = 0.9
NEVER = "never"
_LEAST_ANSWERED = 0.5
_MOST_WRONG = 0.1


def verdicts(judged: Judged, promise: float = VERDICT_PROMISE) -> dict[int, str]:
    """Say for each label the closest rank at which to trust answers about its recordings.

    That is where at least half of them are answered, at that rank or closer, and at most a tenth of
    these answers is wrong.

    Parameters
    ----------
    judged : Judged
        By `rules.BY_RANK` at the promise.
    promise : float

    Returns
    -------
    dict
        For each label that has recordings, by its class index, a rank or ``never``.
    """
    chosen = judged.chosen[BY_RANK.name, promise]
    right = judged.cases.right[np.arange(len(chosen)), np.maximum(chosen, CLASS)]
    told = {}
    for label in np.unique(judged.y_true):
        own = judged.y_true == label
        told[int(label)] = NEVER
        for rank in range(len(RANKS) - 1, CLASS, -1):
            answered = own & (chosen >= rank)
            n_wrong = int((answered & ~right).sum())
            if (
                answered.sum() >= _LEAST_ANSWERED * own.sum()
                and n_wrong <= _MOST_WRONG * answered.sum()
            ):
                told[int(label)] = RANKS[rank]
                break
    return told
