"""``birdsong join``: several bundles made one, which answers by the mean of what they say."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .replacing import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument(
        "bundles", type=Path, nargs="+", metavar="BUNDLE",
        help="two or more with the same labels, each of `birdsong train --folds`",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the joint bundle")
    parser.add_argument(
        "--licence", default="", help="of the joint bundle, where theirs are not the same"
    )
    add_replace_argument(parser, "overwrite a bundle that lies in --out already")


def run(arguments: argparse.Namespace) -> int:
    """Join, and say how good the joint bundle is on recordings that none of its networks heard."""
    from birdsong.learning.export.ensemble import ensemble_folders

    from .command import ALL_WELL
    from .evaluate import print_promises
    from .train import origin
    from .train_console import print_measured

    joint = ensemble_folders(
        arguments.bundles, arguments.out, origin(arguments.licence), replace=arguments.replace
    )
    metrics = joint.provenance["metrics"]
    for fold, measured in enumerate(metrics["by_fold"], start=1):
        print_measured(f"held out from the networks {fold}", measured)
    print_measured("held out once", metrics["out_of_fold"])
    print_promises(metrics["promises"])
    print(f"bundle: {arguments.out}, of {len(arguments.bundles)} networks")
    print(f"next: birdsong classify RECORDING --bundle {arguments.out}")
    return ALL_WELL


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["join", *sys.argv[1:]]))
