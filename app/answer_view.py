"""The answer to one recording: its words, why it stops there, what else it could be."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.answers.prediction import Prediction
from birdsong.selective.selection import RankedTaxon

from .answer_words import as_text, headline, percent, taxon_words, uncertain
from .lineage_figure import lineage_html
from .taxon_card import show_taxon_card

_FAINT = 0.01  # less is not worth a line


def show_answer(prediction: Prediction) -> None:
    """Say what was heard, how it was arrived at, and what may be wrong with it."""
    st.subheader(headline(prediction), anchor=False)
    why = prediction.reason
    if prediction.answer and (words := uncertain(prediction)):  # with English names
        st.markdown(words)
        why = f"{prediction.answer.because}."
    for warning in prediction.warnings:
        st.warning(as_text(warning[:1].upper() + warning[1:]) + ".", icon=":material/warning:")
    st.html(lineage_html(prediction))
    if why:
        why = f"Why: {why}" if prediction.answer else why
        st.caption(as_text(why))


def show_likely_labels(prediction: Prediction, classifier: Classifier, key: str) -> None:
    """List the most probable labels, those of a genus together, and a card of one of them."""
    likely = [taxon for taxon in prediction.top if taxon.probability >= _FAINT]
    if not likely:
        return
    st.markdown("**Most probable**")
    for genus, labels in by_genus(likely, classifier):
        total = sum(label.probability for label in labels)
        if len(labels) > 1:
            st.progress(min(1.0, total), f"Genus *{as_text(genus)}*, together {percent(total)}")
        for label in labels:
            indent = "&emsp;" if len(labels) > 1 else ""
            words = taxon_words(label.rank, label.taxon, label.english_name)
            st.progress(
                min(1.0, label.probability), f"{indent}{words} {percent(label.probability)}"
            )
    chosen = st.selectbox(
        "About",
        likely,
        format_func=lambda taxon: (
            f"{taxon.taxon} ({taxon.english_name})" if taxon.english_name else taxon.taxon
        ),
        index=None,
        placeholder="Choose a bird to read about",
        key=f"card-{key}",
    )
    if chosen is not None:
        show_taxon_card(chosen.taxon, classifier)


def by_genus(
    labels: Sequence[RankedTaxon], classifier: Classifier
) -> list[tuple[str, list[RankedTaxon]]]:
    """Put labels of one genus together, the most probable genus first.

    A label above the species is a group of its own.
    """
    taxonomy = classifier.bundle.taxonomy
    groups: dict[str, list[RankedTaxon]] = {}
    for label in labels:
        path = taxonomy.path(label.taxon)
        genus = next((taxon.name for taxon in path if taxon.rank == "genus"), label.taxon)
        groups.setdefault(genus, []).append(label)
    return sorted(groups.items(), key=lambda each: -sum(label.probability for label in each[1]))
