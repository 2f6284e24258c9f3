"""Prints the progress and the scores of a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from birdsong.learning.data.dataset import Dataset
from birdsong.learning.training.listener import TrainingListener

MAX_WAITING_SHARE = 0.1
MAX_MEMORY_GROWTH_MB = 200.0


def print_dataset(dataset: Dataset) -> None:
    """Print the labels and the size of each split."""
    ranks = Counter(label.rank for label in dataset.labels if label.rank != "none")
    counts = ", ".join(f"{count} {rank}" for rank, count in ranks.items())
    labels = dataset.label_space.bird_labels
    n_labels = len(labels)
    print(
        f"{n_labels} label{'' if n_labels == 1 else 's'}"
        + (" and background" if dataset.label_space.has_background else "")
        + (f", by rank: {counts}" if len(ranks) > 1 else "")
    )
    if dataset.pretrained is not None:
        bundle = dataset.pretrained.bundle
        n_known = sum(dataset.pretrained.column(label) is not None for label in labels)
        print(
            f"pretrained on bundle '{bundle.name}', which knows {n_known} of these "
            f"{n_labels} labels; recordings of its {len(bundle.sessions)} training sessions are "
            "only used to train"
        )
    for name in ("train", "auxiliary", "partial", "validation", "calibration", "test"):
        split = getattr(dataset, name)
        if not split.rows:
            continue
        print(
            f"  {name:<11} {len(split.recordings):>6} recordings"
            f"  {len(split.sessions):>6} sessions"
            f"  {len(split.rows):>7} images",
            flush=True,
        )


def print_epoch(epoch: Mapping[str, float]) -> None:
    """Print the scores and the speed of an epoch on one line."""
    validation = (
        f"  validation loss {epoch['val_loss']:.3f} top-1 {epoch['val_top1']:.3f}"
        if "val_loss" in epoch
        else ""
    )
    waiting_share, grown_mb = epoch["waiting_share"], epoch["memory_growth_mb"]
    remarks = [
        f"waited {100 * waiting_share:.0f} % for images: try more --jobs"
        if waiting_share > MAX_WAITING_SHARE
        else "",
        f"memory grew by {grown_mb:.0f} MB in four epochs"
        if grown_mb > MAX_MEMORY_GROWTH_MB
        else "",
    ]
    network = f"network {epoch['fold'] + 1:.0f}  " if "fold" in epoch else ""
    print(
        f"{network}epoch {epoch['epoch'] + 1:>3.0f}  {epoch['seconds']:>5.0f} s  "
        f"{epoch['images_per_s']:>6.0f} images/s  loss {epoch['loss']:.3f} "
        f"top-1 {epoch['top1']:.3f}{validation}"
        + "".join(f"  [{remark}]" for remark in remarks if remark),
        flush=True,
    )


def print_calibration(calibrated: Mapping[str, Any]) -> None:
    """Print how many recordings calibrated the answers, and the highest supported promise."""
    if not calibrated["recordings"]:
        print("not calibrated: probabilities come from the network alone")
        return
    highest = calibrated["highest_promise"]
    kept = f"promises up to {100 * highest:g} %" if highest else "no promise"
    print(
        f"calibrated by {calibrated['recordings']} recordings, which support {kept}; "
        "--folds K calibrates by all of them"
    )


def print_fold(fold: int, scores: Mapping[str, float]) -> None:
    """Print the scores of the network of one fold."""
    print_scores(f"held out from network {fold + 1}", scores)


def print_scores(which: str, scores: Mapping[str, float]) -> None:
    """Print the scores by recording, on sessions held out from training."""
    if not scores["recordings"]:
        return
    coarser = "".join(
        f", {name.removeprefix('top1_')} {100 * value:.1f} %"
        for name, value in scores.items()
        if name.startswith("top1_")
    )
    print(
        f"{scores['recordings']} recordings of {scores['sessions']} sessions {which}: "
        f"top-1 {100 * scores['top1']:.1f} %, top-5 {100 * scores['top5']:.1f} %, "
        f"macro recall {100 * scores['macro_recall']:.1f} %{coarser}",
        flush=True,
    )


CONSOLE = TrainingListener(on_dataset=print_dataset, on_epoch=print_epoch, on_fold=print_fold)
"""Prints each event of a training."""
