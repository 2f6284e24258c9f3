"""Settings of the dataset: which recordings are used, with which labels, in which splits."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.config_options import setting

TRAINED_RANKS = ("species", "genus", "family")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """Which recordings are used, with which labels, in which splits.

    Attributes
    ----------
    rank : {"species", "genus", "family", "order"}
        Rank of the labels.
    under : tuple of str
        Taxa; only labels at or under one of them are used. Empty for all.
    without : tuple of str
        Taxa; recordings at or under one of them are left out.
    min_recordings : int
        Labels with fewer recordings are left out.
    max_recordings : int
        Labels with more recordings are left out, and all recordings that share a session with
        them. A later training on those labels can then start from this network and still be
        tested on all of their sessions. 0 for no limit.
    back_off : bool
        Whether recordings of a species that is left out count for its genus, or else its family.
    auxiliary_classes : bool
        Whether to train also on species with too few recordings, as classes that are never an
        answer. See `auxiliary_classes`.
    partial_labels : bool
        Whether to train also on recordings that are identified only to a taxon above some labels.
        See `partial_labels`.
    validation_share : float
        Share of the recordings for validation, which ends training early.
    calibration_share : float
        Share of the recordings that the trained network is calibrated on.
    test_share : float
        Share of the recordings that only test the finished network.
    background_share : float
        Maximum number of background images in training, per image of a bird.
    pretrained : str
        Folder of a bundle whose weights training starts with, and whose sessions are only in the
        training split; empty to train from scratch. See `pretrained_bundle`.
    seed : int
        Seed of the random split.
    """

    rank: str = setting("species", "rank of the labels", choices=TRAINED_RANKS)
    under: tuple[str, ...] = setting((), "only use labels under these taxa", metavar="TAXON")
    without: tuple[str, ...] = setting((), "leave out everything under these taxa", metavar="TAXON")
    min_recordings: int = setting(1, "leave out labels with fewer recordings", metavar="N")
    max_recordings: int = setting(
        0,
        "leave out labels with more recordings, and the sessions that hold them, as for a second "
        "training with --pretrained; 0 is no limit",
        metavar="N",
    )
    back_off: bool = setting(
        False, "use taxa with fewer recordings as examples of their genus or family"
    )
    auxiliary_classes: bool = setting(
        False,
        "also train on taxa with fewer recordings, as classes that are never an answer",
        old_flags=["--others"],
    )
    partial_labels: bool = setting(
        False,
        "also train on recordings identified only to genus, family or order",
        old_flags=["--partly-named"],
    )
    validation_share: float = setting(
        0.1, "share of the recordings for validation while training", metavar="SHARE"
    )
    calibration_share: float = setting(
        0.1, "share of the recordings for calibration", metavar="SHARE"
    )
    test_share: float = setting(0.2, "share of the recordings for the test", metavar="SHARE")
    background_share: float = 0.1
    pretrained: str = ""
    seed: int = 0
