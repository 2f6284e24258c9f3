"""``birdsong preprocess``: make spectrogram images of the recordings of a manifest."""

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

from .replace_option import add_replace_argument
from .taxonomy_option import add_taxonomy_options, apply_taxonomy_options

if TYPE_CHECKING:
    from birdsong.images.receipt_reasons import Reason
    from birdsong.images.tables import ReceiptRow
    from birdsong.preprocessing.estimate import Estimate
    from birdsong.sound.spectrogram import SpectrogramConfig

MAX_NAMED = 3
MAX_N_FFT = 2048  # samples; a longer frame blurs songs
DASK_TIMEOUT = "30s"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the stage."""
    parser.add_argument(
        "--manifest", type=Path, nargs="+", required=True,
        help="table with a row for each recording, or several tables",
    )  # fmt: skip
    parser.add_argument(
        "--audio", type=Path, nargs="+", required=True,
        help="folder of the recordings, or several folders, searched in this order",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for the images")
    add_replace_argument(
        parser,
        "remove images in --out of recordings that no --manifest names or no --audio holds, and "
        "of other settings",
    )
    add_taxonomy_options(parser)
    _add_segment_options(parser.add_argument_group("segments and images"))
    _add_job_options(parser.add_argument_group("parallel work"))


def _add_segment_options(group: argparse._ArgumentGroup) -> None:
    from birdsong.sound.spectrogram import SpectrogramConfig

    default = SpectrogramConfig()
    group.add_argument(
        "--segment-s", type=float, default=default.segment_s,
        help="duration of a segment; one becomes an image",
    )  # fmt: skip
    group.add_argument(
        "--n-mels", type=int, default=default.n_mels,
        help="number of mel bands: the height of an image",
    )  # fmt: skip
    group.add_argument(
        "--n-frames", type=int, default=default.n_frames,
        help="frames in a segment: the width of an image",
    )  # fmt: skip
    group.add_argument(
        "--step-s", type=float, default=1.0, help="seconds from one segment to the next"
    )
    group.add_argument(
        "--grid", action="store_true",
        help="place segments on a regular grid over all sound, instead of around songs",
    )  # fmt: skip


def _add_job_options(group: argparse._ArgumentGroup) -> None:
    from birdsong.runs.jobs import JobsConfig

    default = JobsConfig()
    group.add_argument(
        "--jobs", type=int, default=None,
        help="number of recordings processed in parallel; by default the number of cores, or all "
        "workers of a Dask cluster",
    )  # fmt: skip
    group.add_argument(
        "--backend", choices=("loky", "threading", "dask"), default=default.backend,
        help="processes, threads, or the machines of a Dask cluster",
    )  # fmt: skip
    group.add_argument(
        "--scheduler", metavar="ADDRESS", default=None,
        help="address of the Dask scheduler, as in tcp://HOST:8786",
    )  # fmt: skip
    group.add_argument(
        "--timeout-s", type=float, default=default.timeout_s,
        help="time limit for a recording, to which a tenth of its duration is added",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Preprocess the recordings, and print how many succeeded and why others failed."""
    from birdsong.images.receipt_reasons import group_reasons
    from birdsong.preprocessing.preprocess import preprocess
    from birdsong.preprocessing.preprocess_recording import PreprocessConfig
    from birdsong.recordings.manifest import read_manifests
    from birdsong.runs.jobs import JobsConfig
    from birdsong.runs.receipt import RECEIPT

    from .command import EXIT_OK, EXIT_SOME_FAILED
    from .progress import Progress
    from .validators import check_jobs

    check_jobs(arguments.jobs, all_cores=True)
    recordings = apply_taxonomy_options(read_manifests(arguments.manifest), arguments)
    config = PreprocessConfig(
        spectrogram=spectrogram_config(
            arguments.segment_s, n_mels=arguments.n_mels, n_frames=arguments.n_frames
        ),
        step_s=arguments.step_s,
        grid=arguments.grid,
    )
    n_failed, audio_s = 0, 0.0
    cluster = dask_cluster(arguments.scheduler) if arguments.backend == "dask" else nullcontext()
    with cluster, Progress("preprocess", len(recordings), "recordings") as progress:

        def show_estimate(estimate: Estimate) -> None:
            nonlocal audio_s
            audio_s = 0.0
            progress.restart_timer()
            for line in estimate_lines(estimate):
                progress.print_above(line)

        def show_row(row: ReceiptRow) -> None:
            nonlocal n_failed, audio_s
            n_failed += row.status == "failed"
            audio_s += row.duration_s
            speed = f"{audio_s / progress.elapsed_s:.0f} h of sound an hour"
            progress.advance(f"{speed}, {n_failed} failed" if n_failed else speed)

        receipt = preprocess(
            recordings,
            [folder.absolute() for folder in arguments.audio],  # absolute for other machines
            arguments.out.absolute(),
            config=config,
            jobs=JobsConfig(
                n_jobs=-1 if arguments.jobs is None else arguments.jobs,
                backend=arguments.backend,
                timeout_s=arguments.timeout_s,
            ),
            replace=arguments.replace,
            on_start=show_estimate,
            on_done=show_row,
        )
    print_summary(receipt, arguments.out)
    print_reasons(group_reasons(receipt))
    if any(row.images_written for row in receipt):
        print(f"next: birdsong train {arguments.out} --rank species --out runs/species")
    else:
        print(
            f"no images to train on: {arguments.out / RECEIPT} gives the reason for each recording"
        )
    return EXIT_SOME_FAILED if any(row.status == "failed" for row in receipt) else EXIT_OK


