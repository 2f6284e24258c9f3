"""``birdsong explore``: what is in a folder of images, before anything is learned from it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .replacing import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the page and tables")
    add_replace_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Count, write the page, and say what stands out."""
    from birdsong.images.explore import explore
    from birdsong.images.explore_page import ranking_words, summary, write_overview
    from birdsong.images.store import open_store
    from birdsong.overwrite import staged_files

    from .command import ALL_WELL
    from .preprocess import print_reasons

    store = open_store(arguments.images)
    overview = explore(store)
    with staged_files(arguments.out, replace=arguments.replace) as folder:
        write_overview(overview, store, folder)
    print(summary(overview))
    print_reasons(overview.reasons)
    for ranking in overview.rankings:
        print(ranking_words(ranking))
    print(f"page: {arguments.out}/explore.html")
    return ALL_WELL


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["explore", *sys.argv[1:]]))
