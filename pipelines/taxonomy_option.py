"""Replaces the names of a manifest by those of a published taxonomy, for ``--taxonomy``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .truncate import truncate

if TYPE_CHECKING:
    from birdsong.recordings.recording import Recording
    from birdsong.taxa.name_resolution import ResolvedLineage


def add_taxonomy_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--taxonomy`` and ``--synonyms``."""
    group = parser.add_argument_group("names")
    group.add_argument(
        "--taxonomy", type=Path, default=None, metavar="TABLE",
        help="take names, families and orders from AviList, eBird, Clements or IOC, as CSV",
    )  # fmt: skip
    group.add_argument(
        "--synonyms", type=Path, default=None, metavar="TABLE",
        help="CSV with old_name and new_name, for species with another name in --taxonomy",
    )  # fmt: skip


def apply_taxonomy_options(
    recordings: Sequence[Recording], arguments: argparse.Namespace
) -> Sequence[Recording]:
    """Rename the taxa of recordings as ``--taxonomy`` asks, and print how many were renamed.

    Raises
    ------
    ConfigError
        If ``--synonyms`` is given without ``--taxonomy``.
    TaxonomyError
        If a table cannot be read.
    """
    from birdsong.errors import ConfigError

    if arguments.taxonomy is None:
        if arguments.synonyms is not None:
            raise ConfigError("--synonyms needs --taxonomy TABLE with the new names")
        return recordings
    renamed, notes = apply_taxonomy(recordings, arguments.taxonomy, arguments.synonyms)
    print("\n".join(notes), flush=True)
    return renamed


def apply_taxonomy(
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
        In the same order. A renamed one has its former name as ``original_name``. One whose taxon
        is not in the table keeps its name.
    notes : list of str
        Lines to print: how many were renamed, and which are not in the table.

    Raises
    ------
    TaxonomyError
        If a table cannot be read.
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
    resolved_of = {
        each: resolve_lineage(taxonomy, each, renames) if each.taxon else ResolvedLineage(each)
        for each in dict.fromkeys(lineages)
    }
    renamed = []
    for recording, each in zip(recordings, lineages, strict=True):
        resolved = resolved_of[each]
        extra = dict(recording.extra)
        if resolved.original:
            extra.setdefault(ORIGINAL_NAME, resolved.original)
        renamed.append(
            replace(
                recording,
                order=resolved.lineage.order,
                family=resolved.lineage.family,
                genus=resolved.lineage.genus,
                species=resolved.lineage.species.partition(" ")[2],
                english_name=resolved.lineage.english_name,
                extra=extra,
            )
        )
    resolved_of_taxon = {
        each.taxon: resolved for each, resolved in resolved_of.items() if each.taxon
    }
    return renamed, _notes(resolved_of_taxon, table)


def _notes(resolved: Mapping[str, ResolvedLineage], table: Path) -> list[str]:
    """Describe how many names the table has, and which it does not have."""
    problems = [each.problem for each in resolved.values() if each.problem]
    n_renamed = sum(bool(each.original) for each in resolved.values())
    lines = [
        f"{len(resolved)} names: {len(resolved) - n_renamed - len(problems)} as in {table.name}, "
        f"{n_renamed} renamed, {len(problems)} not in it and kept as they are"
    ]
    return lines + [f"  {line}" for line in truncate(problems)]
