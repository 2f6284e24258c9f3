"""Download the audio files of recordings.

A file gets its name when it is complete and can be decoded. An interrupted download stays in the
folder ``.partial`` and is resumed if the server still has the same version of the file.
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
from birdsong.recordings.audio_folder import AudioFolder, AudioNotFoundError
from birdsong.recordings.connection import Connection
from birdsong.recordings.range_download import RangeDownload
from birdsong.recordings.recording import Recording
from birdsong.recordings.xeno_canto import ADDRESS, download_url

PARTIAL_FOLDER = ".partial"


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """Result of one download; a row of the receipt.

    Attributes
    ----------
    recording : str
    status : {"ok", "there", "failed"}
        Downloaded now, in the folder already, or neither.
    reason : str
    file : str
        Path relative to the audio folder.
    n_bytes : int
    duration_s : float or None
        None if the file was not decoded.
    sha256 : str
    url, recordist, licence : str
        As in the manifest.
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
    """The file to store for a recording: the downloaded file, or one made from it.

    Attributes
    ----------
    path : Path
    suffix : str
        File extension of the stored file, such as ``.mp3``.
    duration_s : float
    """

    path: Path
    suffix: str
    duration_s: float


Postprocess = Callable[[Path, Recording], ProcessedFile]
"""Decodes a downloaded file and returns the file to store: the same one or one made from it.

Raises `AudioError` if the file cannot be decoded.
"""


