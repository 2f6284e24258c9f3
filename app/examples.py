"""Recordings to try: those of an audio folder that a manifest names and the model may know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from birdsong.bundle.bundle import Bundle
from birdsong.errors import BirdsongError
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.manifest import read_manifest
from birdsong.recordings.recording import Recording

from .answer_words import safe_stem
from .predictions import Upload
from .settings import named

N_EXAMPLES = 6
_LARGEST_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Example:
    """A recording that lies ready.

    Attributes
    ----------
    recording : Recording
    path : Path
    was_learned : bool
        Whether the model learned from it, or from another of its session.
    """

    recording: Recording
    path: Path
    was_learned: bool


def choose_example(bundle: Bundle) -> Upload | None:
    """Offer the examples, if there are any; return the one that was chosen."""
    folder, manifest = named("audio"), named("manifest")
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
    told = [f"{recording.taxon}, says who recorded it"]
    if recording.recordist:
        told.append(f"recorded by {recording.recordist}")
    if recording.licence:
        told.append(recording.licence)
    if chosen.was_learned:
        told.append("the model learned from its session, so that this is no test")
    name = chosen.path.name
    return Upload(f"example-{safe_stem(name)}", name, chosen.path.read_bytes(), "; ".join(told))


@st.cache_resource(show_spinner=False, max_entries=4)
def find_examples(folder: Path, manifest: Path, _bundle: Bundle) -> list[Example]:
    """Find some recordings of birds that a model may answer, each of another family.

    Recordings that it has not learned from come first. An empty list where there is no such folder
    or manifest: examples are a courtesy.
    """
    try:
        recordings, audio = read_manifest(manifest), AudioFolder(folder)
    except BirdsongError:
        return []
    labels = {label.taxon for label in _bundle.bird_labels}
    known = [each for each in recordings if labels & {each.scientific_name, each.genus}]
    known.sort(key=lambda each: (each.session in _bundle.sessions, each.name))
    found: list[Example] = []
    families: set[str] = set()
    for recording in known:
        if len(found) == N_EXAMPLES:
            break
        if (recording.family or recording.genus) in families:
            continue
        try:
            path = audio.find(recording)
        except BirdsongError:
            continue
        if path.stat().st_size <= _LARGEST_BYTES:
            families.add(recording.family or recording.genus)
            found.append(Example(recording, path, recording.session in _bundle.sessions))
    return found
