"""Shows the answer to one recording, the reason for its rank, and the most probable labels."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.answers.prediction import Prediction
from birdsong.selective.selection import RankedTaxon, format_percent

from .answer_text import (
    escape_markdown,
    headline_text,
    taxon_text,
    uncertainty_text,
)
from .lineage_figure import lineage_html
from .taxon_card import show_taxon_card

_MIN_PROBABILITY = 0.01  # less probable labels are not shown


def show_answer(prediction: Prediction) -> None:
    """Show the answer, its path, the reason for its rank, and warnings."""
    st.subheader(headline_text(prediction), anchor=False)
    reason = prediction.reason
    if prediction.answer and (text := uncertainty_text(prediction)):
        st.markdown(text)  # unlike the reason, it has English names
        reason = f"{prediction.answer.because}."
    for warning in prediction.warnings:
        st.warning(
            escape_markdown(warning[:1].upper() + warning[1:]) + ".", icon=":material/warning:"
        )
    st.html(lineage_html(prediction))
    if reason:
        reason = f"Why: {reason}" if prediction.answer else reason
        st.caption(escape_markdown(reason))


def show_likely_labels(prediction: Prediction, classifier: Classifier, key: str) -> None:
    """List the most probable labels by genus, and show a card of the one that the user picks."""
    likely = [taxon for taxon in prediction.top if taxon.probability >= _MIN_PROBABILITY]
    if not likely:
        return
    st.markdown("**Most probable**")
    for genus, labels in by_genus(likely, classifier):
        total = sum(label.probability for label in labels)
        if len(labels) > 1:
            st.progress(
                min(1.0, total),
                f"Genus *{escape_markdown(genus)}*, together {format_percent(total)}",
            )
        for label in labels:
            indent = "&emsp;" if len(labels) > 1 else ""
            name = taxon_text(label.rank, label.taxon, label.english_name)
            st.progress(
                min(1.0, label.probability), f"{indent}{name} {format_percent(label.probability)}"
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
    """Group labels by genus, the most probable genus first.

    A label of a rank above genus is a group of its own.
    """
    taxonomy = classifier.bundle.taxonomy
    groups: dict[str, list[RankedTaxon]] = {}
    for label in labels:
        path = taxonomy.path(label.taxon)
        genus = next((taxon.name for taxon in path if taxon.rank == "genus"), label.taxon)
        groups.setdefault(genus, []).append(label)
    return sorted(groups.items(), key=lambda each: -sum(label.probability for label in each[1]))
