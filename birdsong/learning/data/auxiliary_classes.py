"""Taxa that a network learns beside its labels, and that are dropped when it is trained.

A species with two recordings makes a poor label, but its songs make better features: there are more
birds to be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from birdsong.images.tables import IndexRow
from birdsong.learning.data.split import NOTHING, Split
from birdsong.taxa.labels import Label, is_asked_for, label_indices, select_labels
from birdsong.taxa.lineage import Lineage


def auxiliary_labels(
    rows: Sequence[IndexRow],
    unlabelled: Mapping[str, Lineage],
    *,
    rank: str,
    first_index: int,
    under: Iterable[str] = (),
    without: Iterable[str] = (),
) -> tuple[Split, tuple[Label, ...]]:
    """The images of birds without a label that are known at a rank, and what they teach.

    Parameters
    ----------
    rows : sequence of IndexRow
    unlabelled : mapping of str to Lineage
        Recordings that may teach, without a label.
    rank : str
    first_index : int
        Class index of the first of these taxa.
    under : iterable of str
        Only recordings at or under one of these taxa teach something; none: all of them.
    without : iterable of str
        Nothing is taught by those at or under one of these.

    Returns
    -------
    part : Split
    labels : tuple of Label, sorted by taxon
    """
    named = {
        name: lineage
        for name, lineage in unlabelled.items()
        if getattr(lineage, rank) and is_asked_for(lineage, under=under, without=without)
    }
    chosen = tuple(row for row in rows if row.kind == "bird" and row.recording in named)
    session_of = {row.recording: row.session for row in chosen}
    if not session_of:
        return NOTHING, ()
    lineages = [named[name] for name in session_of]
    labels = select_labels(lineages, list(session_of.values()), rank=rank)
    index_of = dict(zip(session_of, label_indices(labels, lineages).tolist(), strict=True))
    indices = [first_index + index_of[row.recording] for row in chosen]
    return Split(chosen, np.array(indices, np.int64)), labels
