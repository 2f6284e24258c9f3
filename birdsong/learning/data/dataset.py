"""What a model learns from: the labels, the split by session, and the images of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from birdsong.learning.data.pretrained_bundle import PretrainedBundle
from birdsong.learning.data.split import NOTHING, Split
from birdsong.taxa.label_space import LabelSpace
from birdsong.taxa.labels import Label
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labels, their tree, and the parts of the split.

    Attributes
    ----------
    labels : tuple of Label
        Each with the recordings and sessions of the training and validation parts.
        `BACKGROUND` comes last where there are background images to learn from.
    taxonomy : Taxonomy
        The tree of the labels.
    learned_taxonomy : Taxonomy
        The tree of all that is learned.
    class_index_of : Mapping
        The class index of every recording, whatever its images show.
    train, validation, calibration, test : Split
    auxiliary : Split
        Images, to learn from, of taxa that the network learns beside the labels; its
        ``label_indices`` go on where the labels end. None of its sessions is in a part kept apart.
    auxiliary_labels : tuple of Label
        These taxa.
    partial : Split
        Images of birds, to learn from, of which no more than a taxon above the labels is known;
        its ``label_indices`` are columns past the labels' (`LabelLevels.first_columns`). None of
        its sessions is in a part kept apart.
    pretrained : PretrainedBundle or None
        What the network knows before it learns; none of its sessions is in a part kept apart.
    """

    labels: tuple[Label, ...]
    taxonomy: Taxonomy
    learned_taxonomy: Taxonomy
    class_index_of: Mapping[str, int]
    train: Split
    validation: Split
    calibration: Split
    test: Split
    auxiliary: Split = NOTHING
    auxiliary_labels: tuple[Label, ...] = ()
    partial: Split = NOTHING
    pretrained: PretrainedBundle | None = None

    @property
    def learned_labels(self) -> tuple[Label, ...]:
        """The labels, and then what is learned beside them."""
        return (*self.labels, *self.auxiliary_labels)

    @property
    def teaching(self) -> Split:
        """All images that a network is trained on."""
        return self.train.joined(self.auxiliary).joined(self.partial)

    @property
    def label_space(self) -> LabelSpace:
        """What the columns of the network's logits mean."""
        return LabelSpace(self.labels, self.taxonomy)

    @property
    def has_background(self) -> bool:
        """Whether there is background to learn from."""
        return self.label_space.has_background

    @property
    def bird_labels(self) -> tuple[Label, ...]:
        """The labels without the background."""
        return self.label_space.bird_labels

    @property
    def known_sessions(self) -> frozenset[str]:
        """The sessions that a bundle is made from; it can be measured on all others."""
        parts = (self.teaching, self.validation, self.calibration)
        before = self.pretrained.bundle.sessions if self.pretrained else frozenset()
        return before.union(*(part.sessions for part in parts))

    def learned_from(self) -> dict[str, int]:
        """Count the recordings, sessions and images that training and its steering look at."""
        rows = [*self.teaching.rows, *self.validation.rows]
        return {
            "recordings": len({row.recording for row in rows}),
            "sessions": len({row.session for row in rows}),
            "images": len(rows),
        }
