"""``birdsong train``: PNGs to a run folder with history, plots, checkpoint and bundle."""

from __future__ import annotations

import argparse
import datetime
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .train_options import add_arguments, config_of

if TYPE_CHECKING:
    from birdsong.images.store import ImageStore
    from birdsong.learning.training.training_config import TrainingConfig

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Train, and say how good it is on recordings that it did not see."""
    from birdsong.errors import ConfigError
    from birdsong.images.store import open_store
    from birdsong.learning.models.pretrained import as_pretrained
    from birdsong.learning.training.cross_validation import train_folds
    from birdsong.learning.training.devices import supports_bfloat16
    from birdsong.learning.training.train import train

    from .command import ALL_WELL
    from .evaluate import print_promises
    from .train_console import (
        print_calibration,
        print_dataset,
        print_epoch,
        print_fold,
        print_measured,
    )
    from .validators import check_least

    if arguments.then and shutil.which(arguments.then[0]) is None:
        raise ConfigError(f"--then: there is no command {arguments.then[0]!r} to run afterwards")
    if arguments.folds_only and not arguments.folds:
        raise ConfigError("--folds-only needs --folds K, the number of folds")
    check_least("--folds-at-once", arguments.folds_at_once)
    config = as_pretrained(config_of(arguments))
    store = open_store(arguments.images)
    if config.mixed_precision and not supports_bfloat16():
        print(
            "warning: --mixed-precision: this processor has no arithmetic of 16 bits and would be "
            "several times slower with it; it computes with 32",
            file=sys.stderr,
        )
    if arguments.find_learning_rate:
        return print_learning_rate(store, config, arguments.out, replace=arguments.replace)
    if arguments.folds:
        metrics = train_folds(
            store,
            arguments.out,
            config,
            arguments.folds,
            at_once=arguments.folds_at_once,
            folds_only=arguments.folds_only,
            resume=arguments.resume,
            origin=origin(arguments.licence),
            on_dataset=print_dataset,
            on_fold=print_fold,
            on_epoch=print_epoch,
        )
        print_measured("held out once", metrics["out_of_fold"])
        print_promises(metrics["promises"])
    else:
        metrics = train(
            store,
            arguments.out,
            config,
            resume=arguments.resume,
            origin=origin(arguments.licence),
            on_dataset=print_dataset,
            on_epoch=print_epoch,
        )
        print_measured("kept apart", metrics["test"])
        print_calibration(metrics["calibration"])
    if arguments.folds_only:
        print(f"measured: {arguments.out}/metrics.json; --resume without --folds-only goes on")
    else:
        print(f"bundle: {arguments.out}/bundle, curves: {arguments.out}/history.png")
        print(f"next: birdsong classify RECORDING --bundle {arguments.out}/bundle")
    return run_then(arguments.then) if arguments.then else ALL_WELL


def run_then(command: list[str]) -> int:
    """Run what was to come after the training: an argument list, never a shell."""
    from .command import ALL_WELL, SOME_FAILED

    print(f"then: {shlex.join(command)}", flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        print(f"the training is done, but {command[0]} ended with status {status}", file=sys.stderr)
    return SOME_FAILED if status else ALL_WELL


def print_learning_rate(
    store: ImageStore, config: TrainingConfig, folder: Path, *, replace: bool
) -> int:
    """Look for a learning rate, and say which to train with."""
    from birdsong.learning.data.dataset_builder import build_dataset
    from birdsong.learning.training.learning_rate_finder import PLOT, TABLE, find_learning_rate
    from birdsong.overwrite import check_absent

    from .command import ALL_WELL

    check_absent([folder / TABLE, folder / PLOT], replace=replace)
    found = find_learning_rate(store, build_dataset(store, config.dataset), config, folder)
    print(f"loss against learning rate: {folder / PLOT}")
    print(f"it falls the most at {found.steepest:.2g}: add --learning-rate {found.steepest:.2g}")
    return ALL_WELL


def origin(licence: str) -> dict[str, str]:
    """Say how a bundle came to be, in words that can be typed again."""
    return {
        "command": shlex.join(["birdsong", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "licence": licence,
    }


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["train", *sys.argv[1:]]))
