"""Images per second of batch loaders, on the same images.

Every loader is timed in a new process, in turn, in several rounds; the table shows medians. A
worker is a thread or a process, whichever the loader uses; with 0 workers a batch is loaded when it
is requested. Warm files are in the system's cache; cold files were dropped from it (the host of a
virtual machine may still cache them: the speed of the drive is printed, too). Loading by windows
drops files from the cache, and so always reads from the drive.

A loader that hangs is ended; its missing measurements count as 0.
`image_dataset_from_directory` and HDF5 do not take a number of workers.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from benchmarks import feed_images
from benchmarks.feed_alternatives import Job
from benchmarks.feed_large import measure_large
from benchmarks.feed_loaders import LOADERS, Loader

_ROOT = Path(__file__).resolve().parents[1]
N_IMAGES = 8192
_START_LIMIT_S = 60.0
_JOB_LIMIT_S = 15.0
SECONDS = 0.8
USUAL = Job(workers=2, batch_size=256)
WORKERS = (0, 1, 2, 4)
BATCH_SIZES = (32, 256, 2048)
ALL_WORKERS = (0, 1, 2, 3, 4, 6, 8)
ALL_BATCH_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)


def measure(
    *,
    images: Path | None,
    n_rounds: int,
    thorough: bool = False,
    n_images: int = N_IMAGES,
    n_large: int = 0,
    plot: Path | None = None,
    scratch: Path | None = None,
    ways: Sequence[str] = (),
) -> dict[str, Any]:
    """Time every loader; print a table, and plot the speed-up if `plot` is given.

    Parameters
    ----------
    images : Path or None
        Folder of images; None for random ones.
    n_rounds : int
    thorough : bool
        All combinations of workers, batch sizes, augmentation, and warm or cold files: takes hours
        instead of minutes.
    n_images : int
        Maximum number of images.
    n_large : int
        Images of a large packed copy that is loaded once by windows; 0 for none.
    plot : Path, optional
        The PNG to draw.
    scratch : Path, optional
        Folder on the drive to measure; the system's temporary one without it.
    ways : sequence of str
        Names of the loaders to measure; empty for all.

    Returns
    -------
    dict
        Images, bytes per image, MB/s of the drive, and the images per second of each job of each
        loader in all rounds.
    """
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(dir=scratch) as made:
        n = feed_images.write_formats(Path(made), images, n_images)
        bytes_each = {
            name: sum(path.stat().st_size for path in Path(made).glob(loader.files)) / n
            for name, loader in LOADERS.items()
        }
        drive_mb_s = feed_images.drive_mb_s(
            sorted(Path(made).glob(LOADERS["birdsong, packed"].files))
        )
        chosen = {name: LOADERS[name] for name in ways or LOADERS}
        rates: dict[str, list[list[float]]] = {}
        jobs = {name: _jobs(loader, thorough=thorough) for name, loader in chosen.items()}
        for _ in range(n_rounds):
            for name, loader in chosen.items():
                missing = [need for need in loader.needs if importlib.util.find_spec(need) is None]
                if missing:
                    print(f"left out: {name}: needs {missing[0]}, which is not installed")
                    chosen = {other: LOADERS[other] for other in chosen if other != name}
                    continue
                measured = _timed(name, jobs[name], Path(made))
                each = rates.setdefault(name, [[] for _ in jobs[name]])
                for of_job, rate in zip(each, measured, strict=True):
                    if rate is not None:
                        of_job.append(rate)
    figures |= {"images": n, "drive_mb_s": drive_mb_s, "ways": {}}
    for name, each in rates.items():
        figures["ways"][name] = {
            "bytes_per_image": bytes_each[name],
            "jobs": [
                {**asdict(job), "images_per_s": of_job}
                for job, of_job in zip(jobs[name], each, strict=True)
            ],
        }
    _print(figures, n_rounds)
    if plot:
        _draw(figures, plot)
        print(f"speed-up against workers: {plot}")
    if n_large:
        where = scratch or Path(tempfile.gettempdir())
        figures["large"] = measure_large(where, n_large)
    return figures


def _jobs(loader: Loader, *, thorough: bool) -> list[Job]:
    workers = (ALL_WORKERS if thorough else WORKERS) if loader.has_workers else (USUAL.workers,)
    batch_sizes = ALL_BATCH_SIZES if thorough else BATCH_SIZES
    if thorough:
        return [
            Job(workers=n, batch_size=size, augmented=augmented, cold=cold)
            for n in workers
            for size in batch_sizes
            for augmented in (False, True)
            for cold in (False, True)
        ]
    usual = asdict(USUAL)
    jobs = [Job(**usual | {"workers": n}) for n in workers]
    jobs += [Job(**usual | {"batch_size": size}) for size in batch_sizes]
    jobs += [Job(**usual | {"workers": n, "augmented": True}) for n in workers]
    jobs += [Job(**usual | {"cold": True})]
    return list(dict.fromkeys(jobs))


def _timed(name: str, jobs: Sequence[Job], scratch: Path) -> list[float | None]:
    """Time a loader in a new process; None for jobs that it did not finish in time."""
    request = {
        "way": name,
        "scratch": str(scratch),
        "jobs": [asdict(job) for job in jobs],
        "seconds": SECONDS,
    }
    libraries = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(libraries, "1") | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.feed_loaders"], cwd=_ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        limit_s = _START_LIMIT_S + len(jobs) * _JOB_LIMIT_S
        lines, complaints = process.communicate(json.dumps(request), timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its workers too
        lines, complaints = process.communicate()
        print(f"{name}: hung and was ended")
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if process.returncode > 0:
        raise RuntimeError(f"{name}: broke off: {complaints.strip().splitlines()[-1]}")
    rates: list[float | None] = [None] * len(jobs)
    for line in lines.splitlines():
        place, rate = json.loads(line)
        rates[place] = rate
    return rates


def _print(figures: dict[str, Any], n_rounds: int) -> None:
    print(
        f"{figures['images']} images, {figures['cores']} cores, load "
        f"{figures['load_before']:.1f} before; images a second, median of {n_rounds} rounds; "
        f"the drive reads {figures['drive_mb_s']:.0f} MB/s in order"
    )
    print(f"  {'':<35}  workers  batch  augmented  files   images/s     MB/s")
    for name, loader in figures["ways"].items():
        for job in loader["jobs"]:
            rate = statistics.median(job["images_per_s"] or [0.0])
            workers = job["workers"] if LOADERS[name].has_workers else "own"
            print(
                f"  {name:<35}  {workers:>7}  {job['batch_size']:>5}"
                f"  {'fully' if job['augmented'] else 'no':<9}"
                f"  {'cold' if job['cold'] else 'warm'}  {rate:9.0f}"
                f"  {rate * loader['bytes_per_image'] / 1e6:7.0f}"
            )


def _draw(figures: dict[str, Any], path: Path) -> None:
    """Plot speed over the number of workers, without augmentation (top) and with it (bottom).

    On the left the speed-up over no worker, on the right images per second. Loaders without a
    number of workers are horizontal lines.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    colours = {name: f"C{i}" for i, name in enumerate(figures["ways"])}
    dashes: tuple[Literal[":", "--"], ...] = (":", "--")
    styles = itertools.cycle(dashes)
    level = {name: next(styles) for name in figures["ways"] if not LOADERS[name].has_workers}
    for (speed_up, speed), augmented in zip(panels, (False, True), strict=True):
        for name in figures["ways"]:
            medians = _by_workers(figures, name, augmented)
            if not medians:
                continue
            if name in level:
                rate = next(iter(medians.values()))
                speed.axhline(rate, linestyle=level[name], color="grey")
                continue
            workers = sorted(medians)
            rates = [medians[n] for n in workers]
            speed.plot(workers, rates, marker=".", color=colours[name])
            if 0 in medians:
                times = [rate / medians[0] for rate in rates]
                speed_up.plot(workers, times, marker=".", color=colours[name])
        words = "fully augmented" if augmented else "without augmentation"
        speed_up.set_title(f"times as fast as with no worker, {words}", fontsize="medium")
        speed.set_title(f"images a second, {words}", fontsize="medium")
        speed.set_yscale("log")
        for axes in (speed_up, speed):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
    for axes in panels[1]:
        axes.set_xlabel("workers: threads or processes")
    handles = [
        Line2D([], [], color="grey", linestyle=level[name], label=name)
        if name in level
        else Line2D([], [], color=colours[name], marker=".", label=name)
        for name in figures["ways"]
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize="small")
    figure.savefig(path, dpi=110)


def _by_workers(figures: dict[str, Any], name: str, augmented: bool) -> dict[int, float]:
    """Median images per second of a loader by its number of workers, warm, in default batches."""
    return {
        job["workers"]: statistics.median(job["images_per_s"])
        for job in figures["ways"][name]["jobs"]
        if job["images_per_s"]
        and job["augmented"] == augmented
        and not job["cold"]
        and job["batch_size"] == USUAL.batch_size
    }
