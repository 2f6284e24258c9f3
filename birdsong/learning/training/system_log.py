"""Logs the use of processor, memory, disk and GPU to ``system.csv``, and plots it."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil

SYSTEM_LOG = "system.csv"
SYSTEM_PLOT = "system.png"
INTERVAL_S = 1.0

COLUMNS = (
    "time_s",
    "cpu_percent",
    "memory_mb",
    "free_memory_mb",
    "disk_read_mb_s",
    "gpu_percent",
    "gpu_memory_mb",
)
"""Seconds since the start of the log; use of all cores; memory of this process and its children;
free memory; reads from disks; use and memory of the GPUs, empty without a GPU."""

_PANELS = (
    ("cpu_percent", "processor, %"),
    ("memory_mb", "memory, MB"),
    ("disk_read_mb_s", "read from disk, MB/s"),
    ("gpu_percent", "GPU, %"),
    ("gpu_memory_mb", "GPU memory, MB"),
)
_MB = 1e6


class SystemLog:
    """Context manager that logs a row a second into a run folder, and plots the log at the end.

    A resumed run appends to the log.

    Parameters
    ----------
    folder : Path
        The run folder; must exist.
    interval_s : float
        Seconds between rows.
    """

    def __init__(self, folder: Path, *, interval_s: float = INTERVAL_S) -> None:
        self._path = folder / SYSTEM_LOG
        self._plot = folder / SYSTEM_PLOT
        self._every_s = interval_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="birdsong-system-log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()
        rows = read_system_log(self._path)
        if rows:
            write_system_plot(rows, self._plot)

    def _run(self) -> None:
        past = read_system_log(self._path)
        began_s = time.monotonic() - (past[-1]["time_s"] if past else 0.0)
        sampler = _Sampler()
        with suppress(OSError), self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not past:
                writer.writerow(COLUMNS)
            while not self._closed.wait(self._every_s):
                writer.writerow([round(time.monotonic() - began_s, 1), *sampler.sample()])
                file.flush()


class _Sampler:
    """Samples the use of the machine; rates are those since the last sample."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._gpus = gpu_reader()
        self._read_bytes = _disk_read_bytes()
        self._at_s = time.monotonic()
        psutil.cpu_percent()  # the first value is meaningless

    def sample(self) -> list[float | str]:
        """Return the values of the columns after ``time_s``."""
        read_bytes, at_s = _disk_read_bytes(), time.monotonic()
        read_mb_s = (read_bytes - self._read_bytes) / _MB / max(at_s - self._at_s, 1e-3)
        self._read_bytes, self._at_s = read_bytes, at_s
        return [
            psutil.cpu_percent(),
            round(memory_mb(self._process), 1),
            round(psutil.virtual_memory().available / _MB, 1),
            round(read_mb_s, 2),
            *self._gpus(),
        ]


def memory_mb(process: psutil.Process | None = None) -> float:
    """Memory of a process and its children, in megabytes; of this process by default."""
    process = process or psutil.Process()
    held = process.memory_info().rss
    for child in process.children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            held += child.memory_info().rss
    return float(held / _MB)


def read_system_log(path: Path) -> list[dict[str, float]]:
    """Read the rows of a log.

    Returns
    -------
    list of dict
        Without empty columns, and without an incomplete last line.
    """
    if not path.exists():
        return []
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            with suppress(TypeError, ValueError):
                rows.append({name: float(value) for name, value in row.items() if value != ""})
    return [row for row in rows if {"time_s", "disk_read_mb_s"} <= row.keys()]


def write_system_plot(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Plot a log over time, in minutes.

    Parameters
    ----------
    rows : sequence of mappings
        From `read_system_log`.
    path : Path
        The PNG to write.
    """
    from matplotlib.figure import Figure

    shown = [(name, label) for name, label in _PANELS if name in rows[0]]
    figure = Figure(figsize=(9, 1.6 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, label) in zip(panels, shown, strict=True):
        there = [row for row in rows if name in row]
        axes.plot([row["time_s"] / 60 for row in there], [row[name] for row in there], linewidth=1)
        axes.set_ylabel(label, fontsize=8)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    panels[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)


def _disk_read_bytes() -> int:
    counters = psutil.disk_io_counters()
    return counters.read_bytes if counters else 0


def gpu_names() -> list[str]:
    """Names of the NVIDIA GPUs; empty if there is none, or its driver cannot be read."""
    handles = _gpus()
    if not handles:
        return []
    import pynvml

    return [str(pynvml.nvmlDeviceGetName(handle)) for handle in handles]


def _gpus() -> list[Any]:
    try:
        import pynvml

        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except Exception:  # not installed, no driver, no permission: each has an error of its own
        return []


def gpu_reader() -> Callable[[], list[float | str]]:
    """Return a function that reads the mean use of the NVIDIA GPUs (%) and their memory (MB).

    It returns empty strings if there is no GPU, or its driver cannot be read.
    """
    handles = _gpus()
    if not handles:
        return lambda: ["", ""]
    import pynvml

    def read() -> list[float | str]:
        try:
            use = [pynvml.nvmlDeviceGetUtilizationRates(handle).gpu for handle in handles]
            held = [pynvml.nvmlDeviceGetMemoryInfo(handle).used for handle in handles]
        except pynvml.NVMLError:
            return ["", ""]
        return [sum(use) / len(use), round(sum(held) / _MB, 1)]

    return read
