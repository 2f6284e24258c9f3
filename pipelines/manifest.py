"""``birdsong manifest``: make, check and complete a table of recordings."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .replace_option import add_replace_argument
from .taxonomy_option import add_taxonomy_options

N_NOISES = 240


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parts = parser.add_subparsers(title="what to do", metavar="PART", dest="part", required=True)
    formatter = parser.formatter_class
    for name, (summary, add_options) in {
        "build": ("make a manifest from a search of xeno-canto", _add_build_options),
        "scan": ("make a manifest from a folder of recordings", _add_scan_options),
        "noises": ("make recordings without a bird, and their manifest", _add_noises_options),
        "check": ("find duplicates, leaks, rare species; list licences", _add_check_options),
        "refresh": ("look up missing recordists and licences", _add_refresh_options),
    }.items():
        add_options(parts.add_parser(name, help=summary, formatter_class=formatter))


def run(arguments: argparse.Namespace) -> int:
    """Run one part of the stage."""
    from . import manifest_build, manifest_check, manifest_scan

    parts = {
        "build": manifest_build.build,
        "scan": manifest_scan.scan,
        "noises": manifest_scan.noises,
        "check": manifest_check.check,
        "refresh": manifest_build.refresh,
    }
    return parts[arguments.part](arguments)


def _add_build_options(parser: argparse.ArgumentParser) -> None:
    from .catalogue import add_catalogue_options

    parser.add_argument(
        "--query", action="append", default=[], metavar="Q",
        help="search terms, as in 'gen:turdus sp:merula q:A cnt:germany'; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--species", type=Path, default=None, metavar="LIST",
        help="text file with a scientific name per line",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the manifest to write")
    add_replace_argument(parser, "overwrite an existing manifest")
    _add_selection_options(parser.add_argument_group("selection of recordings"))
    add_taxonomy_options(parser)
    add_catalogue_options(parser)


def _add_selection_options(group: argparse._ArgumentGroup) -> None:
    from birdsong.recordings.subset_selection import SubsetConfig

    default = SubsetConfig()
    group.add_argument(
        "--least-quality", default=default.least_quality, choices=("", *"ABCDE"), metavar="A..E",
        help="lowest quality grade",
    )  # fmt: skip
    group.add_argument(
        "--min-length-s", type=float, default=default.min_length_s, help="shortest duration"
    )
    group.add_argument(
        "--max-length-s", type=float, default=default.max_length_s, help="longest duration"
    )
    group.add_argument(
        "--kind", action="append", default=[], help="sound type, as song or call; may be repeated"
    )
    group.add_argument("--country", action="append", default=[], help="may be repeated")
    group.add_argument(
        "--licence", action="append", default=[], help="as in BY-NC-SA; may be repeated"
    )
    group.add_argument(
        "--max-also", type=int, default=None, metavar="N",
        help="maximum number of species in the background",
    )  # fmt: skip
    group.add_argument(
        "--per-species", type=int, default=None, metavar="N",
        help="maximum number of recordings of a species",
    )  # fmt: skip
    group.add_argument(
        "--per-recordist", type=int, default=None, metavar="N",
        help="maximum number of recordings of a species by one recordist",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=int, default=default.seed, help="random seed of the selection"
    )


def _add_scan_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--audio", type=Path, required=True,
        help="folder with a folder for each species (Turdus_merula), or with XC files and a table",
    )  # fmt: skip
    parser.add_argument(
        "--table", type=Path, default=None, help="manifest that gives the species of the files"
    )
    parser.add_argument("--out", type=Path, required=True, help="the manifest to write")
    add_replace_argument(parser, "overwrite a manifest with other content")
    add_taxonomy_options(parser)


def _add_noises_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audio", type=Path, required=True, help="folder for the recordings")
    parser.add_argument("--out", type=Path, required=True, help="the manifest to write")
    add_replace_argument(parser, "overwrite a manifest and recordings with other content")
    parser.add_argument(
        "--recordings", type=int, default=N_NOISES, metavar="N", help="number of recordings"
    )
    parser.add_argument("--seed", type=int, default=0, help="random seed of the noises")


def _add_check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", type=Path, help="the manifest to check")
    parser.add_argument(
        "--audio", type=Path, default=None,
        help="folder of the recordings; needed to find duplicates",
    )  # fmt: skip
    parser.add_argument(
        "--attribution", type=Path, default=None, metavar="FILE",
        help="write a table of the recordists and licences",
    )  # fmt: skip
    add_replace_argument(parser, "of --attribution: overwrite a table with other content")
    parser.add_argument(
        "--jobs", type=int, default=None, help="number of processes; by default one per core"
    )


def _add_refresh_options(parser: argparse.ArgumentParser) -> None:
    from .catalogue import add_catalogue_options

    parser.add_argument("manifest", type=Path, help="the manifest to complete in place")
    add_catalogue_options(parser)


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["manifest", *sys.argv[1:]]))
