"""Counts the answers of a bundle to recordings of unknown species, which have no label.

An answer at species rank is always wrong. An answer at genus, family or order can be right if the
bundle knows a relative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.learning.evaluation.held_out import UnknownTaxa
from birdsong.selective.promises import CLASS, NOTHING
from birdsong.selective.selection import choose_ranks
from birdsong.taxa.lineage import RANKS


def answers_to_unknown(
    bundle: Bundle, unknown: UnknownTaxa, promises: Sequence[float]
) -> list[dict[str, Any]]:
    """Count the answers to recordings of unknown taxa.

    Parameters
    ----------
    bundle : Bundle
    unknown : UnknownTaxa
    promises : sequence of float

    Returns
    -------
    list of dict
        For each promise, for JSON: ``promise``; ``recordings``; for each rank below the class the
        number of ``right`` and ``wrong`` answers; ``class`` and ``none``, the number of these
        answers.
    """
    labels, bird = bundle.pool_recordings(unknown.data)
    paths = bundle.label_tree().paths(labels, bird)
    names = np.array([taxon.name for taxon in bundle.taxonomy.nodes])
    truth = np.array([[getattr(own, rank) for rank in RANKS[1:]] for own in unknown.lineages])
    right = (paths.nodes[:, 1:] >= 0) & (names[paths.nodes[:, 1:]] == truth)
    by_promise = []
    for promise in promises:
        chosen = choose_ranks(paths, promise, bundle.promises())
        by_rank = {}
        for rank in range(len(RANKS) - 1, CLASS, -1):
            here = chosen == rank
            n_right = int(right[here, rank - 1].sum())
            by_rank[RANKS[rank]] = {"right": n_right, "wrong": int(here.sum()) - n_right}
        by_promise.append(
            {
                "promise": promise,
                "recordings": len(paths),
                **by_rank,
                "class": int((chosen == CLASS).sum()),
                "none": int((chosen == NOTHING).sum()),
            }
        )
    return by_promise
