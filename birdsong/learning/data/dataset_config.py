"""Which recordings teach which labels: every choice and its default."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.config_options import setting

TRAINED_RANKS = ("species", "genus", "family")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetConfig:
    """Which recordings teach which labels.

    Attributes
    ----------
    rank : {"species", "genus", "family", "order"}
        Rank of the labels.
    under : tuple of str
        Taxa; only labels at or under one of them are learned. Empty for all.
    without : tuple of str
        Taxa; nothing is learned from recordings at or under one of them.
    min_recordings : int
        Labels with fewer recordings are left out.
    max_recordings : int
        Labels with more are left out, and whatever shares a session with them, so that a training
        on them can begin with this one and still be measured by all of them; 0 for no limit.
    back_off : bool
        Whether recordings of a species that is left out teach its genus, or else its family.
    auxiliary_classes : bool
        Whether species with too few recordings are learned beside the labels, and then dropped:
        the network learns from more birds, but never names these.
    partial_labels : bool
        Whether recordings without a label, known to a taxon above some labels, teach that taxon.
    validation_share : float
        Share of the recordings that steer the training.
    calibration_share : float
        Share that tells, when the training is over, how far the network can be trusted.
    test_share : float
        Share that nothing looks at before all of that is done.
    background_share : float
        Background images to learn from, at most, for each image of a bird.
    pretrained : str
        Folder of a bundle whose weights the training begins with, and whose sessions only train;
        empty to train from scratch. See `pretrained_bundle`.
    seed : int
        Draws the split.
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
