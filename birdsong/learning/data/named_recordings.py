"""The recordings of a folder of images, and the taxa of the birds in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress

from birdsong.errors import DatasetError
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.taxa.labels import in_rare_sessions
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.name_resolution import complete_lineage
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class NamedRecordings:
    """Recordings and the lineages of their birds.

    Attributes
    ----------
    first_rows : Mapping of str to IndexRow
        The first image of every recording.
    lineages : Mapping of str to Lineage
        Order to species of each recording of a bird, as far as known, sorted by recording.
    """

    first_rows: Mapping[str, IndexRow]
    lineages: Mapping[str, Lineage]

    def session(self, name: str) -> str:
        """Session of a recording."""
        return self.first_rows[name].session

    def taxonomy(self, names: Iterable[str]) -> Taxonomy:
        """Taxonomy of the birds in some of the recordings."""
        chosen = set(names)
        return Taxonomy.from_lineages(
            lineage for name, lineage in self.lineages.items() if name in chosen
        )


def named_recordings(store: ImageStore, config: DatasetConfig) -> NamedRecordings:
    """Read the taxa of each recording, and complete lineages from those of other recordings.

    Parameters
    ----------
    store : ImageStore
    config : DatasetConfig
        With `max_recordings`, only rarer taxa are kept.

    Returns
    -------
    NamedRecordings

    Raises
    ------
    DatasetError
        If there is no image.
    TaxonomyError
        If the taxa contradict each other.
    """
    if not store.rows:
        raise DatasetError(f"{store.folder}: holds no image; see its receipt.csv for the reasons")
    first_rows = {row.recording: row for row in reversed(store.rows)}
    names = sorted(name for name, row in first_rows.items() if row.taxon)
    lineages = [lineage_of(first_rows[name]) for name in names]
    tree = Taxonomy.from_lineages(lineages, (f"recording {name}" for name in names))
    lineages = [complete_lineage(tree, lineage) for lineage in lineages]
    if config.max_recordings:
        rare = in_rare_sessions(
            lineages,
            [first_rows[name].session for name in names],
            rank=config.rank,
            max_recordings=config.max_recordings,
        )
        names, lineages = list(compress(names, rare)), list(compress(lineages, rare))
    return NamedRecordings(first_rows, dict(zip(names, lineages, strict=True)))


def lineage_of(row: IndexRow) -> Lineage:
    """Order to species of the bird in an image."""
    return Lineage(
        order=row.order,
        family=row.family,
        genus=row.genus,
        species=f"{row.genus} {row.species}" if row.species else "",
        english_name=row.english_name if row.species else "",
    )
