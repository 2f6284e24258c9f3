"""``birdsong train``: PNGs to a run folder with history, plots, checkpoint and bundle."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from birdsong.learning.material import Material

MOST_WAITING = 0.1
MOST_GROWTH_MB = 200.0


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
        "--schedule", choices=("cosine", "plateau", "constant"), default="cosine",
        help="how the learning rate falls",
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
    parser.add_argument("--no-augmentation", action="store_true", help="pictures as they are")
    parser.add_argument(
        "--licence", default="", help="of the bundle; recordings often forbid commercial use"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="threads that feed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--resume", action="store_true", help="go on with a training that was stopped"
    )


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

    if arguments.folds_only and not arguments.folds:
        raise ConfigError("--folds-only needs --folds K, the number of folds")
    config = TrainingConfig(
        material=MaterialConfig(
            rank=arguments.rank,
            under=tuple(arguments.under),
            without=tuple(arguments.without),
            min_recordings=arguments.min_recordings,
            back_off=arguments.back_off,
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
        loss=arguments.loss,
        soft_labels_beta=arguments.soft_labels_beta,
        hierarchical_alpha=arguments.hierarchical_alpha,
        auxiliary_weight=arguments.auxiliary_weight,
        patience=arguments.patience,
        batch_normalization=not arguments.no_batch_normalization,
        augmentation=None if arguments.no_augmentation else AugmentConfig(),
        n_threads=arguments.jobs,
        seed=arguments.seed,
    )
    store = open_store(arguments.images)
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
        return ALL_WELL
    print(f"bundle: {arguments.out}/bundle, curves: {arguments.out}/history.png")
    print(f"next: birdsong classify RECORDING --bundle {arguments.out}/bundle")
    return ALL_WELL


def origin(licence: str) -> dict[str, str]:
    """Say how a bundle came to be, in words that can be typed again."""
    return {
        "command": shlex.join(["birdsong", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "licence": licence,
    }


def print_material(material: Material) -> None:
    """Say what will be learned from what."""
    ranks = Counter(label.rank for label in material.labels if label.rank != "none")
    shares = ", ".join(f"{count} {rank}" for rank, count in ranks.items())
    print(f"{len(material.labels)} labels" + (f", by rank: {shares}" if len(ranks) > 1 else ""))
    for name in ("train", "partly_named", "validation", "calibration", "test"):
        part = getattr(material, name)
        if not part.rows:
            continue
        print(
            f"  {name.removesuffix('_named'):<11} {len(part.recordings):>6} recordings"
            f"  {len(part.sessions):>6} sessions"
            f"  {len(part.rows):>7} pictures",
            flush=True,
        )


def print_epoch(epoch: Mapping[str, float]) -> None:
    """Say how an epoch went, on one line."""
    validation = (
        f"  validation loss {epoch['val_loss']:.3f} top-1 {epoch['val_top1']:.3f}"
        if "val_loss" in epoch
        else ""
    )
    waited, grown_mb = epoch["waiting_share"], epoch["memory_growth_mb"]
    remarks = [
        f"waited {100 * waited:.0f} % for pictures: try more --jobs"
        if waited > MOST_WAITING
        else "",
        f"memory grew by {grown_mb:.0f} MB in four epochs" if grown_mb > MOST_GROWTH_MB else "",
    ]
    print(
        f"epoch {epoch['epoch'] + 1:>3.0f}  {epoch['seconds']:>5.0f} s  "
        f"{epoch['images_per_s']:>6.0f} images/s  loss {epoch['loss']:.3f} "
        f"top-1 {epoch['top1']:.3f}{validation}"
        + "".join(f"  [{remark}]" for remark in remarks if remark),
        flush=True,
    )


def print_calibration(calibrated: Mapping[str, Any]) -> None:
    """Say how far the recordings that were kept for it let answers be trusted."""
    if not calibrated["recordings"]:
        print("not calibrated: answers are as sure as their probability says")
        return
    highest = calibrated["highest_promise"]
    kept = f"promises up to {100 * highest:g} %" if highest else "no promise"
    print(
        f"calibrated by {calibrated['recordings']} recordings, which support {kept}; "
        "--folds K calibrates by all of them"
    )


def print_fold(fold: int, measured: Mapping[str, float]) -> None:
    """Say how good the network of a fold is."""
    print_measured(f"held out from network {fold + 1}", measured)


def print_measured(which: str, measured: Mapping[str, float]) -> None:
    """Say how good a network is by recording, on sessions that it did not see."""
    if not measured["recordings"]:
        return
    coarser = "".join(
        f", {name.removeprefix('top1_')} {100 * value:.1f} %"
        for name, value in measured.items()
        if name.startswith("top1_")
    )
    print(
        f"{measured['recordings']} recordings of {measured['sessions']} sessions {which}: "
        f"top-1 {100 * measured['top1']:.1f} %, top-5 {100 * measured['top5']:.1f} %, "
        f"macro recall {100 * measured['macro_recall']:.1f} %{coarser}",
        flush=True,
    )


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["train", *sys.argv[1:]]))
