"""Duplicate recordings: the same file, or the same sound in different files."""

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
class DuplicatePair:
    """Two recordings of the same sound.

    Attributes
    ----------
    first, second : Recording
    description : str
        How they are the same, in words.
    """

    first: Recording
    second: Recording
    description: str

    @property
    def leaks(self) -> bool:
        """Whether a split by sessions could put them on both sides."""
        return self.first.session != self.second.session


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """The duplicates that were found.

    Attributes
    ----------
    pairs : tuple of DuplicatePair
    unreadable : tuple of (str, str)
        Recordings that could not be read, and why.
    """

    pairs: tuple[DuplicatePair, ...]
    unreadable: tuple[tuple[str, str], ...]


def find_duplicates(
    recordings: Sequence[Recording],
    audio: AudioFolder,
    *,
    n_jobs: int = -1,
    on_done: Callable[[], object] | None = None,
) -> DuplicateReport:
    """Find duplicate recordings.

    Parameters
    ----------
    recordings : sequence of Recording
    audio : AudioFolder
    n_jobs : int
        Processes, as joblib counts them.
    on_done : callable, optional
        Called after each recording.

    Returns
    -------
    DuplicateReport
    """
    running = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_hash_and_fingerprint)(recording, audio) for recording in recordings
    )
    digests: list[str] = []
    fingerprints: list[AudioFingerprint] = []
    unreadable = []
    for recording, (digest, audio_hash, problem) in zip(recordings, running, strict=True):
        digests.append(digest)
        fingerprints.append(audio_hash)
        if problem:
            unreadable.append((recording.name, problem))
        if on_done:
            on_done()
    return DuplicateReport(tuple(_find_pairs(recordings, digests, fingerprints)), tuple(unreadable))


def _hash_and_fingerprint(
    recording: Recording, audio: AudioFolder
) -> tuple[str, AudioFingerprint, str]:
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


def _find_pairs(
    recordings: Sequence[Recording],
    digests: Sequence[str],
    fingerprints: Sequence[AudioFingerprint],
) -> list[DuplicatePair]:
    first_with: dict[str, int] = {}
    found, copies = [], set()
    for number, digest in enumerate(digests):
        first = first_with.setdefault(digest, number) if digest else number
        if first != number:
            copies.add(number)
            found.append(DuplicatePair(recordings[first], recordings[number], "the same file"))
    for near_duplicate in find_near_duplicates(fingerprints):
        if {near_duplicate.first, near_duplicate.second} & copies:
            continue
        lag_s, description = near_duplicate.lag_s, "the same sound"
        if abs(lag_s) >= 0.05:
            direction = "later" if lag_s > 0 else "earlier"
            description += f", {abs(lag_s):.1f} s {direction} in the first"
        found.append(
            DuplicatePair(
                recordings[near_duplicate.first], recordings[near_duplicate.second], description
            )
        )
    return found
