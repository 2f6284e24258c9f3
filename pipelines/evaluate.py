"""``birdsong evaluate``: a bundle measured on recordings that it did not learn from."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .replacing import add_replace_argument
from .species_filter import MAX_NAMED, add_only_argument
from .truncate import first_few

if TYPE_CHECKING:
    from birdsong.bundle.bundle import Bundle

REPORT_FILES = ("metrics.json", "predictions.csv", "report.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("bundle", type=Path, help="as in RUN/bundle")
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--all",
        action="store_true",
        help="take sessions that the bundle learned from, too; every page is stamped",
    )
    which.add_argument(
        "--out-of-fold",
        action="store_true",
        help="measure what was learned from by the networks that did not hear it; "
        "for bundles of `birdsong train --folds K`",
    )
    add_only_argument(parser)
    add_replace_argument(parser)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="threads that read")


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the report, and say the main figures."""
    from birdsong.bundle.bundle import read_bundle
    from birdsong.errors import DatasetError
    from birdsong.images.store import open_store
    from birdsong.learning.evaluation.held_out import score_bundle
    from birdsong.learning.reporting.report import write_report
    from birdsong.overwrite import check_absent, staged_files

    from .command import ALL_WELL
    from .species_filter import allowed_labels

    bundle = read_bundle(arguments.bundle)
    store = open_store(arguments.images)
    if not is_report_of(bundle, arguments.out):  # else it may turn out to be the same
        files = [arguments.out / name for name in REPORT_FILES]
        check_absent(files, replace=arguments.replace)
    try:
        held_out = score_bundle(
            bundle,
            store,
            with_learned=arguments.all,
            out_of_fold=arguments.out_of_fold,
            only=allowed_labels(arguments.only, bundle) if arguments.only else None,
            n_threads=max(1, arguments.jobs),
        )
    except DatasetError as error:
        if arguments.all or arguments.out_of_fold:
            raise
        folds = bundle.provenance.get("folds")
        hint = (
            "with --out-of-fold the networks of its folds are measured on what they did not hear"
            if folds
            else "with --all it is measured on what it learned, too"
        )
        raise DatasetError(f"{error}; {hint}") from error
    with staged_files(arguments.out, replace=arguments.replace) as folder:
        metrics = write_report(held_out, bundle, store, folder)
    print_metrics(metrics)
    print(f"report: {arguments.out}/report.html")
    return ALL_WELL


def is_report_of(bundle: Bundle, folder: Path) -> bool:
    """Tell whether the report in a folder is one of this bundle."""
    try:
        metrics = json.loads((folder / REPORT_FILES[0]).read_text(encoding="utf-8"))
        return bool(metrics["bundle"]["fingerprint"] == bundle.fingerprint)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """Say what was measured, each figure with its interval."""
    from birdsong.learning.reporting.report import METRIC_NAMES

    if metrics["stamp"]:
        print(metrics["stamp"])
    print(
        f"{metrics['recordings']} recordings of {metrics['sessions']} sessions, "
        f"{metrics['labels_scored']} of {metrics['labels_known']} labels; "
        f"left out: {', '.join(left_out(metrics))}"
    )
    for name, figure in metrics["metrics"].items():
        print(
            f"  {METRIC_NAMES[name]:<24} {100 * figure['value']:5.1f} %   "
            f"(95 % interval {100 * figure['low']:.1f} to {100 * figure['high']:.1f})"
        )
    print_promises(metrics["answers"])


def left_out(metrics: Mapping[str, Any]) -> list[str]:
    """Say how many recordings were not measured, and of which taxa the first ones are."""

    def some(taxa: Mapping[str, int]) -> str:
        names = first_few(list(taxa), n_named=MAX_NAMED)
        return f" ({', '.join(names)})" if names else ""

    said = [
        f"{metrics['recordings_of_unknown_taxa']} of taxa that the bundle does not know"
        f"{some(metrics['unknown_taxa'])}"
    ]
    if metrics["narrowed_to"] is not None:
        said.append(
            f"{metrics['recordings_outside_the_list']} of birds that it knows, outside the list"
            f"{some(metrics['taxa_outside_the_list'])}"
        )
    if not (metrics["stamp"] or metrics["out_of_fold"]):
        said.append(f"{metrics['recordings_learned_from']} that it learned from")
    return said


def print_promises(answers: Mapping[str, Any]) -> None:
    """Say for each promise how many were answered at each rank, and how many of those right."""
    from birdsong.learning.evaluation.selective import PROMISES
    from birdsong.selective.rules import BY_RANK
    from birdsong.taxa.lineage import RANKS

    for told in answers["rules"][BY_RANK.name]:
        if told["promise"] not in PROMISES:
            continue
        ranks = [
            f"{rank} {told[rank]['right']} of {told[rank]['answers']}"
            for rank in reversed(RANKS[1:])
            if told[rank]["answers"]
        ]
        n = told["answers"] + told["class"] + told["none"]
        print(
            f"  promise {100 * told['promise']:g} %: right {', '.join(ranks) or 'no answers'}; "
            f"a bird {told['class']}, no bird {told['none']} of {n}; "
            f"information {told['information']:.3f}"
        )


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["evaluate", *sys.argv[1:]]))
