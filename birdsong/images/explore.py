"""What a folder of pictures was made of: taxa, levels, licences, what stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from birdsong.images.reasons import Reason, group_reasons
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow, ReceiptRow, read_attribution, read_receipt

NO_LICENCE = "none given"
NO_BIRD = "no bird"
"""In the place of a taxon, of recordings that are known to hold none."""


@dataclass(frozen=True, slots=True)
class TaxonRow:
    """What there is of one taxon: a species, or a genus where no species is known."""

    taxon: str
    english_name: str
    family: str
    order: str
    recordings: int
    sessions: int
    minutes: float
    bird_images: int
    background_images: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What is in the data.

    Attributes
    ----------
    receipt : tuple of ReceiptRow
    taxa : tuple of TaxonRow
        By name.
    reasons : tuple of Reason
        Why recordings were skipped, failed, or got a warning.
    licences : Mapping of str to int
        Recordings under each licence, the most frequent first.
    """

    receipt: tuple[ReceiptRow, ...]
    taxa: tuple[TaxonRow, ...]
    reasons: tuple[Reason, ...]
    licences: Mapping[str, int]

    @property
    def heard(self) -> tuple[ReceiptRow, ...]:
        """The recordings that could be decoded to their end."""
        return tuple(row for row in self.receipt if row.sample_rate_hz)


def explore(store: ImageStore) -> Overview:
    """Count what a finished folder of pictures holds.

    Parameters
    ----------
    store : ImageStore

    Returns
    -------
    Overview

    Raises
    ------
    DatasetError
        If the receipt or the attribution is missing or damaged.
    """
    receipt = read_receipt(store.folder)
    licences = Counter(row.licence or NO_LICENCE for row in read_attribution(store.folder))
    return Overview(
        receipt=tuple(receipt),
        taxa=_taxa(store, {row.recording: row.duration_s / 60 for row in receipt}),
        reasons=tuple(group_reasons(receipt)),
        licences=dict(licences.most_common()),
    )


def _taxa(store: ImageStore, minutes_of: Mapping[str, float]) -> tuple[TaxonRow, ...]:
    rows_of: dict[str, list[IndexRow]] = {}
    for row in store.rows:
        rows_of.setdefault(row.taxon or NO_BIRD, []).append(row)
    table = []
    for taxon, rows in sorted(rows_of.items()):
        recordings = {row.recording for row in rows}
        kinds = Counter(row.kind for row in rows)
        table.append(
            TaxonRow(
                taxon=taxon,
                english_name=rows[0].english_name if rows[0].species else "",
                family=rows[0].family,
                order=rows[0].order,
                recordings=len(recordings),
                sessions=len({row.session for row in rows}),
                minutes=sum(minutes_of.get(name, 0.0) for name in sorted(recordings)),
                bird_images=kinds["bird"],
                background_images=kinds["background"],
            )
        )
    return tuple(table)
