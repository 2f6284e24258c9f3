"""A stretch of a recording to take along: as sound."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from birdsong.errors import AudioError
from birdsong.sound.audio import AudioReader
from birdsong.sound.clips import read_clip
from birdsong.sound.writing import write_wav

WAV_RATE_HZ = 48_000
"""Of a clip: what cameras and editors take, above anything that a bird sings."""


def clip_wav(source: Path | bytes, start_s: float, end_s: float, *, name: str = "") -> bytes:
    """Cut a stretch out of a recording.

    Parameters
    ----------
    source : Path or bytes
    start_s, end_s : float
        The stretch; what lies outside the recording is left out.
    name : str, optional
        What errors call the recording; the file's name by default.

    Returns
    -------
    bytes
        A WAV file: mono, 48 kHz, with 16-bit integers; with 32-bit floating point where a sample
        lies over full scale, since integers would clip it. Browsers, Audacity and Raven play both.

    Raises
    ------
    AudioError
        If the recording cannot be read, or nothing of it lies in the stretch.
    WriteError
        If it cannot be written.
    """
    with AudioReader(source, WAV_RATE_HZ, name=name) as reader:
        parts = list(read_clip(reader, start_s, end_s))
        if not parts:
            raise AudioError(f"{reader.name}: nothing lies from {start_s:g} to {end_s:g} s")
    content = io.BytesIO()
    write_wav(content, np.concatenate(parts), WAV_RATE_HZ)
    return content.getvalue()
