"""Parts of ``birdsong manifest`` that search xeno-canto: build a manifest, complete one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.recordings.recording import Recording
    from birdsong.recordings.subset_selection import SubsetConfig
    from birdsong.recordings.xeno_canto import CatalogueRecording, InvalidRow


def build(arguments: argparse.Namespace) -> int:
    """Search xeno-canto, select recordings, and write a manifest of them."""
    from birdsong.errors import ConfigError
    from birdsong.overwrite import check_absent
    from birdsong.recordings.manifest import write_manifest
    from birdsong.recordings.manifest_builder import assign_sessions, manifest_from_catalogue
    from birdsong.recordings.subset_selection import select_subset
    from birdsong.recordings.xeno_canto import CatalogueRecording

    from .catalogue import open_catalogue, search_catalogue, species_queries
    from .command import EXIT_NOTHING_DONE, EXIT_OK
    from .taxonomy_option import apply_taxonomy_options
    from .truncate import truncate

    config = _subset_config(arguments)
    queries: list[tuple[str, ...]] = [(query,) for query in arguments.query]
    if arguments.species is not None:
        queries += species_queries(arguments.species, arguments.synonyms)
    if not queries:
        raise ConfigError("nothing to search for: expected --query or --species")
    check_absent([arguments.out], replace=arguments.replace)  # before a long search
    found: dict[str, CatalogueRecording] = {}
    invalid: list[InvalidRow] = []
    with open_catalogue(arguments) as xeno_canto:
        for each in search_catalogue(xeno_canto, queries):
            if isinstance(each, CatalogueRecording):
                found.setdefault(each.xc_id, each)
            else:
                invalid.append(each)
    recordings = manifest_from_catalogue(list(found.values()))
    renamed = apply_taxonomy_options(recordings, arguments)
    row_of = {each.xc_id: each for each in renamed}
    taxon_of = {xc_id: each.taxon for xc_id, each in row_of.items()}
    selected, left_out = select_subset(found.values(), config, taxon_of=taxon_of)
    print(f"{len(found) + len(invalid)} recordings found, {len(selected)} selected")
    for reason, n in left_out.most_common():
        print(f"  left out: {n}, {reason}")
    rows = [f"left out: {each.xc_id or 'a row'} {each.reason}" for each in invalid]
    for line in truncate(rows, "and {} more rows that are not a recording of one species"):
        print(f"  {line}")
    if not selected:
        print("no recording is left; search for more", file=sys.stderr)
        return EXIT_NOTHING_DONE
    manifest = assign_sessions([row_of[each.xc_id] for each in selected])
    write_manifest(arguments.out, manifest)
    print_written(arguments.out, manifest)
    print(f"next: birdsong download --manifest {arguments.out} --audio audio")
    return EXIT_OK


def refresh(arguments: argparse.Namespace) -> int:
    """Look up missing recordists and licences, and write the manifest in place."""
    from dataclasses import replace

    from birdsong.recordings.manifest import read_manifest, write_manifest
    from birdsong.recordings.xeno_canto import CatalogueRecording

    from .catalogue import open_catalogue
    from .command import EXIT_OK, EXIT_SOME_FAILED
    from .progress import Progress

    recordings = read_manifest(arguments.manifest)
    incomplete = [
        i
        for i, each in enumerate(recordings)
        if each.xc_id and not (each.recordist and each.licence)
    ]
    print(f"{len(incomplete)} of {len(recordings)} recordings lack a recordist or a licence")
    n_completed = 0
    with (
        open_catalogue(arguments) as xeno_canto,
        Progress("search xeno-canto", len(incomplete), "recordings") as progress,
    ):
        try:
            for i in incomplete:
                old = recordings[i]
                results = xeno_canto.search(f"nr:{old.xc_id[2:]}", per_page=50)
                new = next((each for each in results if each.xc_id == old.xc_id), None)
                if isinstance(new, CatalogueRecording):
                    completed = replace(
                        old,
                        recordist=old.recordist or new.recordist,
                        licence=old.licence or new.licence,
                    )
                    n_completed += bool(completed.recordist and completed.licence)
                    recordings[i] = completed
                progress.advance()
        finally:  # keep what was found, also after an error
            write_manifest(arguments.manifest, recordings)
    n_incomplete = len(incomplete) - n_completed
    print(f"{arguments.manifest}: {n_completed} completed, {n_incomplete} not known to xeno-canto")
    return EXIT_SOME_FAILED if n_incomplete else EXIT_OK


def print_written(out: Path, recordings: Sequence[Recording]) -> None:
    """Print how many recordings, taxa and sessions a new manifest has."""
    taxa, sessions = {each.taxon for each in recordings}, {each.session for each in recordings}
    n_background = sum(each.is_background for each in recordings)
    print(
        f"{out}: {len(recordings)} recordings of {len(taxa - {''})} taxa "
        f"and {len(sessions)} sessions"
        + (f"; {n_background} without a bird" if n_background else "")
    )


def _subset_config(arguments: argparse.Namespace) -> SubsetConfig:
    from birdsong.recordings.subset_selection import SubsetConfig

    return SubsetConfig(
        least_quality=arguments.least_quality,
        min_length_s=arguments.min_length_s,
        max_length_s=arguments.max_length_s,
        kinds=tuple(arguments.kind),
        countries=tuple(arguments.country),
        licences=tuple(arguments.licence),
        max_also=arguments.max_also,
        max_per_species=arguments.per_species,
        max_per_recordist=arguments.per_recordist,
        seed=arguments.seed,
    )
