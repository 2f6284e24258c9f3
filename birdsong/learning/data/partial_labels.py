"""Partial labels: recordings without a label that are identified to a taxon above some labels.

A recording may be identified only to its genus, or be of a species with too few recordings for a
label. Its genus, family and order are known, and their probabilities are sums over labels, which a
loss function can use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from birdsong.images.tables import IndexRow
from birdsong.learning.data.label_levels import label_levels
from birdsong.learning.data.split import Split
from birdsong.taxa.labels import BACKGROUND, Label, is_selected
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
    """Select images with a partial label, and the target column of each.

    Parameters
    ----------
    rows : sequence of IndexRow
    unlabelled : mapping of str to Lineage
        Recordings without a label, and their taxa.
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
    """Find the target column of each recording.

    It is the column of the lowest taxon of its lineage that holds at least two labels, but not all
    of them. A genus with a single label is not used: other birds of the genus would count for that
    label.

    Parameters
    ----------
    lineages : sequence of Lineage, length n_recordings
        Lineages of recordings without a label.
    labels : sequence of Label
    taxonomy : Taxonomy
        Holds the taxa of the labels.
    under : iterable of str
        Use only recordings at or under one of these taxa; empty for all.
    without : iterable of str
        Leave out recordings at or under one of these taxa.

    Returns
    -------
    list of int, length n_recordings
        A column after those of the labels, as in `LabelLevels.first_columns`; -1 for a recording
        that is not used.
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
        if not is_selected(lineage, under=under, without=without):
            return -1
        names = (lineage.species, lineage.genus, lineage.family, lineage.order)
        keys = [taxon_key(name) for name in names if name]
        return next((column_of[key] for key in keys if key in column_of), -1)

    return [column(lineage) for lineage in lineages]
