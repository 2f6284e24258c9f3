"""The options of ``birdsong train``, and the `TrainingConfig` made from them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from birdsong.bundle.bundle_files import DEFAULT_BUNDLE
from birdsong.learning.data.dataset_config import DatasetConfig
from birdsong.learning.models.registry import ModelConfig, removed_message
from birdsong.learning.training.distillation_config import DistillationConfig
from birdsong.learning.training.loss_config import LossConfig
from birdsong.learning.training.optimizer_config import OptimizerConfig
from birdsong.learning.training.training_config import TrainingConfig
from birdsong.loading.augmentation_config import AugmentationConfig

from .config_options import add_config_options, add_old_option, add_removed_option, config_values
from .replace_option import add_replace_argument

CONFIGS = {
    "dataset": DatasetConfig,
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "loss": LossConfig,
    "distillation": DistillationConfig,
}
"""The configs within a `TrainingConfig`, by field name; each is a group of ``--help``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage; those of training come from the fields of the configs."""
    parser.add_argument("images", type=Path, help="folder that `birdsong preprocess` made")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run")
    _add_run_options(parser.add_argument_group("run"))
    groups = {path: parser.add_argument_group(path) for path in CONFIGS}
    for path, config in CONFIGS.items():
        add_config_options(groups[path], config, path)
    _add_pretrained_options(groups["dataset"])
    _add_removed_options(groups["model"], groups["loss"])
    training = parser.add_argument_group("training")
    add_config_options(training, TrainingConfig)
    _add_augmentation_options(training)
    parser.set_defaults(n_threads=os.cpu_count())


def training_config(arguments: argparse.Namespace) -> TrainingConfig:
    """Return the training config of the parsed options.

    Raises
    ------
    ConfigError
        If a setting is out of range.
    """
    training = config_values(arguments, TrainingConfig)
    configs = {
        path: config(**config_values(arguments, config, path)) for path, config in CONFIGS.items()
    }
    configs["dataset"] = DatasetConfig(
        **config_values(arguments, DatasetConfig, "dataset"),
        pretrained=arguments.pretrained,
        seed=arguments.seed,
    )
    return TrainingConfig(**training, **configs, augmentation=arguments.augmentation)


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--folds", type=int, default=0, metavar="K",
        help="cross-validate with K networks, then train the final one on all recordings",
    )  # fmt: skip
    group.add_argument(
        "--folds-at-once", type=int, default=1, metavar="N",
        help="train N networks in parallel, each on its share of the cores: faster, more memory",
    )  # fmt: skip
    group.add_argument(
        "--folds-only",
        action="store_true",
        help="stop before the final network; --resume continues",
    )
    group.add_argument(
        "--find-learning-rate", action="store_true",
        help="train briefly with a growing learning rate, plot the loss over it, and stop",
    )  # fmt: skip
    group.add_argument(
        "--licence", default="", help="licence of the bundle; many recordings forbid commercial use"
    )
    group.add_argument("--resume", action="store_true", help="continue an interrupted training")
    add_replace_argument(group, "of --find-learning-rate only: overwrite the curve in --out")
    group.add_argument(
        "--then", nargs=argparse.REMAINDER, default=[], metavar="COMMAND",
        help="command to run after the training, with its arguments; must be the last option",
    )  # fmt: skip


def _add_pretrained_options(group: argparse._ArgumentGroup) -> None:
    help = (
        "start from the network of a bundle, the shipped one if none is named; its training "
        "recordings are not used to measure"
    )
    shipped = str(DEFAULT_BUNDLE)
    group.add_argument(
        "--pretrained", nargs="?", const=shipped, default="", metavar="BUNDLE", help=help
    )
    add_old_option(group, "--begin-with", "--pretrained", "pretrained", shipped, nargs="?")


def _add_removed_options(model: argparse._ArgumentGroup, loss: argparse._ArgumentGroup) -> None:
    """Add options of version 0.1 that ``--help`` does not show."""
    for name in ("--bypass", "--frequency-channel", "--peaks"):
        add_removed_option(model, name, removed_message(name.strip("-")), takes_value=False)
    add_old_option(model, "--fine-bands", "--stem-freq-stride 1", "model.stem_freq_stride", 1)
    add_removed_option(loss, "--soft-labels-beta", removed_message("soft-labels"), takes_value=True)


def _add_augmentation_options(group: argparse._ArgumentGroup) -> None:
    augmentation = group.add_mutually_exclusive_group()
    augmentation.add_argument(
        "--no-augmentation", dest="augmentation", action="store_const", const=None,
        default=AugmentationConfig(), help="use the images unchanged",
    )  # fmt: skip
    augmentation.add_argument(
        "--strong-augmentation", dest="augmentation", action="store_const",
        const=AugmentationConfig.strong(),
        help="also vary level, pitch and speed of songs, and mix in other sounds",
    )  # fmt: skip
