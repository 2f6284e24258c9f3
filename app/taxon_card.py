"""Shows what a model knows about one label: names, lineage, training data and test result."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.answers.out_of_fold_stats import LabelStats

from .answer_text import count_text, escape_markdown, taxon_text


def show_taxon_card(taxon: str, classifier: Classifier) -> None:
    """Show a card about one label.

    Parameters
    ----------
    taxon : str
        One of the model's labels.
    classifier : Classifier
    """
    label = next(each for each in classifier.bundle.bird_labels if each.taxon == taxon)
    path = classifier.bundle.taxonomy.path(taxon)
    above = ", ".join(
        f"{each.rank} {taxon_text(each.rank, each.name, each.english_name)}"
        for each in reversed(path[1:-1])
    )
    lines = [
        f"**{taxon_text(label.rank, label.taxon, label.english_name)}**"
        + (f": {above}" if above else ""),
        f"Trained on {count_text(label.n_recordings, 'recording')} of "
        f"{count_text(label.n_sessions, 'session')}.",
    ]
    if stats := classifier.out_of_fold_stats.of_label.get(taxon):
        lines.append(accuracy_text(stats))
    if label.rank == "species":
        # A link, not an image: the page itself fetches nothing from elsewhere.
        slug = quote(taxon.replace(" ", "-"))
        lines.append(
            f"[{escape_markdown(taxon)} on xeno-canto](https://xeno-canto.org/species/{slug})"
        )
    with st.container(border=True):
        st.markdown("\n\n".join(lines))


def accuracy_text(stats: LabelStats) -> str:
    """Describe how often a label was right on recordings held out from training."""
    if not stats.n_tested:
        return "Not tested: it had no recordings to hold out."
    accuracy = (
        f"Tested on {count_text(stats.n_tested, 'recording')} held out from training: the most "
        f"probable label of {stats.n_found or 'none'} of them."
    )
    if not stats.n_named:
        return f"{accuracy} No recording of another label was taken for it."
    return (
        f"{accuracy} Where it was the most probable label, it was right "
        f"{stats.n_found} of {stats.n_named} times."
    )
