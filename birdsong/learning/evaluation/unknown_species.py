"""What a bundle says of birds that it has no label for: how often it names a wrong one.

Their species is never right; their genus, family or order may be, where the bundle knows a
relative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from birdsong.bundle.bundle import Bundle
from birdsong.bundle.calibration import pool_all
from birdsong.bundle.pooling import DEFAULT_POOLING
from birdsong.learning.evaluation.held_out import UnknownTaxa
from birdsong.selective.promises import CLASS, NOTHING
from birdsong.selective.selection import as_probable_as
from birdsong.taxa.label_tree import LabelTree
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
        For each promise, ready for JSON: ``promise``, ``recordings``, for each rank below the class
        how many were answered ``right`` and ``wrong`` there, and ``class`` and ``none``, how often
        that was said.
    """
    calibration = bundle.calibration
    labels, bird = pool_all(
        unknown.data,
        background=bundle.has_background,
        rule=calibration.pooling if calibration else DEFAULT_POOLING,
    )
    tree = LabelTree(
        bundle.taxonomy,
        bundle.bird_labels,
        temperatures=calibration.temperatures if calibration else None,
    )
    paths = tree.paths(labels, bird)
    names = np.array([taxon.name for taxon in bundle.taxonomy.nodes])
    truth = np.array([[getattr(own, rank) for rank in RANKS[1:]] for own in unknown.lineages])
    right = (paths.nodes[:, 1:] >= 0) & (names[paths.nodes[:, 1:]] == truth)
    told = []
    for promise in promises:
        own = calibration.promises if calibration else as_probable_as(promise)
        chosen = own.choose(paths, promise)
        by_rank = {}
        for rank in range(len(RANKS) - 1, CLASS, -1):
            here = chosen == rank
            n_right = int(right[here, rank - 1].sum())
            by_rank[RANKS[rank]] = {"right": n_right, "wrong": int(here.sum()) - n_right}
        told.append(
            {
                "promise": promise,
                "recordings": len(paths),
                **by_rank,
                "class": int((chosen == CLASS).sum()),
                "none": int((chosen == NOTHING).sum()),
            }
        )
    return told
