"""``birdsong preprocess``: recordings to PNGs, ``index.csv``, ``receipt.csv``, ``config.json``."""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .replacing import add_replace_argument

if TYPE_CHECKING:
    from birdsong.images.reasons import Reason
    from birdsong.images.tables import ReceiptRow
    from birdsong.preprocessing.estimate import Estimate
    from birdsong.sound.spectrogram import SpectrogramConfig

MAX_NAMED = 3
LONGEST_FRAME = 2048  # samples: in more of them songs blur
DASK_ANSWERS_WITHIN = "30s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Name what the stage needs to know."""
    parser.add_argument(
        "--manifest", type=Path, nargs="+", required=True,
        help="table with a row for each recording, or several",
    )  # fmt: skip
    parser.add_argument(
        "--audio", type=Path, nargs="+", required=True,
        help="folder of the recordings, or several that are looked through in turn",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the images")
    parser.add_argument(
        "--taxonomy",
        type=Path,
        metavar="TABLE",
        help="take the names, families and orders of AviList, eBird, Clements or IOC, as CSV",
    )
    parser.add_argument(
        "--synonyms",
        type=Path,
        metavar="TABLE",
        help="CSV with old_name and new_name, for species that --taxonomy calls otherwise",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=None,
        help="recordings worked on side by side; by default as many as there are cores, in a Dask "
        "cluster all of its own",
    )
    parser.add_argument(
        "--backend",
        choices=("loky", "threading", "dask"),
        default="loky",
        help="processes, threads, or the machines of a Dask cluster",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", default=None, help="of the Dask cluster, tcp://HOST:8786"
    )
    parser.add_argument(
        "--timeout-s",
        type=float,
        default=60.0,
        help="a recording that takes longer, beside a tenth of its duration, has failed",
    )
    parser.add_argument(
        "--segment-s", type=float, default=2.0, help="how long a segment is, and so an image"
    )
    parser.add_argument(
        "--n-mels", type=int, default=64, help="mel bands, and so how high an image is"
    )
    parser.add_argument(
        "--n-frames", type=int, default=200, help="frames in a segment, and so how wide an image is"
    )
    parser.add_argument(
        "--step-s", type=float, default=1.0, help="seconds from one segment to the next"
    )
    parser.add_argument(
        "--grid",
        action="store_true",
        help="make images of all that is no silence, on a regular grid, instead of the songs",
    )
    add_replace_argument(
        parser,
        "remove images in --out of recordings that no --manifest names or no --audio holds, and "
        "of other settings",
    )


def run(arguments: argparse.Namespace) -> int:
    """Preprocess, and say what became of the recordings."""
    from birdsong.errors import ConfigError
    from birdsong.images.reasons import group_reasons
    from birdsong.preprocessing.preprocess import preprocess
    from birdsong.preprocessing.recording_work import PreprocessConfig
    from birdsong.recordings.manifest import read_manifests
    from birdsong.runs.receipt import RECEIPT

    from .command import ALL_WELL, SOME_FAILED
    from .progress import Progress
    from .taxonomy_option import named_by_table
    from .validators import check_jobs

    check_jobs(arguments.jobs, all_cores=True)
    recordings = read_manifests(arguments.manifest)
    if arguments.taxonomy:
        recordings, told = named_by_table(recordings, arguments.taxonomy, arguments.synonyms)
        print("\n".join(told), flush=True)
    elif arguments.synonyms:
        raise ConfigError("--synonyms needs --taxonomy TABLE, whose names it leads to")
    config = PreprocessConfig(
        spectrogram=of_segments(arguments.segment_s, arguments.n_mels, arguments.n_frames),
        step_s=arguments.step_s,
        grid=arguments.grid,
    )
    n_failed, heard_s = 0, 0.0
    cluster = dask_cluster(arguments.scheduler) if arguments.backend == "dask" else nullcontext()
    with cluster, Progress("preprocess", len(recordings), "recordings") as progress:

        def start(expected: Estimate) -> None:
            nonlocal heard_s
            heard_s = 0.0
            progress.begin()
            for line in expectation(expected):
                progress.say(line)

        def show(row: ReceiptRow) -> None:
            nonlocal n_failed, heard_s
            n_failed += row.status == "failed"
            heard_s += row.duration_s
            speed = f"{heard_s / progress.elapsed_s:.0f} h of sound an hour"
            progress.advance(f"{speed}, {n_failed} failed" if n_failed else speed)

        receipt = preprocess(
            recordings,
            [folder.absolute() for folder in arguments.audio],  # for other machines
            arguments.out.absolute(),
            config=config,
            n_jobs=-1 if arguments.jobs is None else arguments.jobs,
            backend=arguments.backend,
            timeout_s=arguments.timeout_s,
            replace=arguments.replace,
            on_start=start,
            on_done=show,
        )
    print_summary(receipt, arguments.out)
    print_reasons(group_reasons(receipt))
    if any(row.images_written for row in receipt):
        print(f"next: birdsong train {arguments.out} --rank species --out runs/species")
    else:
        print(f"nothing to learn from: {arguments.out / RECEIPT} tells why, recording by recording")
    return SOME_FAILED if any(row.status == "failed" for row in receipt) else ALL_WELL


def of_segments(segment_s: float, n_mels: int = 64, n_frames: int = 200) -> SpectrogramConfig:
    """Return how images of a shape are made of segments of a length.

    Raises
    ------
    ConfigError
        If there are no images of such a shape, or their hops of whole samples do not make such a
        segment.
    """
    from birdsong.errors import ConfigError
    from birdsong.sound.spectrogram import SpectrogramConfig

    config = SpectrogramConfig(n_mels=n_mels, n_frames=n_frames)
    unit_s = n_frames / config.sample_rate_hz
    hop_length = round(segment_s / unit_s) if math.isfinite(segment_s) else 0
    if not math.isclose(hop_length * unit_s, segment_s, abs_tol=1e-6):
        raise ConfigError(
            f"--segment-s must be a whole number of times {unit_s:.6f}, got {segment_s:g}; "
            f"{hop_length * unit_s:.6f} is near"
        )
    n_fft = config.n_fft
    while n_fft < min(hop_length, LONGEST_FRAME):  # no sample is to be lost between two frames
        n_fft *= 2
    return replace(config, hop_length=hop_length, n_fft=n_fft)


def expectation(expected: Estimate) -> list[str]:
    """Say how much there is to do, and whether the disk holds it."""
    lines = [
        f"to do: {expected.n_recordings} recordings, about {expected.hours:.2f} h, "
        f"{expected.n_images} images, {expected.n_bytes / 1e6:.0f} MB; "
        f"{expected.free_bytes / 1e6:.0f} MB are free"
    ]
    if expected.n_bytes > expected.free_bytes:
        lines.append(
            "the disk will probably fill up on the way; make room, or name an --out on another; "
            "what is done by then stays done"
        )
    return lines


def dask_cluster(scheduler: str | None) -> AbstractContextManager[object]:
    """Connect to the Dask cluster that joblib is to use."""
    from birdsong.errors import ConfigError

    if scheduler is None:
        raise ConfigError(
            "--backend dask needs --scheduler ADDRESS; start a cluster with `dask scheduler` and, "
            "on each machine, `dask worker ADDRESS --nthreads 1`"
        )
    from distributed import Client

    try:
        cluster: AbstractContextManager[object] = Client(  # type: ignore[no-untyped-call]
            scheduler, timeout=DASK_ANSWERS_WITHIN
        )
        return cluster
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {scheduler} ({error})") from error


def print_summary(receipt: Sequence[ReceiptRow], out: Path) -> None:
    """Say how many recordings ended how, and how many images there are."""
    statuses = Counter(row.status for row in receipt)
    counts = ", ".join(f"{statuses[status]} {status}" for status in ("ok", "skipped", "failed"))
    hours = sum(row.duration_s for row in receipt) / 3600
    n_images = sum(row.images_written for row in receipt)
    print(f"{len(receipt)} recordings ({counts}), {hours:.2f} h, {n_images} images in {out}")


def print_reasons(reasons: Iterable[Reason]) -> None:
    """Say why recordings failed, were skipped or got a warning, alike ones in one line."""
    for reason in reasons:
        names = ", ".join(reason.recordings[:MAX_NAMED])
        if len(reason.recordings) > MAX_NAMED:
            names += f" and {len(reason.recordings) - MAX_NAMED} more in receipt.csv"
        word = "warning" if reason.status == "ok" else reason.status
        print(
            f"{word}: {names}: {reason.text}",
            file=sys.stderr if reason.status == "failed" else sys.stdout,
        )


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["preprocess", *sys.argv[1:]]))