class _ExistingFiles:
    """The files of the audio folder before the download."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = AudioFolder(path) if path.is_dir() else None

    def find(self, recording: Recording) -> Path | None:
        """Return the file of a recording, or None.

        Raises
        ------
        ManifestError
            If its path leads out of the folder.
        AudioError
            If several files match.
        """
        if self._files is None:
            return None
        try:
            return self._files.find(recording)
        except AudioNotFoundError:
            return None


def missing_recordings(recordings: Sequence[Recording], folder: Path) -> list[Recording]:
    """Return the recordings whose files are not in a folder.

    Raises
    ------
    ManifestError
        If a recording has neither a file nor a catalogue number.
    """
    existing = _ExistingFiles(folder)
    missing = []
    for recording in recordings:
        with suppress(AudioError):  # several files match: no need for another
            if existing.find(recording) is None:
                missing.append(recording)
    for recording in missing:
        if not recording.xc_id:
            raise ManifestError(
                f"{recording.name}: is not in {folder}, and has no 'xc_id' to download it by"
            )
    return missing


def download(
    recordings: Sequence[Recording],
    folder: Path,
    connection: Connection,
    postprocess: Postprocess,
    *,
    n_jobs: int = 4,
    address: str = ADDRESS,
    previous: Mapping[str, DownloadResult] | None = None,
) -> Generator[DownloadResult, None, None]:
    """Download the recordings that are not in a folder yet.

    Closing the generator early stops the connection and all running downloads.

    Parameters
    ----------
    recordings : sequence of Recording
    folder : Path
        Audio folder, created if it is missing.
    connection : Connection
        Its request rate is the limit for all jobs together.
    postprocess : callable
        See `Postprocess`.
    n_jobs : int
        Number of simultaneous downloads.
    address : str
        Address of the server.
    previous : Mapping of str to DownloadResult, optional
        Receipt of an earlier run, by recording. Its row is reused for an existing file of the same
        size.

    Yields
    ------
    DownloadResult
        One for each recording, in the order in which they finish. A failed download is a row, not
        an exception.

    Raises
    ------
    ManifestError
        If the folder cannot be created.
    """
    try:
        (folder / PARTIAL_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ManifestError(f"{folder}: the folder cannot be created ({error.strerror})") from error
    downloader = _Downloader(
        _ExistingFiles(folder), connection, postprocess, address, previous or {}
    )
    pool = ThreadPoolExecutor(n_jobs, thread_name_prefix="birdsong-download")
    try:
        running = [pool.submit(downloader.download, recording) for recording in recordings]
        for each in as_completed(running):
            yield each.result()
        with suppress(OSError):  # partial files of failed downloads remain
            (folder / PARTIAL_FOLDER).rmdir()
    except BaseException:
        connection.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Downloader:
    """Downloads single recordings."""

    existing: _ExistingFiles
    connection: Connection
    postprocess: Postprocess
    address: str
    previous: Mapping[str, DownloadResult]

    def download(self, recording: Recording) -> DownloadResult:
        """Download a recording unless it exists, and return its row of the receipt."""
        try:
            existing = self.existing.find(recording)
            row = (
                self._fetch(recording)
                if existing is None
                else self._existing_result(recording, existing)
            )
        except BirdsongError as error:
            reason = strip_name(str(error), recording.name, self._partial(recording).path.name)
            row = DownloadResult(recording.name, "failed", reason)
        except OSError as error:
            reason = f"cannot be stored: {error.strerror or error}"
            row = DownloadResult(recording.name, "failed", reason)
        return replace(
            row, url=recording.url, recordist=recording.recordist, licence=recording.licence
        )

    def _existing_result(self, recording: Recording, path: Path) -> DownloadResult:
        self._partial(recording).delete()  # left by a run that was killed just before this step
        name, n_bytes = path.relative_to(self.existing.path).as_posix(), path.stat().st_size
        known = self.previous.get(recording.name)
        if known is not None and (known.file, known.n_bytes) == (name, n_bytes):
            return replace(known, status="there", reason="")
        return DownloadResult(recording.name, "there", "", name, n_bytes, sha256=_sha256(path))

    def _fetch(self, recording: Recording) -> DownloadResult:
        if not recording.xc_id:
            raise ManifestError("is not in the folder, and has no 'xc_id' to download it by")
        partial = self._partial(recording)
        url = download_url(recording.xc_id, self.address)
        self.connection.retry(lambda: partial.fetch(url, self.connection))
        try:
            return self._store(recording, partial.path)
        except AudioError:  # the transfer may have damaged it: download it once more
            partial.delete()
            self.connection.retry(lambda: partial.fetch(url, self.connection))
            return self._store(recording, partial.path)
        finally:
            partial.delete()

    def _partial(self, recording: Recording) -> RangeDownload:
        stem = recording.xc_id
        if recording.file:  # several rows may name clips of one recording
            stem += f"-{hashlib.sha256(recording.file.encode()).hexdigest()[:8]}"
        return RangeDownload(self.existing.path / PARTIAL_FOLDER / f"{stem}.part")

    def _store(self, recording: Recording, path: Path) -> DownloadResult:
        processed = self.postprocess(path, recording)
        try:
            name = recording.file or f"{recording.xc_id}{processed.suffix}"
            target = self.existing.path / name
            n_bytes, sha256 = processed.path.stat().st_size, _sha256(processed.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            processed.path.replace(target)
        finally:
            if processed.path != path:
                processed.path.unlink(missing_ok=True)
        duration_s = round(processed.duration_s, 3)
        return DownloadResult(recording.name, "ok", "", name, n_bytes, duration_s, sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_download_receipt(path: Path) -> dict[str, DownloadResult]:
    """Read the receipt of an earlier run, by recording; an invalid receipt counts as empty."""
    results: dict[str, DownloadResult] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                row = {name: unescape_cell(cell) for name, cell in cells.items()}
                duration_s, n_bytes = row.pop("duration_s"), row.pop("n_bytes")
                results[row["recording"]] = DownloadResult(
                    **row,
                    n_bytes=int(n_bytes),
                    duration_s=float(duration_s) if duration_s else None,
                )
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}
    return results


def detect_file_suffix(path: Path) -> str:
    """Detect the audio format of a file from its first bytes.

    Returns
    -------
    str
        The file extension, such as ``.mp3``.

    Raises
    ------
    AudioError
        If it is not an audio file.
    """
    with path.open("rb") as file:
        first_bytes = file.read(N_FIRST_BYTES)
    if suffix := detect_suffix(first_bytes):
        return suffix
    raise AudioError(f"the response is not audio: it begins with {first_bytes[:16]!r}")
