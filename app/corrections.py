"""Corrections of answers, at any rank, offered as a manifest for training."""

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

from .answer_text import count_text, taxon_text
from .predictions import Upload
from .settings import path_setting

_SESSION_KEY = "corrections"
_MANIFEST = "corrections.csv"
_AUDIO = "corrections"
_IMAGES = "images"


def show_correction(upload: Upload, bundle: Bundle) -> None:
    """Ask for the correct taxon; the choice lasts as long as the uploaded recording."""
    taxa = sorted(
        (node for node in bundle.taxonomy.nodes if node.rank != "class"),
        key=lambda taxon: (taxon.name, taxon.rank),
    )
    chosen = st.selectbox(
        "What is the correct answer?",
        taxa,
        index=None,
        format_func=_label,
        placeholder="A species, or if unsure its genus or family",
        key=f"correction-{upload.key}",
    )
    corrections = st.session_state.setdefault(_SESSION_KEY, {})
    if chosen is None:
        corrections.pop(upload.key, None)
        return
    corrections[upload.key] = correction_row(upload.name, chosen, bundle)
    st.markdown(f"Correction: {taxon_text(chosen.rank, chosen.name, chosen.english_name)}.")


def show_corrections(uploads: Sequence[Upload]) -> None:
    """Offer the corrections as a manifest for preprocessing and training."""
    corrections: dict[str, Recording] = st.session_state.setdefault(_SESSION_KEY, {})
    for key in set(corrections) - {upload.key for upload in uploads}:
        del corrections[key]
    if not corrections:
        return
    rows = list({recording.name: recording for recording in corrections.values()}.values())
    st.download_button(
        f"{count_text(len(rows), 'correction').capitalize()} as a manifest",
        manifest_text(rows),
        file_name=_MANIFEST,
        mime="text/csv",
        on_click="ignore",
        icon=":material/edit_note:",
    )
    st.caption(
        f"Put the manifest into the folder where the app was started, and the recordings into a "
        f"folder `{_AUDIO}` beside it. Then train on them, together with your other recordings:"
    )
    st.code(
        preprocess_command(path_setting("manifest"), path_setting("audio"), path_setting("images")),
        language="bash",
    )
    images = _relative_path(path_setting("images") or Path(_IMAGES))
    st.caption(
        f"and `birdsong train {images} …`. Add `--partial-labels` to use corrections above "
        "the rank of species. If you have images of other recordings, also name their manifest and "
        "folder: the command keeps only images of the recordings that it names."
    )


def preprocess_command(manifest: Path | None, audio: Path | None, images: Path | None) -> str:
    """Return the command that adds the corrected recordings to existing ones.

    Parameters
    ----------
    manifest, audio : Path or None
        Those of the existing recordings; left out if one of them does not exist.
    images : Path or None
        Existing images; new images get their settings.

    Returns
    -------
    str
        To run in the folder that holds the corrections.
    """
    words = ["birdsong", "preprocess"]
    if manifest and manifest.is_file() and audio and audio.is_dir():
        words += [
            "--manifest",
            _relative_path(manifest),
            _MANIFEST,
            "--audio",
            _relative_path(audio),
            _AUDIO,
        ]
    else:
        words += ["--manifest", _MANIFEST, "--audio", _AUDIO]
    words += [
        "--out",
        _relative_path(images or Path(_IMAGES)),
        *(_image_options(images) if images else []),
    ]
    return shlex.join(words)


def _image_options(images: Path) -> list[str]:
    """Return the options that make images like those of a folder; none if it has no settings."""
    try:
        settings = read_settings(images)
        spectrogram = SpectrogramConfig.from_dict(settings["spectrogram"])
        options = ["--segment-s", str(round(spectrogram.segment_s, 6))]
        for name in ("n_mels", "n_frames"):
            if (value := getattr(spectrogram, name)) != getattr(SpectrogramConfig(), name):
                options += [f"--{name.replace('_', '-')}", str(value)]
        options += ["--step-s", str(float(settings["step_s"]))]
        return [*options, "--grid"] if settings["grid"] else options
    except (DatasetError, KeyError, TypeError, ValueError):
        return []


def _relative_path(path: Path) -> str:
    """Return a path relative to the current folder, if it is inside it."""
    path = path.absolute()
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def correction_row(name: str, taxon: Taxon, bundle: Bundle) -> Recording:
    """Return the manifest row of a correction, with the lineage of the taxon."""
    lineage = {step.rank: step for step in bundle.taxonomy.path(taxon.name)}

    def at(rank: str) -> str:
        return lineage[rank].name if rank in lineage else ""

    return Recording(
        file=name.replace("\\", "_").replace("/", "_"),
        order=at("order"),
        family=at("family"),
        genus=at("genus"),
        species=at("species").removeprefix(f"{at('genus')} "),
        english_name=taxon.english_name if taxon.rank == "species" else "",
    )


def _label(taxon: Taxon) -> str:
    english = f", {taxon.english_name}" if taxon.english_name else ""
    return f"{taxon.name}{english} ({taxon.rank})"
