"""``birdsong evaluate``: measure a bundle on recordings that it was not trained on."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .replace_option import add_replace_argument
from .species_filter import MAX_NAMED, add_only_argument
from .truncate import truncate

if TYPE_CHECKING:
    from birdsong.bundle.bundle import Bundle

REPORT_FILES = ("metrics.json", "predictions.csv", "report.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument("bundle", type=Path, help="model, as in RUN/bundle")
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    recordings = parser.add_mutually_exclusive_group()
    recordings.add_argument(
        "--all",
        action="store_true",
        help="include the training sessions; every page of the report is stamped",
    )
    recordings.add_argument(
        "--out-of-fold",
        action="store_true",
        help="measure each training session with the networks that were not trained on it; "
        "for bundles of `birdsong train --folds K`",
    )
    add_only_argument(parser)
    add_replace_argument(parser)
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="number of threads that read images"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate the bundle, write the report, and print the main metrics."""
    from birdsong.bundle.bundle_files import read_bundle
    from birdsong.errors import DatasetError
    from birdsong.images.store import open_store
    from birdsong.learning.evaluation.held_out import score_bundle
    from birdsong.learning.reporting.report import write_report
    from birdsong.overwrite import check_absent, staged_files

    from .command import EXIT_OK
    from .species_filter import allowed_labels

    bundle = read_bundle(arguments.bundle)
    store = open_store(arguments.images)
    if not is_report_of(
        bundle, arguments.out
    ):  # a report of the same bundle may have the same content
        files = [arguments.out / name for name in REPORT_FILES]
        check_absent(files, replace=arguments.replace)
    try:
        held_out = score_bundle(
            bundle,
            store,
            include_training=arguments.all,
            out_of_fold=arguments.out_of_fold,
            allowed_taxa=allowed_labels(arguments.only, bundle) if arguments.only else None,
            n_threads=max(1, arguments.jobs),
        )
    except DatasetError as error:
        if arguments.all or arguments.out_of_fold:
            raise
        folds = bundle.provenance.get("folds")
        hint = (
            "--out-of-fold measures the networks of its folds on the sessions held out from them"
            if folds
            else "--all includes the sessions that it was trained on"
        )
        raise DatasetError(f"{error}; {hint}") from error
    with staged_files(arguments.out, replace=arguments.replace) as folder:
        metrics = write_report(held_out, bundle, store, folder)
    print_metrics(metrics)
    print(f"report: {arguments.out}/report.html")
    return EXIT_OK


def is_report_of(bundle: Bundle, folder: Path) -> bool:
    """Return whether a folder holds a report of this bundle."""
    try:
        metrics = json.loads((folder / REPORT_FILES[0]).read_text(encoding="utf-8"))
        return bool(metrics["bundle"]["fingerprint"] == bundle.fingerprint)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Print the metrics with their confidence intervals, and what was left out."""
    from birdsong.learning.reporting.report import METRIC_NAMES

    if metrics["stamp"]:
        print(metrics["stamp"])
    print(
        f"{metrics['recordings']} recordings of {metrics['sessions']} sessions, "
        f"{metrics['labels_scored']} of {metrics['labels_known']} labels; "
        f"left out: {', '.join(exclusions(metrics))}"
    )
    for name, figure in metrics["metrics"].items():
        print(
            f"  {METRIC_NAMES[name]:<24} {100 * figure['value']:5.1f} %   "
            f"(95 % interval {100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
        )
    print_promises(metrics["answers"])


def exclusions(metrics: Mapping[str, Any]) -> list[str]:
    """Describe how many recordings were left out and why, with the first taxa of each reason."""

    def examples(taxa: Mapping[str, int]) -> str:
        names = truncate(list(taxa), max_items=MAX_NAMED)
        return f" ({', '.join(names)})" if names else ""

    reasons = [
        f"{metrics['recordings_of_unknown_taxa']} of taxa that the bundle does not know"
        f"{examples(metrics['unknown_taxa'])}"
    ]
    if metrics["narrowed_to"] is not None:
        reasons.append(
            f"{metrics['recordings_outside_the_list']} of known taxa outside the list"
            f"{examples(metrics['taxa_outside_the_list'])}"
        )
    if not (metrics["stamp"] or metrics["out_of_fold"]):
        reasons.append(f"{metrics['recordings_learned_from']} that it was trained on")
    return reasons


def print_promises(answers: Mapping[str, Any]) -> None:
    """Print the right and all answers at each rank, and the information, for each promise."""
    from birdsong.learning.evaluation.selective import PROMISES
    from birdsong.selective.rules import BY_RANK
    from birdsong.taxa.lineage import RANKS

    for row in answers["rules"][BY_RANK.name]:
        if row["promise"] not in PROMISES:
            continue
        ranks = [
            f"{rank} {row[rank]['right']} of {row[rank]['answers']}"
            for rank in reversed(RANKS[1:])
            if row[rank]["answers"]
        ]
        n = row["answers"] + row["class"] + row["none"]
        print(
            f"  promise {100 * row['promise']:g} %: right {', '.join(ranks) or 'no answers'}; "
            f"a bird {row['class']}, no bird {row['none']} of {n}; "
            f"information {row['information']:.3f}"
        )


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["evaluate", *sys.argv[1:]]))
