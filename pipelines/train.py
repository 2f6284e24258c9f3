"""``birdsong train``: PNGs to a run folder with history, plots, checkpoint and bundle."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.images.store import ImageStore
    from birdsong.learning.training_config import TrainingConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument(
        "--rank", choices=("species", "genus", "family"), default="species", help="what to learn"
    )
    parser.add_argument(
        "--under", nargs="+", default=[], metavar="TAXON", help="only labels under these taxa"
    )
    parser.add_argument(
        "--without", nargs="+", default=[], metavar="TAXON", help="nothing under these taxa"
    )
    parser.add_argument(
        "--min-recordings", type=int, default=1, metavar="N", help="leave out labels with fewer"
    )
    parser.add_argument(
        "--back-off", action="store_true",
        help="what has fewer teaches its genus, or else its family, instead",
    )  # fmt: skip
    parser.add_argument(
        "--others", action="store_true",
        help="what has fewer is learned beside the labels, but never answered",
    )  # fmt: skip
    parser.add_argument(
        "--partly-named", action="store_true",
        help="recordings without a label teach what is known of them: their genus, family or order",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=int, default=0, metavar="K",
        help="train K networks, each held to what the others learned from, then one on everything",
    )  # fmt: skip
    parser.add_argument(
        "--folds-only", action="store_true", help="stop before the one; --resume goes on"
    )
    parser.add_argument("--epochs", type=int, default=30, help="at most")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument(
        "--sampling", choices=("plain", "class-balanced", "session-balanced"), default="plain",
        help="show every picture once an epoch, every label equally often, or every session "
        "equally often within its label",
    )  # fmt: skip
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument(
        "--schedule", choices=("cosine", "plateau", "constant", "cyclical", "one-cycle"),
        default="cosine", help="how the learning rate changes",
    )  # fmt: skip
    parser.add_argument(
        "--find-learning-rate", action="store_true",
        help="train a little with a rate that grows, draw the loss against it, and stop",
    )  # fmt: skip
    parser.add_argument(
        "--average-weights", type=float, default=0.0, metavar="SHARE",
        help="keep averages of the weights, of which a batch leaves this share as it was: 0.99",
    )  # fmt: skip
    parser.add_argument(
        "--loss", choices=("cross-entropy", "soft-labels", "hierarchical", "auxiliary"),
        default="cross-entropy", help="plain, or one that knows the tree of taxa",
    )  # fmt: skip
    parser.add_argument(
        "--soft-labels-beta", type=float, default=15.0, metavar="BETA",
        help="how hard the targets of soft-labels are",
    )  # fmt: skip
    parser.add_argument(
        "--hierarchical-alpha", type=float, default=0.2, metavar="ALPHA",
        help="how much more hierarchical weighs what is general",
    )  # fmt: skip
    parser.add_argument(
        "--auxiliary-weight", type=float, default=0.3, metavar="WEIGHT",
        help="of the genus, the family and the order each in auxiliary",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=int, default=10, help="epochs without a better validation loss"
    )
    parser.add_argument(
        "--validation-share", type=float, default=0.1, help="recordings that steer the training"
    )
    parser.add_argument(
        "--calibration-share", type=float, default=0.1,
        help="recordings that tell how far the trained network can be trusted",
    )  # fmt: skip
    parser.add_argument(
        "--test-share", type=float, default=0.2, help="recordings kept apart to measure with"
    )
    parser.add_argument(
        "--no-batch-normalization", action="store_true", help="the network as published"
    )
    parser.add_argument(
        "--width", type=float, default=1.0, metavar="TIMES",
        help="how many times the published number of filters the network has",
    )  # fmt: skip
    parser.add_argument(
        "--bypass", action="store_true",
        help="add what goes into a layer to what comes out, where they are alike",
    )  # fmt: skip
    parser.add_argument(
        "--frequency-channel", action="store_true",
        help="tell the network the frequency of each pixel by a second channel",
    )  # fmt: skip
    parser.add_argument("--no-augmentation", action="store_true", help="pictures as they are")
    parser.add_argument(
        "--licence", default="", help="of the bundle; recordings often forbid commercial use"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="threads that feed")
    parser.add_argument(
        "--mixed-precision", action="store_true",
        help="compute with 16 bits where they suffice: faster on processors made for it",
    )  # fmt: skip
    parser.add_argument(
        "--save-memory", action="store_true",
        help="compute some of what the gradient needs twice instead of keeping it",
    )  # fmt: skip
    parser.add_argument(
        "--devices", type=int, default=1, metavar="N",
        help="share each batch between N devices; needs KERAS_BACKEND=jax",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--resume", action="store_true", help="go on with a training that was stopped"
    )
    parser.add_argument(
        "--then", nargs=argparse.REMAINDER, default=[], metavar="COMMAND",
        help="what to run when the training is done, with its arguments: has to come last",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Train, and say how good it is on recordings that it did not see."""
    from birdsong.errors import ConfigError
    from birdsong.images.augment import AugmentConfig
    from birdsong.images.store import open_store
    from birdsong.learning.folds import train_folds
    from birdsong.learning.material import MaterialConfig
    from birdsong.learning.training import train
    from birdsong.learning.training_config import TrainingConfig

    from .command import ALL_WELL
    from .evaluate import print_promises
    from .train_told import (
        print_calibration,
        print_epoch,
        print_fold,
        print_material,
        print_measured,
    )

    if arguments.then and shutil.which(arguments.then[0]) is None:
        raise ConfigError(f"--then: there is no command {arguments.then[0]!r} to run afterwards")
    if arguments.folds_only and not arguments.folds:
        raise ConfigError("--folds-only needs --folds K, the number of folds")
    config = TrainingConfig(
        material=MaterialConfig(
            rank=arguments.rank,
            under=tuple(arguments.under),
            without=tuple(arguments.without),
            min_recordings=arguments.min_recordings,
            back_off=arguments.back_off,
            others=arguments.others,
            partly_named=arguments.partly_named,
            validation_share=arguments.validation_share,
            calibration_share=arguments.calibration_share,
            test_share=arguments.test_share,
            seed=arguments.seed,
        ),
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        sampling=arguments.sampling,
        learning_rate=arguments.learning_rate,
        schedule=arguments.schedule,
        weight_averaging=arguments.average_weights,
        loss=arguments.loss,
        soft_labels_beta=arguments.soft_labels_beta,
        hierarchical_alpha=arguments.hierarchical_alpha,
        auxiliary_weight=arguments.auxiliary_weight,
        patience=arguments.patience,
        batch_normalization=not arguments.no_batch_normalization,
        width=arguments.width,
        bypass=arguments.bypass,
        frequency_channel=arguments.frequency_channel,
        augmentation=None if arguments.no_augmentation else AugmentConfig(),
        mixed_precision=arguments.mixed_precision,
        save_memory=arguments.save_memory,
        n_devices=arguments.devices,
        n_threads=arguments.jobs,
        seed=arguments.seed,
    )
    store = open_store(arguments.images)
    if arguments.find_learning_rate:
        return print_learning_rate(store, config, arguments.out)
    if arguments.folds:
        metrics = train_folds(
            store,
            arguments.out,
            config,
            arguments.folds,
            folds_only=arguments.folds_only,
            resume=arguments.resume,
            origin=origin(arguments.licence),
            on_material=print_material,
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
            on_material=print_material,
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


def print_learning_rate(store: ImageStore, config: TrainingConfig, folder: Path) -> int:
    """Look for a learning rate, and say which to train with."""
    from birdsong.learning.gathering import gather
    from birdsong.learning.rate_finder import PLOT, find_learning_rate

    from .command import ALL_WELL

    found = find_learning_rate(store, gather(store, config.material), config, folder)
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
