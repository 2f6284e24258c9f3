"""Answers narrowed to the birds of a place: which of a model's labels a list of species admits."""

from __future__ import annotations

from dataclasses import dataclass

from birdsong.bundle.bundle import Bundle
from birdsong.taxa.csv_rows import decode_text
from birdsong.taxa.species_list import allowed_mask, parse_species_list


@dataclass(frozen=True, slots=True)
class SpeciesFilter:
    """What is left of a model's labels.

    Attributes
    ----------
    only : frozenset of str
        Taxa of the labels that may be the answer, as `ClassifyConfig` takes them.
    unknown : tuple of str
        Names of the list that are not in the model's tree.
    passed_over : tuple of str
        What is on the list and is no single taxon, as hybrids and birds that were not identified.
    """

    only: frozenset[str]
    unknown: tuple[str, ...]
    passed_over: tuple[str, ...] = ()


def read_species_filter(content: str | bytes, bundle: Bundle, *, name: str) -> SpeciesFilter:
    """Tell which of a bundle's labels may be the answer where only the taxa of a list occur.

    Parameters
    ----------
    content : str or bytes
        A name a line, or a table with a column of names; see `taxa.species_list`.
    bundle : Bundle
    name : str
        Of the list, for messages; the ending says whether it is a table.

    Returns
    -------
    SpeciesFilter

    Raises
    ------
    TaxonomyError
        If it is no such list, is empty, or admits no label.
    """
    text = content if isinstance(content, str) else decode_text(content, name)
    listed = parse_species_list(text, bundle.taxonomy, name=name)
    admitted = allowed_mask(listed, bundle.taxonomy, bundle.bird_labels)
    only = frozenset(
        label.taxon for label, may in zip(bundle.bird_labels, admitted, strict=True) if may
    )
    return SpeciesFilter(only, listed.unknown, listed.ambiguous)
