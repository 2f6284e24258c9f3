"""``birdsong evaluate``: a bundle measured on recordings that it did not learn from."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("bundle", type=Path, help="as in RUN/bundle")
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument(
        "--all",
        action="store_true",
        help="take sessions that the bundle learned from, too; every page is stamped",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="threads that read")


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the report, and say the main figures."""
    from birdsong.bundle import read_bundle
    from birdsong.errors import DatasetError
    from birdsong.images.store import open_store
    from birdsong.learning.evaluation import score_bundle
    from birdsong.learning.report import write_report

    from .command import ALL_WELL

    bundle = read_bundle(arguments.bundle)
    store = open_store(arguments.images)
    try:
        held_out = score_bundle(
            bundle, store, with_learned=arguments.all, n_threads=max(1, arguments.jobs)
        )
    except DatasetError as error:
        if arguments.all:
            raise
        raise DatasetError(f"{error}; with --all it is measured on what it learned, too") from error
    metrics = write_report(held_out, bundle, store, arguments.out)
    print_metrics(metrics)
    print(f"report: {arguments.out}/report.html")
    return ALL_WELL


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Say what was measured, each figure with its interval."""
    from birdsong.learning.report import METRIC_NAMES

    if metrics["stamp"]:
        print(metrics["stamp"])
    print(
        f"{metrics['recordings']} recordings of {metrics['sessions']} sessions, "
        f"{metrics['labels_scored']} of {metrics['labels_known']} labels; "
        f"left out: {metrics['recordings_of_unknown_taxa']} of taxa that the bundle does not know"
        + (
            ""
            if metrics["stamp"]
            else f", {metrics['recordings_learned_from']} that it learned from"
        )
    )
    for name, figure in metrics["metrics"].items():
        print(
            f"  {METRIC_NAMES[name]:<24} {100 * figure['value']:5.1f} %   "
            f"(95 % interval {100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
        )


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["evaluate", *sys.argv[1:]]))
