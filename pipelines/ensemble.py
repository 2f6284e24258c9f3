"""``birdsong ensemble``: combine several bundles into one that averages their log probabilities."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .replace_option import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument(
        "bundles", type=Path, nargs="+", metavar="BUNDLE",
        help="two or more bundles with the same labels, made by `birdsong train --folds`",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the bundle of the ensemble"
    )
    parser.add_argument(
        "--licence",
        default="",
        help="licence of the ensemble; needed if those of the bundles differ",
    )
    add_replace_argument(parser, "overwrite a bundle in --out")


def run(arguments: argparse.Namespace) -> int:
    """Build the ensemble, and print its scores on recordings held out from all its networks."""
    from birdsong.learning.export.ensemble import ensemble_folders

    from .command import EXIT_OK
    from .evaluate import print_promises
    from .train import origin
    from .train_console import print_scores

    ensemble = ensemble_folders(
        arguments.bundles, arguments.out, origin(arguments.licence), replace=arguments.replace
    )
    metrics = ensemble.provenance["metrics"]
    for fold, scores in enumerate(metrics["by_fold"], start=1):
        print_scores(f"held out from the networks {fold}", scores)
    print_scores("held out once", metrics["out_of_fold"])
    print_promises(metrics["promises"])
    print(f"bundle: {arguments.out}, of {len(arguments.bundles)} networks")
    print(f"next: birdsong classify RECORDING --bundle {arguments.out}")
    return EXIT_OK


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["ensemble", *sys.argv[1:]]))
