"""The page about the model: what it knows, how it was made, how far it can be trusted."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.bundle.bundle_files import MODEL_CARD

from .answer_words import as_code, as_text
from .bundle_choice import show_bundle

_MOST_BYTES = 2_000_000


def show_card_page(classifier: Classifier, folder: Path) -> None:
    """Show the model's card; where none was written, what the bundle itself tells."""
    card = folder / MODEL_CARD
    if card.is_file() and card.stat().st_size <= _MOST_BYTES:
        st.markdown(card.read_text(encoding="utf-8", errors="replace"))
        return
    st.title("The model", anchor=False)
    show_bundle(classifier)
    provenance = classifier.bundle.provenance
    told = {
        "Trained by": as_code(str(provenance["command"])) if "command" in provenance else "",
        "On": as_text(str(provenance.get("date", ""))),
    }
    for what, words in told.items():
        if words:
            st.markdown(f"{what} {words}")
    st.markdown("Its card, with how good it is and whom it learned from, is written by")
    st.code(f"birdsong card {folder} --manifest data_manifest.csv", language="bash")
