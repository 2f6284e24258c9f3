"""The sound of recordings, fetched from where they are published: whole, verified, once.

A file appears under its name when it is complete and decodes. What has come of one that broke off
lies beside the others in ``.partial`` and is gone on with, if the server still has the same file.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from birdsong.audio_formats import N_FIRST_BYTES, detect_suffix
from birdsong.csv_escape import unescape_cell
from birdsong.errors import AudioError, BirdsongError, ManifestError, strip_name
from birdsong.recordings.audio_folder import AudioFolder, NoSuchFileError
from birdsong.recordings.connection import Connection
from birdsong.recordings.range_download import RangeDownload
from birdsong.recordings.recording import Recording
from birdsong.recordings.xeno_canto import ADDRESS, download_url

PARTIAL = ".partial"


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """What became of one recording; a row of the receipt.

    Attributes
    ----------
    recording : str
    status : {"ok", "there", "failed"}
        Fetched now, there already, or neither.
    reason : str
    file : str
        Relative to the folder.
    n_bytes : int
    duration_s : float or None
        None where it has not been decoded.
    sha256 : str
    url, recordist, licence : str
        Whose it is, as the manifest says.
    """

    recording: str
    status: str
    reason: str = ""
    file: str = ""
    n_bytes: int = 0
    duration_s: float | None = None
    sha256: str = ""
    url: str = ""
    recordist: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class ProcessedFile:
    """A file that was made of a fetched one, or is it.

    Attributes
    ----------
    path : Path
    ending : str
        Of the name that it gets, as in ``.mp3``.
    duration_s : float
    """

    path: Path
    ending: str
    duration_s: float


Postprocess = Callable[[Path, Recording], ProcessedFile]
"""Decodes a fetched file; says what is to be kept: the file, or one made of it that lies beside it.

Raises `AudioError` where it does not decode.
"""


class _Folder:
    """The files that were there at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = AudioFolder(path) if path.is_dir() else None

    def find(self, recording: Recording) -> Path | None:
        """Return a recording's file, if there is one.

        Raises
        ------
        ManifestError
            If it would lie outside.
        AudioError
            If there are several.
        """
        if self._files is None:
            return None
        try:
            return self._files.find(recording)
        except NoSuchFileError:
            return None


def missing_recordings(recordings: Sequence[Recording], folder: Path) -> list[Recording]:
    """Tell which recordings are not in a folder yet.

    Raises
    ------
    ManifestError
        If a recording has no catalogue number and no file either.
    """
    there = _Folder(folder)
    missing = []
    for recording in recordings:
        with suppress(AudioError):  # several files are no reason to fetch another
            if there.find(recording) is None:
                missing.append(recording)
    for recording in missing:
        if not recording.xc_id:
            raise ManifestError(
                f"{recording.name}: is not in {folder}, and has no 'xc_id' to fetch it by"
            )
    return missing


