"""The label space: the labels of a model's logits, and the taxonomy that contains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from birdsong.errors import TaxonomyError
from birdsong.taxa.label_tree import LabelTree
from birdsong.taxa.labels import BACKGROUND, Label, label_indices
from birdsong.taxa.lineage import Lineage
from birdsong.taxa.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """The labels of a model with their tree.

    Attributes
    ----------
    labels : tuple of Label
        One per column of the logits; `BACKGROUND`, if any, is the last.
    taxonomy : Taxonomy
        Contains the taxa of all labels except the background.

    Raises
    ------
    TaxonomyError
        If the background is not the last label, or the only one.

    Examples
    --------
    >>> from birdsong.taxa.lineage import Lineage
    >>> thrush = Lineage(order="Passeriformes", family="Turdidae", genus="Turdus")
    >>> labels = (Label(taxon="Turdus", rank="genus"), BACKGROUND)
    >>> space = LabelSpace(labels, Taxonomy.from_lineages([thrush]))
    >>> space.n_columns, space.has_background, [label.taxon for label in space.bird_labels]
    (2, True, ['Turdus'])
    """

    labels: tuple[Label, ...]
    taxonomy: Taxonomy

    def __post_init__(self) -> None:
        if BACKGROUND in self.labels[:-1]:
            raise TaxonomyError("the background must be the last label, and only one")
        if not self.bird_labels:
            raise TaxonomyError("there is no label beside the background")

    @property
    def has_background(self) -> bool:
        """Whether the last column is the background class."""
        return self.labels[-1:] == (BACKGROUND,)

    @property
    def bird_labels(self) -> tuple[Label, ...]:
        """The labels without the background."""
        return self.labels[:-1] if self.has_background else self.labels

    @property
    def n_columns(self) -> int:
        """Number of columns of the logits, including the background."""
        return len(self.labels)

    def class_indices(self, lineages: Sequence[Lineage]) -> npt.NDArray[np.intp]:
        """Class index of every recording: the column of the lowest label that its lineage names.

        Parameters
        ----------
        lineages : sequence of Lineage, length n_recordings

        Returns
        -------
        int, shape (n_recordings,)
            -1 if no label fits.
        """
        return label_indices(self.bird_labels, lineages)

    def allowed_mask(self, taxa: Set[str], *, owner: str = "the model") -> npt.NDArray[np.bool_]:
        """Return which labels may be the answer if answers are limited to some taxa.

        Parameters
        ----------
        taxa : set of str
            Taxa of labels.
        owner : str
            Owner of the labels, for error messages.

        Returns
        -------
        bool, shape (n_labels,)
            Without the background.

        Raises
        ------
        TaxonomyError
            If `taxa` is empty, or one of them is no label.
        """
        if not taxa:
            raise TaxonomyError("the list of species is empty; expected one label at least")
        names = {self.taxonomy.taxon(name).name for name in taxa}
        labels = [self.taxonomy.taxon(label.taxon).name for label in self.bird_labels]
        if unknown := names.difference(labels):
            raise TaxonomyError(f"{min(unknown)!r} is on the list, but is no label of {owner}")
        return np.array([label in names for label in labels])

    def tree(
        self,
        *,
        temperatures: Mapping[str, float] | None = None,
        allowed_mask: npt.NDArray[np.bool_] | None = None,
    ) -> LabelTree:
        """Put the bird labels on their tree; the arguments are those of `LabelTree`."""
        return LabelTree(
            self.taxonomy, self.bird_labels, temperatures=temperatures, allowed_mask=allowed_mask
        )
