"""Answers corrected by who knows better, at any rank, kept as rows of a manifest."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from birdsong.bundle import Bundle
from birdsong.recordings.manifest import manifest_text
from birdsong.recordings.recording import Recording
from birdsong.taxa.lineage import Taxon

from .answer_words import counted, taxon_words
from .heard import Upload

_KEPT = "corrections"


def show_correction(upload: Upload, bundle: Bundle) -> None:
    """Ask what a recording holds in truth; the choice is kept as long as the recording."""
    taxa = sorted(
        (node for node in bundle.taxonomy.nodes if node.rank != "class"),
        key=lambda taxon: (taxon.name, taxon.rank),
    )
    chosen = st.selectbox(
        "What is it in truth?",
        taxa,
        index=None,
        format_func=_words,
        placeholder="A species, or as much as you know: a genus, a family",
        key=f"correction-{upload.key}",
    )
    kept = st.session_state.setdefault(_KEPT, {})
    if chosen is None:
        kept.pop(upload.key, None)
        return
    kept[upload.key] = corrected_row(upload.name, chosen, bundle)
    st.markdown(f"Noted: {taxon_words(chosen.rank, chosen.name, chosen.english_name)}.")


def show_corrections(uploads: Sequence[Upload]) -> None:
    """Offer what was corrected as a manifest that preprocessing and training take."""
    kept: dict[str, Recording] = st.session_state.setdefault(_KEPT, {})
    for key in set(kept) - {upload.key for upload in uploads}:
        del kept[key]
    if not kept:
        return
    rows = list({recording.name: recording for recording in kept.values()}.values())
    st.download_button(
        f"{counted(len(rows), 'correction').capitalize()} as a manifest",
        manifest_text(rows),
        file_name="corrections.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/edit_note:",
    )
    st.caption(
        "Put the recordings into a folder and learn from them: "
        "`birdsong preprocess --manifest corrections.csv --audio FOLDER --out images`, then "
        "`birdsong train images …`; with `--partly-named` those of no species teach, too."
    )


def corrected_row(name: str, taxon: Taxon, bundle: Bundle) -> Recording:
    """Return the row of a manifest: as much of the lineage as the taxon has."""
    known = {step.rank: step for step in bundle.taxonomy.path(taxon.name)}

    def at(rank: str) -> str:
        return known[rank].name if rank in known else ""

    return Recording(
        file=name.replace("\\", "_").replace("/", "_"),
        order=at("order"),
        family=at("family"),
        genus=at("genus"),
        species=at("species").removeprefix(f"{at('genus')} "),
        english_name=taxon.english_name if taxon.rank == "species" else "",
    )


def _words(taxon: Taxon) -> str:
    english = f", {taxon.english_name}" if taxon.english_name else ""
    return f"{taxon.name}{english} ({taxon.rank})"
