"""``birdsong download``: fetch the recordings of a manifest from xeno-canto."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from .replace_option import add_replace_argument

if TYPE_CHECKING:
    from birdsong.recordings.downloads import DownloadResult, Postprocess
    from birdsong.recordings.recording import Recording

RECEIPT = "download.csv"
_CLIP_SUFFIXES = (".flac", ".wav")
_TYPICAL_BYTES_PER_S = 16_000  # an MP3 of 128 kbit/s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    from .catalogue import add_request_options

    parser.add_argument(
        "--manifest",
        type=Path,
        required=True,
        help="table of recordings; column `xc_id` identifies them",
    )
    parser.add_argument("--audio", type=Path, required=True, help="folder for the recordings")
    parser.add_argument("--jobs", type=int, default=4, help="number of parallel downloads")
    parser.add_argument(
        "--whole", action="store_true",
        help="keep whole recordings where the manifest asks for a clip",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print number, duration and size of the missing recordings, and stop",
    )
    add_replace_argument(parser, f"overwrite a {RECEIPT} that `birdsong download` did not write")
    add_request_options(parser.add_argument_group("access"))


def run(arguments: argparse.Namespace) -> int:
    """Fetch the missing recordings, and print what was fetched and what failed."""
    from birdsong.folder_lock import folder_lock
    from birdsong.overwrite import check_absent
    from birdsong.recordings.connection import Connection
    from birdsong.recordings.downloads import (
        download,
        missing_recordings,
        read_download_receipt,
    )
    from birdsong.recordings.manifest import read_manifest

    from .catalogue import check_request_rate
    from .command import EXIT_OK, EXIT_SOME_FAILED
    from .progress import Progress
    from .validators import check_jobs

    check_jobs(arguments.jobs)
    recordings = read_manifest(arguments.manifest)
    rate = check_request_rate(arguments.requests_per_s)
    missing = missing_recordings(recordings, arguments.audio)
    print(download_estimate(missing, len(recordings), rate), flush=True)
    if arguments.dry_run:
        return EXIT_OK
    rows: dict[str, DownloadResult] = {}
    previous = read_download_receipt(arguments.audio / RECEIPT)
    if not previous and not is_receipt(arguments.audio / RECEIPT):
        check_absent([arguments.audio / RECEIPT], replace=arguments.replace, option="--audio")
    n_failed = n_bytes = 0
    with (
        folder_lock(arguments.audio),
        Connection(requests_per_s=rate) as connection,
        Progress("download", len(recordings), "recordings") as progress,
    ):
        downloads = download(
            recordings,
            arguments.audio,
            connection,
            make_postprocess(whole=arguments.whole),
            n_jobs=arguments.jobs,
            address=arguments.address,
            previous=previous,
        )
        try:
            with closing(downloads):
                for row in downloads:
                    rows[row.recording] = row
                    n_failed += row.status == "failed"
                    n_bytes += row.n_bytes if row.status == "ok" else 0
                    progress.advance(f"{n_bytes / 1e6:.0f} MB, {n_failed} failed")
        finally:  # also after an interruption
            done = _write_receipt(arguments.audio, recordings, previous, rows)
    print_summary(done, arguments.audio)
    if any(row.status != "failed" for row in done):
        print(
            f"next: birdsong preprocess --manifest {arguments.manifest} --audio {arguments.audio} "
            "--out images"
        )
    return EXIT_SOME_FAILED if n_failed else EXIT_OK


def _write_receipt(
    audio: Path,
    recordings: Sequence[Recording],
    previous: Mapping[str, DownloadResult],
    rows: Mapping[str, DownloadResult],
) -> list[DownloadResult]:
    """Add new rows to the receipt, and return the rows of this manifest.

    Rows of other manifests stay: they credit files that stay.
    """
    from birdsong.csv_tables import write_table
    from birdsong.folder_lock import report_write_errors
    from birdsong.recordings.downloads import DownloadResult

    known = {**previous, **rows}
    names = dict.fromkeys(each.name for each in recordings)
    done = [known[name] for name in names if name in known]
    if rows:
        others = [row for name, row in previous.items() if name not in names]
        with report_write_errors(audio):
            write_table(audio / RECEIPT, DownloadResult, [*done, *others])
    return done


def is_receipt(path: Path) -> bool:
    """Return whether a file starts like a receipt of downloads, of any version."""
    try:
        with path.open(encoding="utf-8") as file:
            return {"recording", "status"} <= set(file.readline().strip().split(","))
    except (OSError, ValueError):
        return False


def download_estimate(
    missing: Sequence[Recording], n_recordings: int, requests_per_s: float
) -> str:
    """Describe how much there is to fetch; the duration only if the manifest has ``length_s``."""
    lengths_s = [float(length) for each in missing if (length := each.extra.get("length_s"))]
    about = ""
    if lengths_s:
        hours = sum(lengths_s) / len(lengths_s) * len(missing) / 3600
        gigabytes = 3600 * hours * _TYPICAL_BYTES_PER_S / 1e9
        about = f", about {hours:.1f} h and, as MP3 of 128 kbit/s, {gigabytes:.2f} GB"
    minimum_s = len(missing) / requests_per_s
    return (
        f"{n_recordings} recordings, {n_recordings - len(missing)} already there; to fetch: "
        f"{len(missing)}{about}; at {requests_per_s:g} a second at least {minimum_s:.0f} s"
    )


def make_postprocess(*, whole: bool) -> Postprocess:
    """Return a function that cuts a fetched file to the clip of its manifest row, if it has one."""
    from birdsong.errors import ManifestError
    from birdsong.recordings.downloads import ProcessedFile, detect_file_suffix
    from birdsong.sound.audio_writer import FormatError
    from birdsong.sound.clips import decoded_duration_s, write_clip

    def postprocess(path: Path, recording: Recording) -> ProcessedFile:
        file_suffix = detect_file_suffix(path)
        if whole or recording.clip_duration_s is None:
            return ProcessedFile(path, file_suffix, decoded_duration_s(path))
        suffix = Path(recording.file).suffix.lower()
        if recording.file and suffix not in _CLIP_SUFFIXES:
            raise ManifestError(
                f"a clip is kept as FLAC or WAV, but 'file' is {recording.file!r}: leave 'file' "
                "empty, or keep the whole recording with --whole"
            )
        start_s = recording.clip_start_s or 0.0
        try:
            kept, duration_s = write_clip(
                path, path, start_s, recording.clip_duration_s, suffix=suffix
            )
        except FormatError as error:
            raise ManifestError(
                f"'file' is {recording.file!r}, but the clip {error}; leave 'file' empty, or "
                "let it end in .wav"
            ) from error
        return ProcessedFile(kept, kept.suffix, duration_s)

    return postprocess


def print_summary(rows: Sequence[DownloadResult], audio: Path) -> None:
    """Print how many recordings were fetched, were there or failed, and why some failed."""
    from collections import Counter

    from .truncate import truncate

    statuses = Counter(row.status for row in rows)
    fetched = [row for row in rows if row.status == "ok"]
    n_bytes = sum(row.n_bytes for row in fetched)
    hours = sum(row.duration_s or 0.0 for row in fetched) / 3600
    print(
        f"{statuses['ok']} fetched ({n_bytes / 1e6:.1f} MB, {hours:.2f} h), "
        f"{statuses['there']} already there, {statuses['failed']} failed; {audio / RECEIPT}"
    )
    failed = [row for row in rows if row.status == "failed"]
    failures = [f"failed: {row.recording}: {row.reason}" for row in failed]
    for line in truncate(failures, f"and {{}} more in {RECEIPT}"):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["download", *sys.argv[1:]]))
