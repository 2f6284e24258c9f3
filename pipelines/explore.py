"""``birdsong explore``: summarize a folder of images before training."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .replace_option import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the page and its tables"
    )
    add_replace_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Summarize the images, write the page, and print the outliers."""
    from birdsong.images.explore import explore
    from birdsong.images.explore_page import ranking_sentence, summary_sentence, write_explore_page
    from birdsong.images.store import open_store
    from birdsong.overwrite import staged_files

    from .command import EXIT_OK
    from .preprocess import print_reasons

    store = open_store(arguments.images)
    dataset_summary = explore(store)
    with staged_files(arguments.out, replace=arguments.replace) as folder:
        write_explore_page(dataset_summary, store, folder)
    print(summary_sentence(dataset_summary))
    print_reasons(dataset_summary.reasons)
    for ranking in dataset_summary.rankings:
        print(ranking_sentence(ranking))
    print(f"page: {arguments.out}/explore.html")
    return EXIT_OK


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["explore", *sys.argv[1:]]))
