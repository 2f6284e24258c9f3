"""``birdsong preprocess``: recordings to PNGs, ``index.csv``, ``receipt.csv``, ``config.json``."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.images.store import ReceiptRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument(
        "--manifest", type=Path, required=True, help="table with a row for each recording"
    )
    parser.add_argument("--audio", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder for the images")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="recordings worked on side by side"
    )
    parser.add_argument(
        "--backend", choices=("loky", "threading"), default="loky", help="processes or threads"
    )
    parser.add_argument(
        "--step-s", type=float, default=1.5, help="seconds from one segment to the next"
    )


def run(arguments: argparse.Namespace) -> int:
    """Preprocess, and say what became of the recordings."""
    from birdsong.images.preprocess import PreprocessConfig, preprocess
    from birdsong.recordings.manifest import read_manifest

    from .command import ALL_WELL, SOME_FAILED
    from .progress import Progress

    recordings = read_manifest(arguments.manifest)
    config = PreprocessConfig(step_s=arguments.step_s)
    n_failed = 0
    with Progress("preprocess", len(recordings), "recordings") as progress:

        def show(row: ReceiptRow) -> None:
            nonlocal n_failed
            n_failed += row.status == "failed"
            progress.advance(f"{n_failed} failed" if n_failed else "")

        receipt = preprocess(
            recordings,
            arguments.audio,
            arguments.out,
            config=config,
            n_jobs=arguments.jobs,
            backend=arguments.backend,
            on_done=show,
        )
    print_summary(receipt, arguments.out)
    failed = [row for row in receipt if row.status == "failed"]
    for row in failed[:5]:
        print(f"failed: {row.reason}", file=sys.stderr)
    if len(failed) > 5:
        print(f"and {len(failed) - 5} more: see {arguments.out}/receipt.csv", file=sys.stderr)
    print(f"next: birdsong train {arguments.out} --rank species --out runs/species")
    return SOME_FAILED if failed else ALL_WELL


def print_summary(receipt: Sequence[ReceiptRow], out: Path) -> None:
    """Say how many recordings ended how, and how many pictures there are."""
    statuses = Counter(row.status for row in receipt)
    counts = ", ".join(f"{statuses[status]} {status}" for status in ("ok", "skipped", "failed"))
    hours = sum(row.duration_s for row in receipt) / 3600
    n_images = sum(row.images_written for row in receipt)
    print(f"{len(receipt)} recordings ({counts}), {hours:.2f} h, {n_images} images in {out}")


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["preprocess", *sys.argv[1:]]))
