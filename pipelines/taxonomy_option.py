"""The names of a manifest's birds put into those of a table of taxa, before any work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .truncate import first_few

if TYPE_CHECKING:
    from birdsong.recordings.recording import Recording
    from birdsong.taxa.name_resolution import ResolvedLineage


def named_by_table(
    recordings: Sequence[Recording], table: Path, synonyms: Path | None = None
) -> tuple[list[Recording], list[str]]:
    """Take order, family, genus, species and English name from a table of taxa.

    Parameters
    ----------
    recordings : sequence of Recording
    table : Path
        AviList, eBird, Clements or IOC, as CSV.
    synonyms : Path, optional
        Table of old and new names.

    Returns
    -------
    recordings : list of Recording
        In their order; one that was called otherwise bears its former name as ``original_name``.
        One that the table does not hold keeps its name.
    told : list of str
        Lines for a reader.

    Raises
    ------
    TaxonomyError
        If a table cannot be used.
    """
    from birdsong.recordings.recording import ORIGINAL_NAME
    from birdsong.taxa.lineage import Lineage
    from birdsong.taxa.name_resolution import ResolvedLineage, resolve_lineage
    from birdsong.taxa.published_tables import read_taxonomy
    from birdsong.taxa.synonyms import read_synonyms

    taxonomy = read_taxonomy(table)
    renames = None if synonyms is None else read_synonyms(synonyms)

    def lineage(recording: Recording) -> Lineage:
        return Lineage(
            order=recording.order,
            family=recording.family,
            genus=recording.genus,
            species=recording.scientific_name,
            english_name=recording.english_name,
        )

    lineages = [lineage(recording) for recording in recordings]
    named_of = {
        each: resolve_lineage(taxonomy, each, renames) if each.taxon else ResolvedLineage(each)
        for each in dict.fromkeys(lineages)
    }
    renamed = []
    for recording, each in zip(recordings, lineages, strict=True):
        named = named_of[each]
        extra = dict(recording.extra)
        if named.original:
            extra.setdefault(ORIGINAL_NAME, named.original)
        renamed.append(
            replace(
                recording,
                order=named.lineage.order,
                family=named.lineage.family,
                genus=named.lineage.genus,
                species=named.lineage.species.partition(" ")[2],
                english_name=named.lineage.english_name,
                extra=extra,
            )
        )
    by_name = {each.taxon: named for each, named in named_of.items() if each.taxon}
    return renamed, _told(by_name, table)


def _told(named: Mapping[str, ResolvedLineage], table: Path) -> list[str]:
    """Say how many names are those of the table, and which are not."""
    problems = [each.problem for each in named.values() if each.problem]
    n_renamed = sum(bool(each.original) for each in named.values())
    lines = [
        f"{len(named)} names: {len(named) - n_renamed - len(problems)} as in {table.name}, "
        f"{n_renamed} renamed, {len(problems)} not in it and kept as they are"
    ]
    return lines + [f"  {line}" for line in first_few(problems)]
