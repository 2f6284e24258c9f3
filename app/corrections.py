"""Answers corrected by who knows better, at any rank, kept as rows of a manifest."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from birdsong.bundle.bundle import Bundle
from birdsong.errors import DatasetError
from birdsong.images.store import read_settings
from birdsong.recordings.manifest import manifest_text
from birdsong.recordings.recording import Recording
from birdsong.sound.spectrogram import SpectrogramConfig
from birdsong.taxa.lineage import Taxon

from .answer_words import counted, taxon_words
from .predictions import Upload
from .settings import named

_KEPT = "corrections"
_MANIFEST = "corrections.csv"
_AUDIO = "corrections"
_IMAGES = "images"


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
        file_name=_MANIFEST,
        mime="text/csv",
        on_click="ignore",
        icon=":material/edit_note:",
    )
    st.caption(
        f"Put the manifest where the app was started, and the recordings into a folder `{_AUDIO}` "
        "beside it. Then learn from them, together with what you have:"
    )
    st.code(preprocess_command(named("manifest"), named("audio"), named("images")), language="bash")
    images = _path(named("images") or Path(_IMAGES))
    st.caption(
        f"and `birdsong train {images} …`; with "
        "`--partly-named` those of no species teach, too. If you have images of other recordings, "
        "name their manifest and their folder, too: only what is named is kept."
    )


def preprocess_command(manifest: Path | None, audio: Path | None, images: Path | None) -> str:
    """Write the command that adds corrected recordings to those that there are.

    Parameters
    ----------
    manifest, audio : Path or None
        Of the recordings that there are; left out where one of them does not exist.
    images : Path or None
        Their images, which are made with the same settings.

    Returns
    -------
    str
        To be typed where the corrections lie.
    """
    words = ["birdsong", "preprocess"]
    if manifest and manifest.is_file() and audio and audio.is_dir():
        words += ["--manifest", _path(manifest), _MANIFEST, "--audio", _path(audio), _AUDIO]
    else:
        words += ["--manifest", _MANIFEST, "--audio", _AUDIO]
    words += ["--out", _path(images or Path(_IMAGES)), *(_settings(images) if images else [])]
    return shlex.join(words)


def _settings(images: Path) -> list[str]:
    """Options that make images as those of a folder; none where it tells of none."""
    try:
        settings = read_settings(images)
        spectrogram = SpectrogramConfig.from_dict(settings["spectrogram"])
        options = ["--segment-s", str(round(spectrogram.segment_s, 6))]
        options += ["--step-s", str(float(settings["step_s"]))]
        return [*options, "--grid"] if settings["grid"] else options
    except (DatasetError, KeyError, TypeError, ValueError):
        return []


def _path(path: Path) -> str:
    """A path as one types it: from the folder where the app was started, if it lies below it."""
    path = path.absolute()
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


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
