"""The species filter: the labels of a model that a list of species allows."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.bundle.bundle import Bundle
from birdsong.taxa.csv_rows import decode_text
from birdsong.taxa.species_list import allowed_mask, parse_species_list


@dataclass(frozen=True, slots=True)
class SpeciesFilter:
    """The labels of a model that a list of species allows.

    Attributes
    ----------
    only : frozenset of str
        Taxa of the labels that may be the answer, as in `ClassifyConfig`.
    unknown : tuple of str
        Names of the list that are not in the model's tree.
    ambiguous : tuple of str
        Entries of the list that are not a single taxon, such as hybrids and unidentified birds.
    """

    only: frozenset[str]
    unknown: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()


def read_species_filter(content: str | bytes, bundle: Bundle, *, name: str) -> SpeciesFilter:
    """Read a list of species, and find the labels of a bundle that it allows.

    Parameters
    ----------
    content : str or bytes
        One name per line, or a table with a column of names; see `taxa.species_list`.
    bundle : Bundle
    name : str
        File name of the list, for messages; its suffix says whether it is a table.

    Returns
    -------
    SpeciesFilter

    Raises
    ------
    TaxonomyError
        If it is not such a list, is empty, or allows no label.
    """
    text = content if isinstance(content, str) else decode_text(content, name)
    listed = parse_species_list(text, bundle.taxonomy, name=name)
    allowed = allowed_mask(listed, bundle.taxonomy, bundle.bird_labels)
    only = frozenset(
        label.taxon for label, may in zip(bundle.bird_labels, allowed, strict=True) if may
    )
    return SpeciesFilter(only, listed.unknown, listed.ambiguous)
