"""Which recordings teach which labels: every choice and its default."""

from __future__ import annotations

from dataclasses import dataclass


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
    others : bool
        Whether species with too few recordings are learned beside the labels, and then dropped:
        the network hears more birds, but never names these.
    partly_named : bool
        Whether recordings without a label, known to a taxon above some labels, teach that taxon.
    validation_share : float
        Share of the recordings that steer the training.
    calibration_share : float
        Share that tells, when the training is over, how far the network can be trusted.
    test_share : float
        Share that nothing looks at before all of that is done.
    background_share : float
        Background images to learn from, at most, for each image of a bird.
    begin_with : str
        Folder of a bundle whose weights the training begins with, and whose sessions only train;
        empty to begin by chance. See `pretrained`.
    seed : int
        Draws the split.
    """

    rank: str = "species"
    under: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    min_recordings: int = 1
    max_recordings: int = 0
    back_off: bool = False
    others: bool = False
    partly_named: bool = False
    validation_share: float = 0.1
    calibration_share: float = 0.1
    test_share: float = 0.2
    background_share: float = 0.1
    begin_with: str = ""
    seed: int = 0
