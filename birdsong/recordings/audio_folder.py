"""The files that recordings lie in: found under the audio folder, and never outside it."""

import os
from collections.abc import Sequence
from pathlib import Path

from birdsong.errors import AudioError, ManifestError
from birdsong.recordings.manifest_rows import path_fault, quoted
from birdsong.recordings.recording import Recording

AUDIO_SUFFIXES = frozenset(
    {".aif", ".aiff", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav"}
    | {".3gp", ".aac", ".m4a", ".mp4", ".webm"}  # these need PyAV
)
"""Endings, in lower case, of the files that count as recordings."""


class NoSuchFileError(AudioError):
    """A recording has no file in the folder."""


class AudioFolder:
    """The folder under which the files of a manifest lie.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ManifestError
        If there is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise ManifestError(f"no such audio folder: {self.path}")
        self._root = self.path.resolve()
        self._names_by_stem: dict[str, list[str]] | None = None

    def find(self, recording: Recording) -> Path:
        """Path of a recording's file: its `file`, or its `xc_id` with any audio ending.

        Raises
        ------
        ManifestError
            If the path leaves the folder, be it through a symbolic link.
        AudioError
            If there is no such file (`NoSuchFileError`), or more than one for an `xc_id`.
        """
        if recording.file:
            if fault := path_fault(recording.file):
                raise ManifestError(f"'file' {fault}, got {quoted(recording.file)}")
            return self._inside(recording.file)
        names = self._listing().get(recording.xc_id.upper(), [])
        if not names:
            raise NoSuchFileError(
                f"no such file: {self.path / recording.xc_id} with any audio ending"
            )
        if len(names) > 1:
            how_many = "two" if len(names) == 2 else len(names)
            raise AudioError(f"{how_many} files for {recording.xc_id}: {', '.join(sorted(names))}")
        return self._inside(names[0])

    def _inside(self, name: str) -> Path:
        path = self.path / name
        try:
            target = path.resolve()
            exists = target.is_file()
        except (OSError, RuntimeError) as error:  # a long name, a closed folder, a ring of links
            reason = (isinstance(error, OSError) and error.strerror) or "a ring of symbolic links"
            raise AudioError(f"no such file: {quoted(name)} in {self.path}: {reason}") from error
        if not target.is_relative_to(self._root):
            raise ManifestError(f"{path} leads out of the audio folder, to {target}")
        if not exists:
            raise NoSuchFileError(f"no such file: {path}")
        return path

    def _listing(self) -> dict[str, list[str]]:
        if self._names_by_stem is None:
            listing: dict[str, list[str]] = {}
            try:
                names = [entry.name for entry in os.scandir(self.path)]
            except OSError as error:
                raise ManifestError(f"{self.path}: the audio folder cannot be listed") from error
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in AUDIO_SUFFIXES:
                    listing.setdefault(stem.upper(), []).append(name)
            self._names_by_stem = listing  # at once: other threads may look
        return self._names_by_stem


class AudioFolders:
    """Several audio folders, looked through in their order.

    Parameters
    ----------
    paths : sequence of path-like
        At least one.

    Raises
    ------
    ManifestError
        If one of them is no folder.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        self._folders = [AudioFolder(path) for path in paths]

    def find(self, recording: Recording) -> Path:
        """Path of a recording's file in the first folder that has it.

        Raises
        ------
        ManifestError, AudioError
            As `AudioFolder.find` does; where no folder has it, as the first one does.
        """
        missing: list[NoSuchFileError] = []
        for folder in self._folders:
            try:
                return folder.find(recording)
            except NoSuchFileError as error:
                missing.append(error)
        raise missing[0]
