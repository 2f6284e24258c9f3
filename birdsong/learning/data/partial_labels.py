"""Recordings that no label fits, but a taxon above some labels does: what they can teach.

One that is known to its genus only may be of any species of it, and a species with too few
recordings has no label. Either is of a genus, a family and an order whose probabilities are sums
over labels, and a sum can be taught.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from birdsong.images.tables import IndexRow
from birdsong.learning.data.label_levels import label_levels
from birdsong.learning.data.split import Split
from birdsong.taxa.labels import BACKGROUND, Label, is_asked_for
from birdsong.taxa.lineage import Lineage, taxon_key
from birdsong.taxa.taxonomy import Taxonomy


def partial_labels_split(
    rows: Sequence[IndexRow],
    unlabelled: Mapping[str, Lineage],
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    *,
    under: Iterable[str] = (),
    without: Iterable[str] = (),
) -> Split:
    """The images of birds that teach a taxon above the labels, and its column for each.

    Parameters
    ----------
    rows : sequence of IndexRow
    unlabelled : mapping of str to Lineage
        The recordings that may teach, without a label.
    labels, taxonomy, under, without
        As in `partial_label_columns`.

    Returns
    -------
    Split
    """
    columns = partial_label_columns(
        list(unlabelled.values()), labels, taxonomy, under=under, without=without
    )
    column_of = dict(zip(unlabelled, columns, strict=True))
    chosen = tuple(
        row for row in rows if row.kind == "bird" and column_of.get(row.recording, -1) >= 0
    )
    return Split(chosen, np.array([column_of[row.recording] for row in chosen], np.int64))


def partial_label_columns(
    lineages: Sequence[Lineage],
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    *,
    under: Iterable[str] = (),
    without: Iterable[str] = (),
) -> list[int]:
    """Column of the targets that each recording teaches.

    It is that of the lowest taxon of its lineage that holds two labels or more: where a genus has
    one label, other birds of the genus must not teach it. A taxon that holds all of them teaches
    nothing.

    Parameters
    ----------
    lineages : sequence of Lineage, length n_recordings
        Of recordings without a label, as far as the tree can complete them.
    labels : sequence of Label
    taxonomy : Taxonomy
        Holds the taxa of the labels.
    under : iterable of str
        Only recordings at or under one of these taxa teach something; none: all of them.
    without : iterable of str
        Nothing is taught by those at or under one of these.

    Returns
    -------
    list of int, length n_recordings
        A column as `LabelLevels.first_columns` lays them out; -1 for a recording that teaches
        nothing.
    """
    levels = label_levels(labels, taxonomy)
    firsts, sizes = levels.first_columns, levels.group_sizes()
    column_of: dict[str, int] = {}
    for i, label in enumerate(labels):
        for taxon in () if label == BACKGROUND else taxonomy.path(label.taxon):
            height = levels.ranks_above.get(taxon.rank)
            if height and 1 < sizes[height][levels.groups[height, i]] < len(labels):
                group = int(levels.groups[height, i])
                column_of[taxon_key(taxon.name)] = firsts[height] + group

    def column(lineage: Lineage) -> int:
        if not is_asked_for(lineage, under=under, without=without):
            return -1
        names = (lineage.species, lineage.genus, lineage.family, lineage.order)
        keys = [taxon_key(name) for name in names if name]
        return next((column_of[key] for key in keys if key in column_of), -1)

    return [column(lineage) for lineage in lineages]
