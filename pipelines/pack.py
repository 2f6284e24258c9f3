"""``birdsong pack``: write the packed copy of a folder of images, beside the PNGs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="number of files to read in parallel"
    )
    parser.add_argument(
        "--compressed",
        action="store_true",
        help="pack the bytes of the PNG files instead of raw pixels: smaller, slower to read",
    )


def run(arguments: argparse.Namespace) -> int:
    """Pack the images, and print the size of the packed copy."""
    from birdsong.images.packing import pack
    from birdsong.images.store import open_store

    from .command import EXIT_OK
    from .progress import Progress
    from .validators import check_jobs

    check_jobs(arguments.jobs, all_cores=True)
    store = open_store(arguments.images)
    with Progress("pack", len(store.rows), "images") as progress:
        folder = pack(
            store,
            compressed=arguments.compressed,
            n_jobs=arguments.jobs,
            on_done=lambda n: progress.advance(n=n),
        )
    n_bytes = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{len(store.rows)} images, {n_bytes / 1e6:.1f} MB in {folder}")
    return EXIT_OK


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["pack", *sys.argv[1:]]))
