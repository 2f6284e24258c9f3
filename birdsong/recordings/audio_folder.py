"""The files that recordings lie in: found under the audio folder, and never outside it.

`find_audio_files` is the one rule for which files of a folder count, for every command.
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
LINK_OUT = "linked out of the folder"
FOLDER_LINK = "linked as a folder"
BROKEN_LINK = "with a broken link"
NO_FILE = "not a regular file"
UNREADABLE_FOLDER = "that cannot be listed"

_SYSTEM_FOLDERS = frozenset(
    {"$recycle.bin", "recycler", "#recycle", "system volume information", "lost+found"}
    | {"__macosx", "@eadir"}  # what macOS and network storage put beside the files
)
_N_NAMED = 3


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file or folder that does not count.

    Attributes
    ----------
    path : Path
        A folder stands for all that is in it.
    reason : str
        Such as `HIDDEN` or `OTHER_KIND`.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The recordings in a folder.

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
    """Say how much is passed over, why, and the first names of each kind; empty if nothing is."""
    names_by_reason: dict[str, list[str]] = {}
    for each in skipped:
        names_by_reason.setdefault(each.reason, []).append(printable_name(each.path.name))
    return "; ".join(
        f"{len(names)} {reason} ({', '.join(names[:_N_NAMED])}"
        f"{', ...' if len(names) > _N_NAMED else ''})"
        for reason, names in names_by_reason.items()
    )


def find_audio_files(folder: Path) -> FolderListing:
    """Find the recordings in a folder and in its subfolders.

    A recording is a file whose name ends as an audio format does. Hidden files and folders, and
    what systems put there, do not count. Links are followed to files inside the folder only. Empty
    files count: the recorder that left them is worth a look.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    FolderListing

    Raises
    ------
    ManifestError
        If there is no such folder, or it cannot be listed.
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
    """Everything in a folder, with the reason why it does not count; empty where it does."""
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(inside) as entries:
                found = list(entries)
        except OSError:
            yield inside, UNREADABLE_FOLDER
            continue
        for entry in found:
            path = inside / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            reason = _reason_of_name(entry.name, is_folder=is_folder)
            if is_folder and not reason:
                waiting.append(path)
                continue
            if entry.is_symlink() and reason in ("", OTHER_KIND):
                reason = _reason_of_link(path, root) or reason
            elif not reason and not entry.is_file():
                reason = NO_FILE  # such as a pipe
            yield path, reason


def _reason_of_name(name: str, *, is_folder: bool = False) -> str:
    """Why a file or folder of this name does not count; empty where it does."""
    if name.startswith("."):
        return HIDDEN
    if is_folder:
        return SYSTEM_FOLDER if name.casefold() in _SYSTEM_FOLDERS else ""
    return "" if os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES else OTHER_KIND


def _reason_of_link(path: Path, root: Path) -> str:
    """Why a symbolic link does not count; empty where its target is a file in the folder."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # a ring of links
        return BROKEN_LINK
    if target.is_dir():
        return FOLDER_LINK
    return "" if target.is_relative_to(root) else LINK_OUT


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
            if fault := path_problem(recording.file):
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
                if not _reason_of_name(name):
                    listing.setdefault(os.path.splitext(name)[0].upper(), []).append(name)
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
