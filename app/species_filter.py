"""Limits answers to the birds of a place: a pasted or uploaded list, or chosen families."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.answers.species_filter import SpeciesFilter, read_species_filter
from birdsong.bundle.bundle import Bundle
from birdsong.errors import TaxonomyError

from .answer_text import count_text, escape_markdown
from .bundle_choice import labels_by_family

_CHOICES = ("All birds that the model knows", "Paste a list", "Upload a list", "Choose families")
_MAX_NAMED = 10


def choose_labels(bundle: Bundle) -> frozenset[str] | None:
    """Ask which birds are possible; None if all are.

    A list that cannot be read, or allows no label, shows an error and limits nothing.
    """
    choice = st.selectbox("Possible birds", _CHOICES, key="species-filter")
    if choice == _CHOICES[1]:
        text = st.text_area("One name per line", placeholder="Turdus merula\nEuropean Robin")
        return _allowed_labels(text, "your list", bundle) if text.strip() else None
    if choice == _CHOICES[2]:
        file = st.file_uploader(
            "One name per line, or a table with names, such as an eBird life list",
            type=["txt", "csv", "tsv"],
        )
        return _allowed_labels(file.getvalue(), file.name, bundle) if file is not None else None
    if choice == _CHOICES[3]:
        return _choose_families(bundle)
    return None


def _choose_families(bundle: Bundle) -> frozenset[str] | None:
    families = labels_by_family(bundle)
    chosen = st.multiselect(
        "Families",
        [family for family in families if family],
        format_func=lambda family: f"{family} ({len(families[family])})",
    )
    if not chosen:
        return None
    return _allowed_labels("\n".join(chosen), "your families", bundle)


def _allowed_labels(content: str | bytes, name: str, bundle: Bundle) -> frozenset[str] | None:
    try:
        species_filter = read_species_filter(content, bundle, name=name)
    except TaxonomyError as error:
        st.error(escape_markdown(str(error)))
        return None
    st.caption(_summary(species_filter, len(bundle.bird_labels)))
    return species_filter.only


def _summary(species_filter: SpeciesFilter, n_labels: int) -> str:
    text = f"Limited to {len(species_filter.only)} of {count_text(n_labels, 'label')}."
    if species_filter.unknown:
        text += f" Unknown to the model: {_first_names(species_filter.unknown)}."
    if species_filter.ambiguous:
        text += f" Skipped, as of no single species: {_first_names(species_filter.ambiguous)}."
    return text


def _first_names(names: Sequence[str]) -> str:
    text = ", ".join(map(escape_markdown, names[:_MAX_NAMED]))
    more = len(names) - _MAX_NAMED
    return text + (f" and {more} more" if more > 0 else "")
