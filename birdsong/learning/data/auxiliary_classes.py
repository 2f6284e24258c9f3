"""Auxiliary classes: taxa that a network is trained on, but that are never an answer.

A species with two recordings is too rare for a label, but its songs improve the features that the
network learns. The exported network has no auxiliary classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from birdsong.images.tables import IndexRow
from birdsong.learning.data.split import EMPTY_SPLIT, Split
from birdsong.taxa.labels import Label, is_selected, label_indices, select_labels
from birdsong.taxa.lineage import Lineage


def auxiliary_classes_split(
    rows: Sequence[IndexRow],
    unlabelled: Mapping[str, Lineage],
    *,
    rank: str,
    first_index: int,
    under: Iterable[str] = (),
    without: Iterable[str] = (),
) -> tuple[Split, tuple[Label, ...]]:
    """Select images of birds without a label, and the auxiliary class of each.

    Parameters
    ----------
    rows : sequence of IndexRow
    unlabelled : mapping of str to Lineage
        Recordings without a label, and their taxa.
    rank : str
        Rank of the auxiliary classes; recordings that are not identified at it are left out.
    first_index : int
        Class index of the first auxiliary class.
    under : iterable of str
        Use only recordings at or under one of these taxa; empty for all.
    without : iterable of str
        Leave out recordings at or under one of these taxa.

    Returns
    -------
    split : Split
    labels : tuple of Label, sorted by taxon
        The auxiliary classes.
    """
    named = {
        name: lineage
        for name, lineage in unlabelled.items()
        if getattr(lineage, rank) and is_selected(lineage, under=under, without=without)
    }
    chosen = tuple(row for row in rows if row.kind == "bird" and row.recording in named)
    session_of = {row.recording: row.session for row in chosen}
    if not session_of:
        return EMPTY_SPLIT, ()
    lineages = [named[name] for name in session_of]
    labels = select_labels(lineages, list(session_of.values()), rank=rank)
    index_of = dict(zip(session_of, label_indices(labels, lineages).tolist(), strict=True))
    indices = [first_index + index_of[row.recording] for row in chosen]
    return Split(chosen, np.array(indices, np.int64)), labels
