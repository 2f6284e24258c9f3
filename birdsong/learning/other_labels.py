"""Taxa that a network learns beside its labels, and that are dropped when it is trained.

A species with two recordings makes a poor label, but its songs make better features: there are more
birds to be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from birdsong.images.tables import IndexRow
from birdsong.learning.part import Part
from birdsong.taxa.labels import Label
from birdsong.taxa.lineage import Lineage, taxon_key


def other_labels(
    rows: Sequence[IndexRow],
    unlabelled: Mapping[str, Lineage],
    *,
    rank: str,
    first_index: int,
    under: Iterable[str] = (),
    without: Iterable[str] = (),
) -> tuple[Part, tuple[Label, ...]]:
    """The pictures of birds without a label that are known at a rank, and what they teach.

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
    part : Part
    labels : tuple of Label, sorted by taxon
    """
    wanted, closed = (frozenset(map(taxon_key, names)) for names in (under, without))

    def taught(lineage: Lineage) -> str:
        names = (lineage.species, lineage.genus, lineage.family, lineage.order)
        keys = {taxon_key(name) for name in names if name}
        if not closed.isdisjoint(keys) or (wanted and wanted.isdisjoint(keys)):
            return ""
        name: str = getattr(lineage, rank)
        return name

    taxon_of = {name: taxon for name, each in unlabelled.items() if (taxon := taught(each))}
    chosen = tuple(row for row in rows if row.kind == "bird" and row.recording in taxon_of)
    session_of = {row.recording: row.session for row in chosen}
    taxa = sorted({taxon_of[name] for name in session_of})
    labels = []
    for taxon in taxa:
        own = [name for name in session_of if taxon_of[name] == taxon]
        label = Label(
            taxon=taxon,
            rank=rank,
            english_name=unlabelled[own[0]].english_name if rank == "species" else "",
            n_recordings=len(own),
            n_sessions=len({session_of[name] for name in own}),
        )
        labels.append(label)
    index_of = {taxon: first_index + i for i, taxon in enumerate(taxa)}
    indices = np.array([index_of[taxon_of[row.recording]] for row in chosen], np.int64)
    return Part(chosen, indices), tuple(labels)
