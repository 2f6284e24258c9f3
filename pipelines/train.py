"""``birdsong train``: train a model on images, and write a run folder with its bundle."""

from __future__ import annotations

import argparse
import datetime
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .train_options import add_arguments, training_config

if TYPE_CHECKING:
    from birdsong.images.store import ImageStore
    from birdsong.learning.training.training_config import TrainingConfig

__all__ = ["add_arguments", "run"]


def run(arguments: argparse.Namespace) -> int:
    """Train a model, and print its scores on held-out recordings."""
    from birdsong.images.store import open_store
    from birdsong.learning.training.devices import supports_bfloat16
    from birdsong.learning.training.training_setup import with_pretrained_model

    from .command import EXIT_OK

    _check_options(arguments)
    config = with_pretrained_model(training_config(arguments))
    store = open_store(arguments.images)
    if config.mixed_precision and not supports_bfloat16():
        print(
            "warning: --mixed-precision: this processor has no 16-bit arithmetic, which would make "
            "training several times slower; it computes with 32 bits",
            file=sys.stderr,
        )
    if arguments.find_learning_rate:
        return suggest_learning_rate(store, config, arguments.out, replace=arguments.replace)
    _train_and_print_scores(store, config, arguments)
    if arguments.folds_only:
        print(
            f"metrics: {arguments.out}/metrics.json; to train the final network, use --resume "
            "without --folds-only"
        )
    else:
        print(f"bundle: {arguments.out}/bundle, curves: {arguments.out}/history.png")
        print(f"next: birdsong classify RECORDING --bundle {arguments.out}/bundle")
    return run_afterwards(arguments.then) if arguments.then else EXIT_OK


def _check_options(arguments: argparse.Namespace) -> None:
    """Check the options that no config checks, before the training starts."""
    from birdsong.errors import ConfigError

    from .validators import check_minimum

    if arguments.then and shutil.which(arguments.then[0]) is None:
        raise ConfigError(f"--then: there is no command {arguments.then[0]!r}")
    if arguments.folds_only and not arguments.folds:
        raise ConfigError("--folds-only needs --folds K, the number of folds")
    check_minimum("--folds-at-once", arguments.folds_at_once)


def _train_and_print_scores(
    store: ImageStore, config: TrainingConfig, arguments: argparse.Namespace
) -> None:
    from birdsong.learning.training.cross_validation import train_folds
    from birdsong.learning.training.cross_validation_config import CrossValidationConfig
    from birdsong.learning.training.train import train

    from .evaluate import print_promises
    from .train_console import CONSOLE, print_calibration, print_scores

    if arguments.folds:
        metrics = train_folds(
            store,
            arguments.out,
            config,
            CrossValidationConfig(
                n_folds=arguments.folds,
                n_parallel=arguments.folds_at_once,
                folds_only=arguments.folds_only,
            ),
            resume=arguments.resume,
            origin=origin(arguments.licence),
            listener=CONSOLE,
        )
        print_scores("held out once", metrics["out_of_fold"])
        print_promises(metrics["promises"])
    else:
        metrics = train(
            store,
            arguments.out,
            config,
            resume=arguments.resume,
            origin=origin(arguments.licence),
            listener=CONSOLE,
        )
        print_scores("in the test split", metrics["test"])
        print_calibration(metrics["calibration"])


def run_afterwards(command: list[str]) -> int:
    """Run the command of ``--then`` as an argument list, never through a shell."""
    from .command import EXIT_OK, EXIT_SOME_FAILED

    print(f"then: {shlex.join(command)}", flush=True)
    status = subprocess.run(command, check=False).returncode
    if status:
        print(f"training succeeded, but {command[0]} failed with status {status}", file=sys.stderr)
    return EXIT_SOME_FAILED if status else EXIT_OK


def suggest_learning_rate(
    store: ImageStore, config: TrainingConfig, folder: Path, *, replace: bool
) -> int:
    """Run the learning rate finder, and print the learning rate to train with."""
    from birdsong.learning.data.dataset_builder import build_dataset
    from birdsong.learning.training.learning_rate_finder import PLOT, TABLE, find_learning_rate
    from birdsong.overwrite import check_absent

    from .command import EXIT_OK

    check_absent([folder / TABLE, folder / PLOT], replace=replace)
    result = find_learning_rate(store, build_dataset(store, config.dataset), config, folder)
    print(f"loss against learning rate: {folder / PLOT}")
    print(
        f"the loss falls fastest at {result.steepest:.2g}: "
        f"add --learning-rate {result.steepest:.2g}"
    )
    return EXIT_OK


def origin(licence: str) -> dict[str, str]:
    """Return the command, the date and the licence of a new bundle, for its provenance."""
    return {
        "command": shlex.join(["birdsong", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "licence": licence,
    }


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["train", *sys.argv[1:]]))
