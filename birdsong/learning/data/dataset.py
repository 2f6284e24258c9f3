"""The dataset of a training: labels, taxonomy, and the images of each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from birdsong.learning.data.pretrained_bundle import PretrainedBundle
from birdsong.learning.data.split import EMPTY_SPLIT, Split
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.labels import Label
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labels, their taxonomy, and the splits.

    Attributes
    ----------
    labels : tuple of Label
        Each with the numbers of its recordings and sessions in the training and validation splits.
        `BACKGROUND` is last if there are background images.
    taxonomy : Taxonomy
        Taxonomy of the labels.
    learned_taxonomy : Taxonomy
        Taxonomy of the labels and the auxiliary classes.
    class_index_of : Mapping
        Class index of every recording with a label.
    train, validation, calibration, test : Split
    auxiliary : Split
        Training images of the auxiliary classes; their class indices follow those of the labels.
        It shares no session with the validation, calibration and test splits.
    auxiliary_labels : tuple of Label
        The auxiliary classes.
    partial : Split
        Training images of birds that are identified only to a taxon above the labels. Their
        ``label_indices`` are target columns after those of the labels: see
        `LabelLevels.first_columns`. It shares no session with the held-out splits, either.
    pretrained : PretrainedBundle or None
        The bundle whose weights training starts with; its sessions are only in `train`.
    """

    labels: tuple[Label, ...]
    taxonomy: Taxonomy
    learned_taxonomy: Taxonomy
    class_index_of: Mapping[str, int]
    train: Split
    validation: Split
    calibration: Split
    test: Split
    auxiliary: Split = EMPTY_SPLIT
    auxiliary_labels: tuple[Label, ...] = ()
    partial: Split = EMPTY_SPLIT
    pretrained: PretrainedBundle | None = None

    @property
    def learned_labels(self) -> tuple[Label, ...]:
        """The labels, then the auxiliary classes."""
        return (*self.labels, *self.auxiliary_labels)

    @property
    def full_train(self) -> Split:
        """All images that the network is trained on: `train`, `auxiliary` and `partial`."""
        return Split.concatenate([self.train, self.auxiliary, self.partial])

    @property
    def label_space(self) -> LabelSpace:
        """Meaning of the columns of the logits."""
        return LabelSpace(self.labels, self.taxonomy)

    @property
    def known_sessions(self) -> frozenset[str]:
        """Sessions that the bundle learns from or is calibrated on; all others can test it."""
        splits = (self.full_train, self.validation, self.calibration)
        pretrained = self.pretrained.bundle.sessions if self.pretrained else frozenset()
        return pretrained.union(*(split.sessions for split in splits))

    def training_counts(self) -> dict[str, int]:
        """Count recordings, sessions and images of the training and validation splits."""
        rows = [*self.full_train.rows, *self.validation.rows]
        return {
            "recordings": len({row.recording for row in rows}),
            "sessions": len({row.session for row in rows}),
            "images": len(rows),
        }
