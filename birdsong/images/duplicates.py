"""Recordings that are there twice: the same file, or the same sound in another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed

from birdsong.errors import BirdsongError, strip_name
from birdsong.recordings.audio_folder import AudioFolder
from birdsong.recordings.recording import Recording
from birdsong.sound.near_duplicates import AudioFingerprint, audio_fingerprint, find_near_duplicates


@dataclass(frozen=True, slots=True)
class Twice:
    """Two recordings that hold the same.

    Attributes
    ----------
    first, second : Recording
    how : str
        In words.
    """

    first: Recording
    second: Recording
    how: str

    @property
    def leaks(self) -> bool:
        """Whether they may come to lie on two sides of a split."""
        return self.first.session != self.second.session


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in the files.

    Attributes
    ----------
    twice : tuple of Twice
    unread : tuple of (str, str)
        Recordings that could not be looked at, and why.
    """

    twice: tuple[Twice, ...]
    unread: tuple[tuple[str, str], ...]


def find_duplicates(
    recordings: Sequence[Recording],
    audio: AudioFolder,
    *,
    n_jobs: int = -1,
    on_done: Callable[[], object] | None = None,
) -> Looked:
    """Look for recordings that are there twice.

    Parameters
    ----------
    recordings : sequence of Recording
    audio : AudioFolder
    n_jobs : int
        Processes, as joblib counts them.
    on_done : callable, optional
        Told after each recording.

    Returns
    -------
    Looked
    """
    running = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_look)(recording, audio) for recording in recordings
    )
    digests: list[str] = []
    fingerprints: list[AudioFingerprint] = []
    unread = []
    for recording, (digest, described, problem) in zip(recordings, running, strict=True):
        digests.append(digest)
        fingerprints.append(described)
        if problem:
            unread.append((recording.name, problem))
        if on_done:
            on_done()
    return Looked(tuple(_twice(recordings, digests, fingerprints)), tuple(unread))


def _look(recording: Recording, audio: AudioFolder) -> tuple[str, AudioFingerprint, str]:
    nothing = np.empty(0, np.uint32)
    path = None
    try:
        path = audio.find(recording)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, audio_fingerprint(path), ""
    except BirdsongError as error:
        return "", nothing, strip_name(str(error), recording.name, path.name if path else "")
    except OSError as error:
        return "", nothing, error.strerror or str(error)


def _twice(
    recordings: Sequence[Recording],
    digests: Sequence[str],
    fingerprints: Sequence[AudioFingerprint],
) -> list[Twice]:
    first_with: dict[str, int] = {}
    found, copies = [], set()
    for number, digest in enumerate(digests):
        first = first_with.setdefault(digest, number) if digest else number
        if first != number:
            copies.add(number)
            found.append(Twice(recordings[first], recordings[number], "the same file"))
    for alike in find_near_duplicates(fingerprints):
        if {alike.first, alike.second} & copies:
            continue
        later = f"{abs(alike.lag_s):.1f} s {'later' if alike.lag_s > 0 else 'earlier'}"
        how = f"the same sound{'' if abs(alike.lag_s) < 0.05 else f', {later} in the first'}"
        found.append(Twice(recordings[alike.first], recordings[alike.second], how))
    return found