def download(
    recordings: Sequence[Recording],
    folder: Path,
    connection: Connection,
    keep: Postprocess,
    *,
    n_jobs: int = 4,
    address: str = ADDRESS,
    previous: Mapping[str, DownloadResult] | None = None,
) -> Generator[DownloadResult, None, None]:
    """Fetch what is not there yet.

    Closed before its end, it stops the connection, and all that goes on through it.

    Parameters
    ----------
    recordings : sequence of Recording
    folder : Path
        Made if need be.
    connection : Connection
        Keeps to its rate, however many jobs there are.
    keep : callable
        See `Postprocess`.
    n_jobs : int
        Files at once.
    address : str
        Of the catalogue.
    previous : Mapping of str to Download, optional
        The receipt of an earlier run, by recording: what it tells of a file that is there, and as
        long as it was, is told again.

    Yields
    ------
    Download
        One for each recording, as they end. A bad one is a row, never an exception.

    Raises
    ------
    ManifestError
        If the folder cannot be made.
    """
    try:
        (folder / PARTIAL).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManifestError(f"{folder}: no folder can be made there ({error.strerror})") from error
    work = _Work(_Folder(folder), connection, keep, address, previous or {})
    pool = ThreadPoolExecutor(n_jobs, thread_name_prefix="birdsong-download")
    try:
        running = [pool.submit(work.row, recording) for recording in recordings]
        for each in as_completed(running):
            yield each.result()
        with suppress(OSError):  # something is left of what failed
            (folder / PARTIAL).rmdir()
    except BaseException:
        connection.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done with each recording."""

    there: _Folder
    connection: Connection
    keep: Postprocess
    address: str
    previous: Mapping[str, DownloadResult]

    def row(self, recording: Recording) -> DownloadResult:
        """Fetch a recording, unless it is there, and say what became of it."""
        try:
            found = self.there.find(recording)
            row = self._fetched(recording) if found is None else self._there(recording, found)
        except BirdsongError as error:
            reason = strip_name(str(error), recording.name, self._partial(recording).path.name)
            row = DownloadResult(recording.name, "failed", reason)
        except OSError as error:
            reason = f"cannot be kept: {error.strerror or error}"
            row = DownloadResult(recording.name, "failed", reason)
        return replace(
            row, url=recording.url, recordist=recording.recordist, licence=recording.licence
        )

    def _there(self, recording: Recording, path: Path) -> DownloadResult:
        self._partial(recording).forget()  # of a run that was killed when all was done but this
        name, n_bytes = path.relative_to(self.there.path).as_posix(), path.stat().st_size
        known = self.previous.get(recording.name)
        if known is not None and (known.file, known.n_bytes) == (name, n_bytes):
            return replace(known, status="there", reason="")
        return DownloadResult(recording.name, "there", "", name, n_bytes, sha256=_sha256(path))

    def _fetched(self, recording: Recording) -> DownloadResult:
        if not recording.xc_id:
            raise ManifestError("is not there, and has no 'xc_id' to fetch it by")
        partial = self._partial(recording)
        url = download_url(recording.xc_id, self.address)
        self.connection.retry(lambda: partial.fetch(url, self.connection))
        try:
            return self._kept(recording, partial.path)
        except AudioError:  # on its way something may have been mistaken: once more, all of it
            partial.forget()
            self.connection.retry(lambda: partial.fetch(url, self.connection))
            return self._kept(recording, partial.path)
        finally:
            partial.forget()

    def _partial(self, recording: Recording) -> RangeDownload:
        stem = recording.xc_id
        if recording.file:  # several rows may name pieces of one recording
            stem += f"-{hashlib.sha256(recording.file.encode()).hexdigest()[:8]}"
        return RangeDownload(self.there.path / PARTIAL / f"{stem}.part")

    def _kept(self, recording: Recording, fetched: Path) -> DownloadResult:
        kept = self.keep(fetched, recording)
        try:
            name = recording.file or f"{recording.xc_id}{kept.ending}"
            place = self.there.path / name
            n_bytes, sha256 = kept.path.stat().st_size, _sha256(kept.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            kept.path.replace(place)
        finally:
            if kept.path != fetched:
                kept.path.unlink(missing_ok=True)
        duration_s = round(kept.duration_s, 3)
        return DownloadResult(recording.name, "ok", "", name, n_bytes, duration_s, sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_download_receipt(path: Path) -> dict[str, DownloadResult]:
    """Read the receipt of an earlier run, by recording; what cannot be read is not known."""
    known: dict[str, DownloadResult] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                row = {name: unescape_cell(cell) for name, cell in cells.items()}
                duration_s, n_bytes = row.pop("duration_s"), row.pop("n_bytes")
                known[row["recording"]] = DownloadResult(
                    **row,
                    n_bytes=int(n_bytes),
                    duration_s=float(duration_s) if duration_s else None,
                )
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    return known


def detect_file_suffix(path: Path) -> str:
    """Recognise a kind of sound by the first bytes of its file.

    Returns
    -------
    str
        The ending, as in ``.mp3``.

    Raises
    ------
    AudioError
        If it is none.
    """
    with path.open("rb") as file:
        begins = file.read(N_FIRST_BYTES)
    if suffix := detect_suffix(begins):
        return suffix
    raise AudioError(f"what came is no sound: it begins with {begins[:16]!r}")
