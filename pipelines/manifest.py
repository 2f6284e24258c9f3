"""``birdsong manifest``: a table of recordings, found, made up, checked, completed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .replacing import add_replace_argument

if TYPE_CHECKING:
    from birdsong.recordings.recording import Recording
    from birdsong.recordings.xeno_canto import CatalogueRecording, InvalidRow

N_NOISES = 240


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parts = parser.add_subparsers(title="what to do", metavar="PART", dest="part", required=True)
    kind = parser.formatter_class
    build = parts.add_parser(
        "build", help="from queries to xeno-canto, or a list of species", formatter_class=kind
    )
    build.add_argument(
        "--query", action="append", default=[], metavar="Q",
        help="tags as in 'gen:turdus sp:merula q:A cnt:germany'; may be given often",
    )  # fmt: skip
    build.add_argument(
        "--species", type=Path, default=None, metavar="LIST", help="a scientific name a line"
    )
    build.add_argument("--out", type=Path, required=True, help="the manifest to write")
    add_replace_argument(build, "overwrite a manifest that is there already")
    _add_choosing(build)
    _add_naming(build)
    _add_access(build)
    scan = parts.add_parser("scan", help="from a folder of recordings", formatter_class=kind)
    scan.add_argument(
        "--audio", type=Path, required=True,
        help="folder with a folder for each species (Turdus_merula), or with XC files and a table",
    )  # fmt: skip
    scan.add_argument(
        "--table", type=Path, default=None, help="a manifest that says what the files are"
    )
    scan.add_argument("--out", type=Path, required=True, help="the manifest to write")
    add_replace_argument(scan, "overwrite a manifest that says something else")
    _add_naming(scan)
    noises = parts.add_parser(
        "noises", help="of recordings without a bird, which it makes", formatter_class=kind
    )
    noises.add_argument("--audio", type=Path, required=True, help="folder to write them to")
    noises.add_argument("--out", type=Path, required=True, help="the manifest to write")
    add_replace_argument(noises, "overwrite a manifest and recordings that are others")
    noises.add_argument("--recordings", type=int, default=N_NOISES, metavar="N")
    noises.add_argument("--seed", type=int, default=0)
    check = parts.add_parser(
        "check", help="duplicates, leaks, thin species, licences", formatter_class=kind
    )
    check.add_argument("manifest", type=Path)
    check.add_argument(
        "--audio", type=Path, default=None, help="folder of the recordings, to find duplicates in"
    )
    check.add_argument(
        "--attribution", type=Path, default=None, metavar="FILE",
        help="write a table of who recorded what, under which licence",
    )  # fmt: skip
    add_replace_argument(check, "of --attribution: overwrite a table that says something else")
    check.add_argument("--jobs", type=int, default=None, help="processes; one a core by default")
    refresh = parts.add_parser(
        "refresh", help="look up recordists and licences that are not known", formatter_class=kind
    )
    refresh.add_argument("manifest", type=Path, help="written anew in place")
    _add_access(refresh)


def _add_choosing(parser: argparse.ArgumentParser) -> None:
    from birdsong.recordings.subset_selection import SubsetConfig

    default = SubsetConfig()
    group = parser.add_argument_group("which recordings")
    group.add_argument(
        "--least-quality", default=default.least_quality, choices=("", *"ABCDE"), metavar="A..E"
    )
    group.add_argument("--min-length-s", type=float, default=default.min_length_s)
    group.add_argument("--max-length-s", type=float, default=default.max_length_s)
    group.add_argument("--kind", action="append", default=[], help="as in song, or call")
    group.add_argument("--country", action="append", default=[])
    group.add_argument("--licence", action="append", default=[], help="as in BY-NC-SA")
    group.add_argument("--max-also", type=int, default=None, help="species in the background")
    group.add_argument("--per-species", type=int, default=None, metavar="N", help="at most")
    group.add_argument(
        "--per-recordist", type=int, default=None, metavar="N", help="at most, of one species"
    )
    group.add_argument("--seed", type=int, default=default.seed)


def _add_naming(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("names")
    group.add_argument(
        "--taxonomy", type=Path, default=None, metavar="TABLE",
        help="AviList, Clements, eBird or IOC as CSV: gives order and family, and its own names",
    )  # fmt: skip
    group.add_argument("--synonyms", type=Path, default=None, metavar="TABLE")


def _add_access(parser: argparse.ArgumentParser) -> None:
    from .catalogue import add_access

    add_access(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do the part that was asked for."""
    parts = {
        "build": _build,
        "scan": _scan,
        "noises": _noises,
        "check": _check,
        "refresh": _refresh,
    }
    return parts[arguments.part](arguments)


