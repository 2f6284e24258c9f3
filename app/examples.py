"""Example recordings: those in a manifest and an audio folder whose species the model knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from birdsong.bundle.bundle import Bundle
from birdsong.errors import BirdsongError
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import read_manifest
from birdsong.recordings.recording import Recording

from .answer_text import safe_stem
from .predictions import Upload
from .settings import path_setting

N_EXAMPLES = 6
_MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Example:
    """A recording to try.

    Attributes
    ----------
    recording : Recording
    path : Path
    in_training_sessions : bool
        Whether the model was trained on it, or on another recording of its session.
    """

    recording: Recording
    path: Path
    in_training_sessions: bool


def choose_example(bundle: Bundle) -> Upload | None:
    """Offer the examples, if there are any, and return the chosen one."""
    folder, manifest = path_setting("audio"), path_setting("manifest")
    if folder is None or manifest is None:
        return None
    examples = find_examples(folder, manifest, bundle)
    if not examples:
        return None
    chosen = st.pills(
        "Or try one of these",
        examples,
        format_func=lambda each: each.recording.english_name or each.recording.taxon,
        key="example",
    )
    if chosen is None:
        return None
    recording = chosen.recording
    notes = [f"labelled {recording.taxon} by the recordist"]
    if recording.recordist:
        notes.append(f"recorded by {recording.recordist}")
    if recording.licence:
        notes.append(recording.licence)
    if chosen.in_training_sessions:
        notes.append("not a test: the model was trained on its session")
    name = chosen.path.name
    return Upload(f"example-{safe_stem(name)}", name, chosen.path.read_bytes(), "; ".join(notes))


@st.cache_resource(show_spinner=False, max_entries=4)
def find_examples(folder: Path, manifest: Path, _bundle: Bundle) -> list[Example]:
    """Find a few recordings of birds that a model knows, each of another family.

    Recordings outside the training sessions come first. The list is empty if the folder or the
    manifest does not exist, since examples are optional.
    """
    try:
        recordings, audio = read_manifest(manifest), AudioFolder(folder)
    except BirdsongError:
        return []
    labels = {label.taxon for label in _bundle.bird_labels}
    candidates = [each for each in recordings if labels & {each.scientific_name, each.genus}]
    candidates.sort(key=lambda each: (each.session in _bundle.sessions, each.name))
    found: list[Example] = []
    families: set[str] = set()
    for recording in candidates:
        if len(found) == N_EXAMPLES:
            break
        if (recording.family or recording.genus) in families:
            continue
        try:
            path = audio.find(recording)
        except BirdsongError:
            continue
        if path.stat().st_size <= _MAX_BYTES:
            families.add(recording.family or recording.genus)
            found.append(Example(recording, path, recording.session in _bundle.sessions))
    return found
