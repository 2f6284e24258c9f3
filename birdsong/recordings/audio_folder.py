"""Find audio files inside the audio folder, and never outside it.

Every command uses `find_audio_files`, so that the same files of a folder count everywhere.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from birdsong.audio_formats import AUDIO_SUFFIXES
from birdsong.errors import AudioError, ManifestError, printable_name
from birdsong.recordings.manifest_rows import path_problem, quoted
from birdsong.recordings.recording import Recording

HIDDEN = "hidden"
SYSTEM_FOLDER = "of the system"
OTHER_KIND = "of other kinds"
OUTSIDE_LINK = "linked out of the folder"
FOLDER_LINK = "linked as a folder"
BROKEN_LINK = "with a broken link"
NOT_REGULAR_FILE = "not a regular file"
UNREADABLE_FOLDER = "that cannot be listed"

_SYSTEM_FOLDERS = frozenset(
    {"$recycle.bin", "recycler", "#recycle", "system volume information", "lost+found"}
    | {"__macosx", "@eadir"}  # from macOS and network storage
)
_N_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file or folder that is not a recording.

    Attributes
    ----------
    path : Path
        A folder stands for everything in it.
    reason : str
        Such as `HIDDEN` or `OTHER_KIND`.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder.

    Attributes
    ----------
    files : tuple of Path
        Recordings, sorted.
    skipped : tuple of SkippedFile
        Everything else, sorted.
    """

    files: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...]


def skipped_summary(skipped: Iterable[SkippedFile]) -> str:
    """Count the skipped files of each reason, with a few names; empty if there are none."""
    names_by_reason: dict[str, list[str]] = {}
    for each in skipped:
        names_by_reason.setdefault(each.reason, []).append(printable_name(each.path.name))
    return "; ".join(
        f"{len(names)} {reason} ({', '.join(names[:_N_EXAMPLES])}"
        f"{', ...' if len(names) > _N_EXAMPLES else ''})"
        for reason, names in names_by_reason.items()
    )


def find_audio_files(folder: Path) -> FolderListing:
    """Find the recordings in a folder and in its subfolders.

    A recording is a file with the extension of an audio format. Hidden files and folders, and those
    of the operating system, are skipped. A link counts only if its target is a file inside the
    folder. Empty files count: they may show a faulty recorder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    FolderListing

    Raises
    ------
    ManifestError
        If the folder does not exist or cannot be listed.
    """
    if not folder.is_dir():
        raise ManifestError(f"no such audio folder: {folder}")
    root = folder.resolve()
    files: list[Path] = []
    skipped: list[SkippedFile] = []
    for path, reason in _walk(folder, root):
        if not reason:
            files.append(path)
        elif reason == UNREADABLE_FOLDER and path == folder:
            raise ManifestError(f"{folder}: the audio folder cannot be listed")
        else:
            skipped.append(SkippedFile(path, reason))
    return FolderListing(tuple(sorted(files)), tuple(sorted(skipped, key=lambda each: each.path)))


def _walk(folder: Path, root: Path) -> Iterator[tuple[Path, str]]:
    """Walk a folder: each path, with the reason for skipping it or an empty text."""
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            with os.scandir(current) as entries:
                found = list(entries)
        except OSError:
            yield current, UNREADABLE_FOLDER
            continue
        for entry in found:
            path = current / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            reason = _skip_reason(entry.name, is_folder=is_folder)
            if is_folder and not reason:
                pending.append(path)
                continue
            if entry.is_symlink() and reason in ("", OTHER_KIND):
                reason = _link_skip_reason(path, root) or reason
            elif not reason and not entry.is_file():
                reason = NOT_REGULAR_FILE  # such as a pipe
            yield path, reason


def _skip_reason(name: str, *, is_folder: bool = False) -> str:
    """Reason for skipping a file or folder of this name; empty if it counts."""
    if name.startswith("."):
        return HIDDEN
    if is_folder:
        return SYSTEM_FOLDER if name.casefold() in _SYSTEM_FOLDERS else ""
    return "" if os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES else OTHER_KIND


def _link_skip_reason(path: Path, root: Path) -> str:
    """Reason for skipping a symbolic link; empty if its target is a file in the folder."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # a cycle of links
        return BROKEN_LINK
    if target.is_dir():
        return FOLDER_LINK
    return "" if target.is_relative_to(root) else OUTSIDE_LINK


class AudioNotFoundError(AudioError):
    """The folder has no file for a recording."""


class AudioFolder:
    """The folder that holds the files of a manifest.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ManifestError
        If the folder does not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise ManifestError(f"no such audio folder: {self.path}")
        self._root = self.path.resolve()
        self._names_by_stem: dict[str, list[str]] | None = None

    def find(self, recording: Recording) -> Path:
        """Path of a recording: its `file`, or its `xc_id` with any audio extension.

        Raises
        ------
        ManifestError
            If the path leads out of the folder, also through a symbolic link.
        AudioError
            If the file does not exist (`AudioNotFoundError`), or several match an `xc_id`.
        """
        if recording.file:
            if problem := path_problem(recording.file):
                raise ManifestError(f"'file' {problem}, got {quoted(recording.file)}")
            return self._resolve(recording.file)
        names = self._files_by_stem().get(recording.xc_id.upper(), [])
        if not names:
            raise AudioNotFoundError(
                f"no such file: {self.path / recording.xc_id} with any audio extension"
            )
        if len(names) > 1:
            n_files = "two" if len(names) == 2 else len(names)
            raise AudioError(f"{n_files} files for {recording.xc_id}: {', '.join(sorted(names))}")
        return self._resolve(names[0])

    def _resolve(self, name: str) -> Path:
        path = self.path / name
        try:
            target = path.resolve()
            is_file = target.is_file()
        except (OSError, RuntimeError) as error:  # a long name, no permission, a cycle of links
            reason = (isinstance(error, OSError) and error.strerror) or "a cycle of symbolic links"
            raise AudioError(f"no such file: {quoted(name)} in {self.path}: {reason}") from error
        if not target.is_relative_to(self._root):
            raise ManifestError(f"{path} leads out of the audio folder, to {target}")
        if not is_file:
            raise AudioNotFoundError(f"no such file: {path}")
        return path

    def _files_by_stem(self) -> dict[str, list[str]]:
        if self._names_by_stem is None:
            files_by_stem: dict[str, list[str]] = {}
            try:
                names = [entry.name for entry in os.scandir(self.path)]
            except OSError as error:
                raise ManifestError(f"{self.path}: the audio folder cannot be listed") from error
            for name in names:
                if not _skip_reason(name):
                    files_by_stem.setdefault(os.path.splitext(name)[0].upper(), []).append(name)
            self._names_by_stem = files_by_stem  # assigned when complete: other threads may read it
        return self._names_by_stem


class AudioFolders:
    """Several audio folders, searched in order.

    Parameters
    ----------
    paths : sequence of path-like
        At least one.

    Raises
    ------
    ManifestError
        If one of them does not exist.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        self._folders = [AudioFolder(path) for path in paths]

    def find(self, recording: Recording) -> Path:
        """Path of a recording in the first folder that has it.

        Raises
        ------
        ManifestError, AudioError
            As in `AudioFolder.find`; if no folder has the file, the error of the first folder.
        """
        missing: list[AudioNotFoundError] = []
        for folder in self._folders:
            try:
                return folder.find(recording)
            except AudioNotFoundError as error:
                missing.append(error)
        raise missing[0]
