"""``birdsong download``: the recordings that a manifest names, from xeno-canto."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from .replacing import add_replace_argument

if TYPE_CHECKING:
    from birdsong.recordings.downloads import DownloadResult, Postprocess
    from birdsong.recordings.recording import Recording

RECEIPT = "download.csv"
_STRETCH_SUFFIXES = (".flac", ".wav")
_USUAL_BYTES_PER_S = 16_000  # of an MP3 of 128 kbit/s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    from .catalogue import add_manners

    parser.add_argument("--manifest", type=Path, required=True, help="names them by `xc_id`")
    parser.add_argument("--audio", type=Path, required=True, help="folder to put them in")
    parser.add_argument("--jobs", type=int, default=4, help="files at once")
    parser.add_argument(
        "--whole", action="store_true",
        help="keep whole recordings where the manifest names a stretch of them",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="say how many, how long and how large, and end"
    )
    add_replace_argument(parser, f"overwrite a {RECEIPT} that is none of `birdsong download`")
    add_manners(parser.add_argument_group("access"))


def run(arguments: argparse.Namespace) -> int:
    """Fetch what is missing, and say what became of it."""
    from birdsong.csv_tables import write_table
    from birdsong.folder_lock import folder_lock, report_write_errors
    from birdsong.overwrite import check_absent
    from birdsong.recordings.connection import Connection
    from birdsong.recordings.downloads import (
        DownloadResult,
        download,
        missing_recordings,
        read_download_receipt,
    )
    from birdsong.recordings.manifest import read_manifest

    from .catalogue import checked_rate
    from .command import ALL_WELL, SOME_FAILED
    from .progress import Progress
    from .validators import check_jobs

    check_jobs(arguments.jobs)
    recordings = read_manifest(arguments.manifest)
    rate = checked_rate(arguments.requests_per_s)
    missing = missing_recordings(recordings, arguments.audio)
    print(expectation(missing, len(recordings), rate), flush=True)
    if arguments.dry_run:
        return ALL_WELL
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
        coming = download(
            recordings,
            arguments.audio,
            connection,
            keep_as_told(whole=arguments.whole),
            n_jobs=arguments.jobs,
            address=arguments.address,
            previous=previous,
        )
        try:
            with closing(coming):
                for row in coming:
                    rows[row.recording] = row
                    n_failed += row.status == "failed"
                    n_bytes += row.n_bytes if row.status == "ok" else 0
                    progress.advance(f"{n_bytes / 1e6:.0f} MB, {n_failed} failed")
        finally:  # broken off, it tells as well what is known from before
            known = previous | rows
            names = dict.fromkeys(each.name for each in recordings)
            done = [known[name] for name in names if name in known]
            if rows:  # those of other manifests stay: they say whom to credit for files that stay
                others = [row for name, row in previous.items() if name not in names]
                with report_write_errors(arguments.audio):
                    write_table(arguments.audio / RECEIPT, DownloadResult, [*done, *others])
    print_summary(done, arguments.audio)
    if any(row.status != "failed" for row in done):
        print(
            f"next: birdsong preprocess --manifest {arguments.manifest} --audio {arguments.audio} "
            "--out images"
        )
    return SOME_FAILED if n_failed else ALL_WELL


def is_receipt(path: Path) -> bool:
    """Tell whether a file begins as a receipt of downloads does, of whatever version."""
    try:
        with path.open(encoding="utf-8") as file:
            return {"recording", "status"} <= set(file.readline().strip().split(","))
    except (OSError, ValueError):
        return False


def expectation(missing: Sequence[Recording], n_recordings: int, requests_per_s: float) -> str:
    """Say how much there is to fetch, as far as the manifest tells."""
    told = [float(length) for each in missing if (length := each.extra.get("length_s"))]
    about = ""
    if told:
        hours = sum(told) / len(told) * len(missing) / 3600
        gigabytes = 3600 * hours * _USUAL_BYTES_PER_S / 1e9
        about = f", about {hours:.1f} h and, as MP3 of 128 kbit/s, {gigabytes:.2f} GB"
    least_s = len(missing) / requests_per_s
    return (
        f"{n_recordings} recordings, {n_recordings - len(missing)} of them there; to fetch: "
        f"{len(missing)}{about}; at {requests_per_s:g} a second at least {least_s:.0f} s"
    )


def keep_as_told(*, whole: bool) -> Postprocess:
    """Keep what a manifest names of a recording: a stretch of it, or all."""
    from birdsong.errors import ManifestError
    from birdsong.recordings.downloads import ProcessedFile, detect_file_suffix
    from birdsong.sound.clips import decoded_s, keep_stretch
    from birdsong.sound.writing import FormError

    def keep(path: Path, recording: Recording) -> ProcessedFile:
        ending = detect_file_suffix(path)
        if whole or recording.clip_duration_s is None:
            return ProcessedFile(path, ending, decoded_s(path))
        suffix = Path(recording.file).suffix.lower()
        if recording.file and suffix not in _STRETCH_SUFFIXES:
            raise ManifestError(
                f"a stretch is kept as FLAC or WAV, but 'file' is {recording.file!r}: leave 'file' "
                "empty, or keep all of the recording with --whole"
            )
        start_s = recording.clip_start_s or 0.0
        try:
            kept, lasts_s = keep_stretch(
                path, path, start_s, recording.clip_duration_s, suffix=suffix
            )
        except FormError as error:
            raise ManifestError(
                f"'file' is {recording.file!r}, but the stretch {error}; leave 'file' empty, or "
                "let it end in .wav"
            ) from error
        return ProcessedFile(kept, kept.suffix, lasts_s)

    return keep


def print_summary(rows: Sequence[DownloadResult], audio: Path) -> None:
    """Say how many ended how, and why some failed."""
    from collections import Counter

    from .truncate import first_few

    statuses = Counter(row.status for row in rows)
    fetched = [row for row in rows if row.status == "ok"]
    n_bytes = sum(row.n_bytes for row in fetched)
    hours = sum(row.duration_s or 0.0 for row in fetched) / 3600
    print(
        f"{statuses['ok']} fetched ({n_bytes / 1e6:.1f} MB, {hours:.2f} h), "
        f"{statuses['there']} there already, {statuses['failed']} failed; {audio / RECEIPT}"
    )
    failed = [row for row in rows if row.status == "failed"]
    lines = [f"failed: {row.recording}: {row.reason}" for row in failed]
    for line in first_few(lines, f"and {{}} more in {RECEIPT}"):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["download", *sys.argv[1:]]))
