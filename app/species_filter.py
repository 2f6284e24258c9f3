"""Answers narrowed to the birds of a place: a list pasted, uploaded, or ticked by family."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.answers.species_filter import SpeciesFilter, read_species_filter
from birdsong.bundle.bundle import Bundle
from birdsong.errors import TaxonomyError

from .answer_words import as_text, counted
from .bundle_choice import labels_by_family

_WAYS = ("All that the model knows", "Paste a list", "Upload a list", "Tick families")
_MOST_NAMED = 10


def choose_labels(bundle: Bundle) -> frozenset[str] | None:
    """Ask which birds occur; None where any may.

    A list that cannot be read, or admits nothing, is told beside it, and narrows nothing.
    """
    way = st.selectbox("Which birds may it be", _WAYS, key="narrowing")
    if way == _WAYS[1]:
        text = st.text_area("Names, a line each", placeholder="Turdus merula\nEuropean Robin")
        return _narrowed(text, "your list", bundle) if text.strip() else None
    if way == _WAYS[2]:
        file = st.file_uploader(
            "A name a line, or a table with names, such as eBird's life list",
            type=["txt", "csv", "tsv"],
        )
        return _narrowed(file.getvalue(), file.name, bundle) if file is not None else None
    if way == _WAYS[3]:
        return _of_families(bundle)
    return None


def _of_families(bundle: Bundle) -> frozenset[str] | None:
    known = labels_by_family(bundle)
    chosen = st.multiselect(
        "Families",
        [family for family in known if family],
        format_func=lambda family: f"{family} ({len(known[family])})",
    )
    if not chosen:
        return None
    return _narrowed("\n".join(chosen), "your families", bundle)


def _narrowed(content: str | bytes, name: str, bundle: Bundle) -> frozenset[str] | None:
    try:
        narrowed = read_species_filter(content, bundle, name=name)
    except TaxonomyError as error:
        st.error(as_text(str(error)))
        return None
    st.caption(_told(narrowed, len(bundle.bird_labels)))
    return narrowed.only


def _told(narrowed: SpeciesFilter, n_labels: int) -> str:
    told = f"Narrowed to {len(narrowed.only)} of {counted(n_labels, 'label')}."
    if narrowed.unknown:
        told += f" Unknown to the model: {_first(narrowed.unknown)}."
    if narrowed.passed_over:
        told += f" Of no one species, and passed over: {_first(narrowed.passed_over)}."
    return told


def _first(names: Sequence[str]) -> str:
    some = ", ".join(map(as_text, names[:_MOST_NAMED]))
    more = len(names) - _MOST_NAMED
    return some + (f" and {more} more" if more > 0 else "")