def spectrogram_config(segment_s: float, **shape: int) -> SpectrogramConfig:
    """Return the settings for images of segments of some duration.

    Parameters
    ----------
    segment_s : float
    shape : int
        `n_mels` and `n_frames`, where they are not the defaults.

    Raises
    ------
    ConfigError
        If the shape is out of range, or the segment is not `n_frames` hops of whole samples.
    """
    from birdsong.errors import ConfigError
    from birdsong.sound.spectrogram import SpectrogramConfig

    config = SpectrogramConfig(**shape)
    unit_s = config.n_frames / config.sample_rate_hz
    hop_length = round(segment_s / unit_s) if math.isfinite(segment_s) else 0
    if not math.isclose(hop_length * unit_s, segment_s, abs_tol=1e-6):
        raise ConfigError(
            f"--segment-s must be a multiple of {unit_s:.6f}, got {segment_s:g}; "
            f"the nearest is {hop_length * unit_s:.6f}"
        )
    n_fft = config.n_fft
    while n_fft < min(hop_length, MAX_N_FFT):  # frames must not leave gaps between them
        n_fft *= 2
    return replace(config, hop_length=hop_length, n_fft=n_fft)


def estimate_lines(estimate: Estimate) -> list[str]:
    """Describe how much there is to do, and warn if the disk is too small."""
    lines = [
        f"to do: {estimate.n_recordings} recordings, about {estimate.hours:.2f} h, "
        f"{estimate.n_images} images, {estimate.n_bytes / 1e6:.0f} MB; "
        f"{estimate.free_bytes / 1e6:.0f} MB are free"
    ]
    if estimate.n_bytes > estimate.free_bytes:
        lines.append(
            "the disk will probably fill up: make room, or name an --out on another disk; finished "
            "images stay"
        )
    return lines


def dask_cluster(scheduler: str | None) -> AbstractContextManager[object]:
    """Connect to the Dask cluster, so that joblib can use it.

    Raises
    ------
    ConfigError
        If no scheduler is named, or none answers.
    """
    from birdsong.errors import ConfigError

    if scheduler is None:
        raise ConfigError(
            "--backend dask needs --scheduler ADDRESS; start a cluster with `dask scheduler` and, "
            "on each machine, `dask worker ADDRESS --nthreads 1`"
        )
    from distributed import Client

    try:
        cluster: AbstractContextManager[object] = Client(  # type: ignore[no-untyped-call]
            scheduler, timeout=DASK_TIMEOUT
        )
        return cluster
    except (OSError, ValueError) as error:
        raise ConfigError(f"no Dask scheduler answers at {scheduler} ({error})") from error


def print_summary(receipt: Sequence[ReceiptRow], out: Path) -> None:
    """Print the number of recordings of each status, and of images."""
    statuses = Counter(row.status for row in receipt)
    counts = ", ".join(f"{statuses[status]} {status}" for status in ("ok", "skipped", "failed"))
    hours = sum(row.duration_s for row in receipt) / 3600
    n_images = sum(row.images_written for row in receipt)
    print(f"{len(receipt)} recordings ({counts}), {hours:.2f} h, {n_images} images in {out}")


def print_reasons(reasons: Iterable[Reason]) -> None:
    """Print why recordings failed, were skipped or got a warning, one line a reason."""
    for reason in reasons:
        names = ", ".join(reason.recordings[:MAX_NAMED])
        if len(reason.recordings) > MAX_NAMED:
            names += f" and {len(reason.recordings) - MAX_NAMED} more in receipt.csv"
        status = "warning" if reason.status == "ok" else reason.status
        print(
            f"{status}: {names}: {reason.text}",
            file=sys.stderr if reason.status == "failed" else sys.stdout,
        )


if __name__ == "__main__":
    from .command import console

    sys.exit(console(["preprocess", *sys.argv[1:]]))
