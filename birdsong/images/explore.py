"""Summary of a folder of images: taxa, receipt, licences, and recordings to check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from birdsong.images.receipt_reasons import Reason, group_reasons
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow, ReceiptRow, read_attribution, read_receipt

NO_LICENCE = "none given"
NO_BIRD = "no bird"
"""Used as the taxon of recordings that are known to hold no bird."""
N_RANKED = 10


@dataclass(frozen=True, slots=True)
class TaxonRow:
    """Counts of one taxon: a species, or a genus if no species is known."""

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
class RankedRow:
    """A recording in a ranking.

    `place` counts from 1; `value` is in the unit that ends the measure's name.
    """

    measure: str
    place: int
    recording: str
    taxon: str
    value: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The recordings at one end of a measure.

    Attributes
    ----------
    name : {"quietest", "shortest", "emptiest"}
    unit : str
        Unit of the values, for display.
    median : float
        Of all recordings that were ranked.
    rows : tuple of RankedRow
        The first `N_RANKED`.
    """

    name: str
    unit: str
    median: float
    rows: tuple[RankedRow, ...]


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """Summary of a folder of images.

    Attributes
    ----------
    receipt : tuple of ReceiptRow
    taxa : tuple of TaxonRow
        By name.
    reasons : tuple of Reason
        Why recordings were skipped, failed, or got a warning.
    licences : Mapping of str to int
        Recordings under each licence, the most frequent first.
    rankings : tuple of Ranking
        The quietest, shortest and emptiest of the recordings that gave images.
    """

    receipt: tuple[ReceiptRow, ...]
    taxa: tuple[TaxonRow, ...]
    reasons: tuple[Reason, ...]
    licences: Mapping[str, int]
    rankings: tuple[Ranking, ...]

    @property
    def decoded(self) -> tuple[ReceiptRow, ...]:
        """The recordings that could be decoded to their end."""
        return tuple(row for row in self.receipt if row.sample_rate_hz)


def explore(store: ImageStore) -> DatasetSummary:
    """Summarize a finished folder of images.

    Parameters
    ----------
    store : ImageStore

    Returns
    -------
    DatasetSummary

    Raises
    ------
    DatasetError
        If the receipt or the attribution is missing or damaged.
    """
    receipt = read_receipt(store.folder)
    licences = Counter(row.licence or NO_LICENCE for row in read_attribution(store.folder))
    return DatasetSummary(
        receipt=tuple(receipt),
        taxa=_taxa(store, {row.recording: row.duration_s / 60 for row in receipt}),
        reasons=tuple(group_reasons(receipt)),
        licences=dict(licences.most_common()),
        rankings=_rankings(store, [row for row in receipt if row.status == "ok"]),
    )


def _rankings(store: ImageStore, receipt: Sequence[ReceiptRow]) -> tuple[Ranking, ...]:
    """Rank recordings by peak level, by length, and by images of a bird a second.

    Recordings that are known to hold no bird have no image of one, and are not ranked by it.
    """
    taxon_of = {row.recording: row.taxon or NO_BIRD for row in store.rows}
    n_bird = Counter(row.recording for row in store.rows if row.kind == "bird")
    measures: dict[tuple[str, str, str], list[tuple[float, str]]] = {
        ("quietest", "peak_dbfs", "dBFS"): [
            (row.peak_dbfs, row.recording) for row in receipt if row.peak_dbfs is not None
        ],
        ("shortest", "duration_s", "s"): [(row.duration_s, row.recording) for row in receipt],
        ("emptiest", "images_per_s", "images a second"): [
            (n_bird[row.recording] / row.duration_s, row.recording)
            for row in receipt
            if row.duration_s > 0 and taxon_of.get(row.recording) != NO_BIRD
        ],
    }
    return tuple(
        Ranking(
            name=name,
            unit=unit,
            median=median(value for value, _ in values),
            rows=tuple(
                RankedRow(measure, place, recording, taxon_of.get(recording, ""), round(value, 4))
                for place, (value, recording) in enumerate(sorted(values)[:N_RANKED], start=1)
            ),
        )
        for (name, measure, unit), values in measures.items()
        if values
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
