"""What a model knows of one bird: its names, its place, how it was learned and tested."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.answers.out_of_fold_stats import LabelStats

from .answer_words import as_text, counted, taxon_words


def show_taxon_card(taxon: str, classifier: Classifier) -> None:
    """Put a card on the page.

    Parameters
    ----------
    taxon : str
        One of the model's labels.
    classifier : Classifier
    """
    label = next(each for each in classifier.bundle.bird_labels if each.taxon == taxon)
    path = classifier.bundle.taxonomy.path(taxon)
    above = ", ".join(
        f"{each.rank} {taxon_words(each.rank, each.name, each.english_name)}"
        for each in reversed(path[1:-1])
    )
    lines = [
        f"**{taxon_words(label.rank, label.taxon, label.english_name)}**"
        + (f": {above}" if above else ""),
        f"Learned from {counted(label.n_recordings, 'recording')} of "
        f"{counted(label.n_sessions, 'session')}.",
    ]
    if record := classifier.out_of_fold_stats.of_label.get(taxon):
        lines.append(tested(record))
    if label.rank == "species":
        # A link, not an image: nothing is fetched unless someone follows it.
        place = quote(taxon.replace(" ", "-"))
        lines.append(f"[{as_text(taxon)} on xeno-canto](https://xeno-canto.org/species/{place})")
    with st.container(border=True):
        st.markdown("\n\n".join(lines))


def tested(record: LabelStats) -> str:
    """Say in a sentence or two how often a label was right on recordings not learned from."""
    if not record.n_tested:
        return "Not tested: there were no recordings of it to keep apart."
    found = (
        f"Tested on {counted(record.n_tested, 'recording')} kept apart: the most probable label of "
        f"{record.n_found or 'none'} of them."
    )
    if not record.n_named:
        return f"{found} It was never given in error."
    return f"{found} Where it came first, it was right {record.n_found} of {record.n_named} times."
