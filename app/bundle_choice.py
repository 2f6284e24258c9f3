"""Loads and describes the bundle: that of ``birdsong app --bundle``, or the shipped one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from birdsong.answers.classifier import Classifier
from birdsong.bundle.bundle import Bundle
from birdsong.bundle.bundle_files import DEFAULT_BUNDLE
from birdsong.taxa.labels import Label

from .answer_text import escape_markdown
from .settings import path_setting

_PLURALS = {"order": "orders", "family": "families", "genus": "genera", "species": "species"}


def bundle_folder() -> Path:
    """Return the folder of the bundle that the app uses."""
    return path_setting("bundle") or DEFAULT_BUNDLE


@st.cache_resource(show_spinner="Loading the model …", max_entries=2)
def load_classifier(folder: str) -> Classifier:
    """Load a bundle once for all sessions; raises `BundleError` as `Classifier.load` does."""
    return Classifier.load(Path(folder))


def show_bundle(classifier: Classifier) -> None:
    """Show the name of the model, its labels and its licence."""
    bundle = classifier.bundle
    labels = bundle.bird_labels
    ranks = {label.rank for label in labels}
    known = f"{len(labels)} {_PLURALS[ranks.pop()] if len(ranks) == 1 else 'taxa'}"
    families = labels_by_family(bundle)
    n_families = sum(bool(family) for family in families)
    of = f" of {n_families} {'family' if n_families == 1 else 'families'}"
    st.markdown(
        f"The model **{escape_markdown(bundle.name)}** knows {known}{of if n_families else ''}."
    )
    if licence := bundle.licence:
        st.caption(f"Licence: {escape_markdown(licence)}")
    with st.expander(f"What it knows: {known}"):
        rows = [
            {
                "Taxon": label.taxon,
                "English name": label.english_name,
                "Family": family,
                "Recordings": label.n_recordings,
            }
            for family, own in families.items()
            for label in own
        ]
        st.dataframe(without_empty_columns(rows), hide_index=True)


def without_empty_columns(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Drop the columns that are empty in every row, as the English name is for genera."""
    empty = {name for row in rows for name in row} - {
        name for row in rows for name, cell in row.items() if cell != ""
    }
    return [{name: cell for name, cell in row.items() if name not in empty} for row in rows]


def labels_by_family(bundle: Bundle) -> dict[str, list[Label]]:
    """Group the labels of a model by family; ``""`` holds those without a known family."""
    families: dict[str, list[Label]] = {}
    for label in bundle.bird_labels:
        path = bundle.taxonomy.path(label.taxon)
        family = next((taxon.name for taxon in path if taxon.rank == "family"), "")
        families.setdefault(family, []).append(label)
    return dict(sorted(families.items()))


def show_missing_bundle(folder: Path, error: Exception) -> None:
    """Explain how to train a bundle, where none can be loaded."""
    st.error(f"No model can be loaded: {escape_markdown(str(error))}.")
    st.markdown("Train one on images of recordings, then start the app with it:")
    st.code(
        "birdsong train images --rank genus --out runs/genus\n"
        "birdsong app --bundle runs/genus/bundle",
        language="bash",
    )
    st.caption(f"Searched in {folder}")
