"""The page with the model card: labels, training and accuracy of the model."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.bundle.bundle_files import MODEL_CARD

from .answer_text import escape_markdown, markdown_code
from .bundle_choice import show_bundle

_MAX_BYTES = 2_000_000


def show_model_page(classifier: Classifier, folder: Path) -> None:
    """Show the model card; without one, what the bundle itself records."""
    card = folder / MODEL_CARD
    if card.is_file() and card.stat().st_size <= _MAX_BYTES:
        st.markdown(card.read_text(encoding="utf-8", errors="replace"))
        return
    st.title("The model", anchor=False)
    show_bundle(classifier)
    provenance = classifier.bundle.provenance
    facts = {
        "Trained by": markdown_code(str(provenance["command"])) if "command" in provenance else "",
        "On": escape_markdown(str(provenance.get("date", ""))),
    }
    for label, value in facts.items():
        if value:
            st.markdown(f"{label} {value}")
    st.markdown("Write its model card, with its accuracy and training data, with")
    st.code(f"birdsong card {folder} --manifest data_manifest.csv", language="bash")
