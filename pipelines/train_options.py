"""What the training stage can be asked for, and the config that comes of it."""

from __future__ import annotations

import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from birdsong.bundle.bundle import DEFAULT_BUNDLE
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.training.training_config import LOSSES, SCHEDULES, TrainingConfig
from birdsong.loading.augmentation_config import AugmentationConfig
from birdsong.loading.samplers import SAMPLINGS

from .replacing import add_replace_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know; what a config has is named and begun as there."""
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    parser.add_argument("--rank", choices=("species", "genus", "family"), help="what to learn")
    parser.add_argument("--under", nargs="+", metavar="TAXON", help="only labels under these taxa")
    parser.add_argument("--without", nargs="+", metavar="TAXON", help="nothing under these taxa")
    parser.add_argument(
        "--min-recordings", type=int, metavar="N", help="leave out labels with fewer"
    )
    parser.add_argument(
        "--max-recordings", type=int, metavar="N",
        help="leave out labels with more, and whatever shares a session with them: a training on "
        "these can begin with what is learned from the others",
    )  # fmt: skip
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
        "--begin-with", nargs="?", const=str(DEFAULT_BUNDLE), metavar="BUNDLE",
        help="learn on from a bundle's network, the one that ships where none is named; what that "
        "was trained on is not used to measure",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=int, default=0, metavar="K",
        help="train K networks, each held to what the others learned from, then one on everything",
    )  # fmt: skip
    parser.add_argument(
        "--folds-at-once", type=int, default=1, metavar="N",
        help="train N networks at a time, each with its share of the cores: faster, more memory",
    )  # fmt: skip
    parser.add_argument(
        "--folds-only", action="store_true", help="stop before the one; --resume goes on"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="at most")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images in a batch")
    parser.add_argument(
        "--sampling", choices=SAMPLINGS,
        help="show every image once an epoch, every label equally often, or every session "
        "equally often within its label",
    )  # fmt: skip
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help="the highest")
    parser.add_argument("--schedule", choices=SCHEDULES, help="how the learning rate changes")
    parser.add_argument(
        "--find-learning-rate", action="store_true",
        help="train a little with a rate that grows, draw the loss against it, and stop",
    )  # fmt: skip
    parser.add_argument(
        "--average-weights", dest="ema_momentum", type=float, metavar="SHARE",
        help="keep averages of the weights, of which a batch leaves this share as it was: 0.99",
    )  # fmt: skip
    parser.add_argument(
        "--loss", choices=LOSSES, help="plain, or one that knows the tree of taxa",
    )  # fmt: skip
    parser.add_argument(
        "--soft-labels-beta", type=float, metavar="BETA",
        help="how hard the targets of soft-labels are",
    )  # fmt: skip
    parser.add_argument(
        "--hierarchical-alpha", type=float, metavar="ALPHA",
        help="how much more hierarchical weighs what is general",
    )  # fmt: skip
    parser.add_argument(
        "--auxiliary-weight", type=float, metavar="WEIGHT",
        help="of the genus, the family and the order each in auxiliary",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=int, metavar="N", help="epochs without a better validation loss"
    )
    parser.add_argument(
        "--validation-share", type=float, metavar="SHARE", help="recordings that steer the training"
    )
    parser.add_argument(
        "--calibration-share", type=float, metavar="SHARE",
        help="recordings that tell how far the trained network can be trusted",
    )  # fmt: skip
    parser.add_argument(
        "--test-share", type=float, metavar="SHARE", help="recordings kept apart to measure with"
    )
    parser.add_argument(
        "--no-batch-normalization",
        dest="batch_normalization",
        action="store_false",
        help="the network as published",
    )
    parser.add_argument(
        "--width", type=float, metavar="TIMES",
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
    parser.add_argument(
        "--fine-bands", action="store_true", help="keep every mel band in the first layer: slower"
    )
    parser.add_argument(
        "--peaks", action="store_true",
        help="let the highest evidence over time count as much as its mean",
    )  # fmt: skip
    parser.add_argument(
        "--teachers", dest="n_teachers", type=int, metavar="N",
        help="train N networks first, for this one to learn what they say",
    )  # fmt: skip
    parser.add_argument(
        "--teacher-width", type=float, metavar="TIMES", help="how many times as wide they are"
    )
    parser.add_argument(
        "--teacher-share", type=float, metavar="SHARE",
        help="how much of what is learned is what they say, and not what is known",
    )  # fmt: skip
    images = parser.add_mutually_exclusive_group()
    images.add_argument(
        "--no-augmentation", dest="augmentation", action="store_const", const=None,
        help="images as they are",
    )  # fmt: skip
    images.add_argument(
        "--strong-augmentation", dest="augmentation", action="store_const",
        const=AugmentationConfig.strong(),
        help="songs also louder or softer, higher or lower, faster or slower, over other sounds",
    )  # fmt: skip
    parser.add_argument(
        "--licence", default="", help="of the bundle; recordings often forbid commercial use"
    )
    parser.add_argument("--jobs", dest="n_threads", type=int, metavar="N", help="threads that feed")
    parser.add_argument(
        "--mixed-precision", action="store_true",
        help="compute with 16 bits where they suffice: faster on processors made for it",
    )  # fmt: skip
    parser.add_argument(
        "--save-memory", action="store_true",
        help="compute some of what the gradient needs twice instead of keeping it",
    )  # fmt: skip
    parser.add_argument(
        "--eight-bits", action="store_true",
        help="let the network that answers compute with integers of 8 bits: smaller and faster",
    )  # fmt: skip
    parser.add_argument(
        "--devices", dest="n_devices", type=int, metavar="N",
        help="share each batch between N devices; needs KERAS_BACKEND=jax",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, help="draws the split, the first weights, the order, what is augmented"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a training that was stopped"
    )
    add_replace_argument(
        parser, "of --find-learning-rate only: overwrite the curve that lies in --out already"
    )
    parser.add_argument(
        "--then", nargs=argparse.REMAINDER, default=[], metavar="COMMAND",
        help="what to run when the training is done, with its arguments: has to come last",
    )  # fmt: skip
    for config in (TrainingConfig(), DatasetConfig()):
        parser.set_defaults(**{each.name: getattr(config, each.name) for each in fields(config)})
    parser.set_defaults(n_threads=os.cpu_count())


def config_of(arguments: argparse.Namespace) -> TrainingConfig:
    """Put together what was asked for.

    Raises
    ------
    ConfigError
        If a setting is out of range.
    """
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(arguments).items()
    }

    def settings(config: type[TrainingConfig] | type[DatasetConfig]) -> dict[str, Any]:
        return {each.name: given[each.name] for each in fields(config) if each.name in given}

    dataset = DatasetConfig(**settings(DatasetConfig))
    return TrainingConfig(**settings(TrainingConfig) | {"dataset": dataset})
