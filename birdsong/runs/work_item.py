"""One recording of a run: its file, and a hash of everything that its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from birdsong.errors import BirdsongError
from birdsong.recordings.audio_folder import AudioFolders
from birdsong.recordings.recording import BACKGROUND, ORIGINAL_NAME, Recording


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A recording with its file, or the reason why the file was not found.

    Attributes
    ----------
    recording : Recording
    path : Path or None
        None if the file was not found.
    problem : str
        Why it was not found; empty if it was.
    stamp : str
        Hash of the file's size and time, the recording's row of the manifest, and the settings.
    n_bytes : int
        Size of the file.
    """

    recording: Recording
    path: Path | None
    problem: str
    stamp: str
    n_bytes: int = 0

    @property
    def name(self) -> str:
        """The recording's name."""
        return self.recording.name

    @classmethod
    def of(cls, recording: Recording, audio: AudioFolders, settings: Mapping[str, Any]) -> Self:
        """Find a recording's file.

        Parameters
        ----------
        recording : Recording
        audio : AudioFolders
        settings : Mapping
            Of the work, as JSON values; when they change, the work is done again.
        """
        try:
            path = audio.find(recording)
            state = path.stat()
        except (BirdsongError, OSError) as error:  # OSError: removed in the meantime
            return cls(recording, None, str(error), "")
        facts = [recording.order, recording.family, recording.genus, recording.species]
        facts += [recording.english_name, recording.session]
        facts += filter(None, [recording.extra.get(ORIGINAL_NAME)])
        facts += [BACKGROUND] if recording.is_background else []
        stamp = json.dumps([state.st_size, state.st_mtime_ns, facts, settings])
        stamp = hashlib.sha256(stamp.encode()).hexdigest()[:32]
        return cls(recording, path, "", stamp, state.st_size)
