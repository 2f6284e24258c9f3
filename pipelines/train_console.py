"""What the training stage says while it works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from birdsong.learning.data.dataset import Dataset

MOST_WAITING = 0.1
MOST_GROWTH_MB = 200.0


def print_dataset(dataset: Dataset) -> None:
    """Say what will be learned from what."""
    ranks = Counter(label.rank for label in dataset.labels if label.rank != "none")
    shares = ", ".join(f"{count} {rank}" for rank, count in ranks.items())
    n = len(dataset.bird_labels)
    print(
        f"{n} label{'' if n == 1 else 's'}"
        + (" and background" if dataset.has_background else "")
        + (f", by rank: {shares}" if len(ranks) > 1 else "")
    )
    if dataset.pretrained is not None:
        bundle = dataset.pretrained.bundle
        birds = dataset.bird_labels
        known = sum(dataset.pretrained.column(label) is not None for label in birds)
        print(
            f"begins with bundle '{bundle.name}', which knows {known} of these {len(birds)} birds; "
            f"recordings of the {len(bundle.sessions)} sessions that it learned from only train"
        )
    for name in ("train", "others", "partly_named", "validation", "calibration", "test"):
        part = getattr(dataset, name)
        if not part.rows:
            continue
        print(
            f"  {name.removesuffix('_named'):<11} {len(part.recordings):>6} recordings"
            f"  {len(part.sessions):>6} sessions"
            f"  {len(part.rows):>7} images",
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
        f"waited {100 * waited:.0f} % for images: try more --jobs" if waited > MOST_WAITING else "",
        f"memory grew by {grown_mb:.0f} MB in four epochs" if grown_mb > MOST_GROWTH_MB else "",
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