def _build(arguments: argparse.Namespace) -> int:
    from birdsong.errors import ConfigError
    from birdsong.overwrite import check_absent
    from birdsong.recordings.manifest import write_manifest
    from birdsong.recordings.manifest_builder import assign_sessions, manifest_from_catalogue
    from birdsong.recordings.subset_selection import SubsetConfig, select_subset
    from birdsong.recordings.xeno_canto import CatalogueRecording

    from .catalogue import ask, catalogue, species_queries
    from .command import ALL_WELL, NOTHING_DONE
    from .truncate import first_few

    config = SubsetConfig(
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
    queries: list[tuple[str, ...]] = [(query,) for query in arguments.query]
    if arguments.species is not None:
        queries += species_queries(arguments.species, arguments.synonyms)
    if not queries:
        raise ConfigError("nothing to ask for: expected --query or --species")
    check_absent([arguments.out], replace=arguments.replace)  # asking again would take as long
    found: dict[str, CatalogueRecording] = {}
    odd: list[InvalidRow] = []
    with catalogue(arguments) as xeno_canto:
        for each in ask(xeno_canto, queries):
            if isinstance(each, CatalogueRecording):
                found.setdefault(each.xc_id, each)
            else:
                odd.append(each)
    named = _named(manifest_from_catalogue(list(found.values())), arguments)
    row_of = {each.xc_id: each for each in named}
    taxon_of = {xc_id: each.taxon for xc_id, each in row_of.items()}
    chosen, left_out = select_subset(found.values(), config, taxon_of=taxon_of)
    print(f"{len(found) + len(odd)} recordings found, {len(chosen)} taken")
    for reason, n in left_out.most_common():
        print(f"  left out: {n}, {reason}")
    rows = [f"left out: {each.xc_id or 'a row'} {each.reason}" for each in odd]
    for line in first_few(rows, "and {} more rows that are no recording of one species"):
        print(f"  {line}")
    if not chosen:
        print("nothing is left; ask for more", file=sys.stderr)
        return NOTHING_DONE
    recordings = assign_sessions([row_of[each.xc_id] for each in chosen])
    write_manifest(arguments.out, recordings)
    _say_written(arguments.out, recordings)
    print(f"next: birdsong download --manifest {arguments.out} --audio audio")
    return ALL_WELL


def _scan(arguments: argparse.Namespace) -> int:
    from birdsong.overwrite import check_same_content
    from birdsong.recordings.manifest import manifest_text, write_manifest
    from birdsong.recordings.manifest_builder import scan_folder
    from birdsong.recordings.manifest_rows import quoted

    from .command import ALL_WELL, NOTHING_DONE, SOME_FAILED
    from .passed_over import say_passed_over
    from .truncate import first_few

    scanned = scan_folder(arguments.audio, arguments.table)
    unnamed = [
        f"no name: {name}: expected a folder such as Turdus_merula above it, or a row in --table"
        for name in scanned.unidentified
    ]
    unfit = [f"left out: {quoted(name)}: its path {fault}" for name, fault in scanned.invalid_paths]
    for line in (*first_few(unnamed), *first_few(unfit)):
        print(line, file=sys.stderr)
    say_passed_over(arguments.audio, scanned.skipped)
    if not scanned.recordings:
        print(f"{arguments.audio}: no recording of a known bird in it", file=sys.stderr)
        return NOTHING_DONE
    recordings = _named(scanned.recordings, arguments)
    check_same_content(arguments.out, manifest_text(recordings).encode(), replace=arguments.replace)
    write_manifest(arguments.out, recordings)
    _say_written(arguments.out, recordings)
    print(
        f"next: birdsong preprocess --manifest {arguments.out} --audio {arguments.audio} "
        "--out images"
    )
    return SOME_FAILED if scanned.unidentified or scanned.invalid_paths else ALL_WELL


def _noises(arguments: argparse.Namespace) -> int:
    from birdsong.overwrite import check_same_content, staged_files
    from birdsong.recordings.manifest import manifest_text, write_manifest
    from birdsong.synthetic.backgrounds import NOISES
    from birdsong.synthetic.files import write_noises

    from .command import ALL_WELL
    from .validators import check_least

    check_least("--recordings", arguments.recordings)
    check_least("--seed", arguments.seed, 0)
    replace = arguments.replace
    with staged_files(arguments.audio, replace=replace, option="--audio") as folder:
        recordings = write_noises(folder, n=arguments.recordings, seed=arguments.seed, kinds=NOISES)
        check_same_content(arguments.out, manifest_text(recordings).encode(), replace=replace)
    write_manifest(arguments.out, recordings)
    print(f"{arguments.out}: {len(recordings)} recordings without a bird: {', '.join(NOISES)}")
    print(
        f"next: birdsong preprocess --manifest MANIFEST {arguments.out} "
        f"--audio AUDIO {arguments.audio} --out images"
    )
    return ALL_WELL


def _named(recordings: Sequence[Recording], arguments: argparse.Namespace) -> Sequence[Recording]:
    from birdsong.errors import ConfigError

    from .taxonomy_option import named_by_table

    if arguments.taxonomy is None:
        if arguments.synonyms is not None:
            raise ConfigError("--synonyms needs --taxonomy TABLE, whose names it leads to")
        return recordings
    named, told = named_by_table(recordings, arguments.taxonomy, arguments.synonyms)
    print("\n".join(told))
    return named


def _say_written(out: Path, recordings: Sequence[Recording]) -> None:
    taxa, sessions = {each.taxon for each in recordings}, {each.session for each in recordings}
    said = f"{out}: {len(recordings)} recordings of {len(taxa - {''})} taxa and {len(sessions)}"
    n_background = sum(each.is_background for each in recordings)
    print(f"{said} sessions" + (f"; {n_background} without a bird" if n_background else ""))


def _check(arguments: argparse.Namespace) -> int:
    from .manifest_check import check

    return check(
        arguments.manifest,
        arguments.audio,
        arguments.jobs,
        arguments.attribution,
        replace=arguments.replace,
    )


def _refresh(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from birdsong.recordings.manifest import read_manifest, write_manifest
    from birdsong.recordings.xeno_canto import CatalogueRecording

    from .catalogue import catalogue
    from .command import ALL_WELL, SOME_FAILED
    from .progress import Progress

    recordings = read_manifest(arguments.manifest)
    wanting = [
        place
        for place, each in enumerate(recordings)
        if each.xc_id and not (each.recordist and each.licence)
    ]
    print(f"{len(wanting)} of {len(recordings)} recordings lack a recordist or a licence")
    n_completed = 0
    with (
        catalogue(arguments) as xeno_canto,
        Progress("ask xeno-canto", len(wanting), "recordings") as progress,
    ):
        try:
            for place in wanting:
                old = recordings[place]
                answers = xeno_canto.search(f"nr:{old.xc_id[2:]}", per_page=50)
                new = next((a for a in answers if a.xc_id == old.xc_id), None)
                if isinstance(new, CatalogueRecording):
                    completed = replace(
                        old,
                        recordist=old.recordist or new.recordist,
                        licence=old.licence or new.licence,
                    )
                    n_completed += bool(completed.recordist and completed.licence)
                    recordings[place] = completed
                progress.advance()
        finally:  # what was found out is kept, however it ends
            write_manifest(arguments.manifest, recordings)
    n_wanting = len(wanting) - n_completed
    print(f"{arguments.manifest}: {n_completed} completed, of {n_wanting} it is not known there")
    return SOME_FAILED if n_wanting else ALL_WELL


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["manifest", *sys.argv[1:]]))
