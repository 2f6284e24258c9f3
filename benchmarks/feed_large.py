"""Speed and memory of one shuffled epoch of a large packed copy.

The epoch runs in a new process, which opens the folder as training does. Anonymous memory is
measured: arrays and Python's objects, but not cached pages of files, which the system can free.
Every image holds its number, and each must be loaded once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import feed_images

_ROOT = Path(__file__).resolve().parents[1]


def measure_large(scratch: Path, n_images: int) -> dict[str, Any]:
    """Write a packed copy and load it once, shuffled by windows; print speed and memory.

    Parameters
    ----------
    scratch : Path
        Needs 12,800 bytes per image.
    n_images : int

    Returns
    -------
    dict
        Images, seconds of writing and of the epoch, MB/s of the drive, and the peak anonymous
        memory in bytes.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        written_s = feed_images.write_large(Path(folder) / "large", n_images)
        shards = sorted((Path(folder) / "large" / "packed").glob("*.raw"))
        drive_mb_s = feed_images.drive_mb_s(shards[:40])
        n_bytes = feed_images.drop_from_cache(shards)
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.feed_large", str(Path(folder) / "large")],
            cwd=_ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
    if answer.returncode:
        raise RuntimeError(f"the epoch broke off: {answer.stderr.strip().splitlines()[-1]}")
    figures = json.loads(answer.stdout)
    print(
        f"{n_images} images, {n_bytes / 1e9:.1f} GB packed, written in {written_s:.0f} s; "
        f"one shuffled epoch by windows, from the drive: {figures['epoch_s']:.1f} s, "
        f"{n_images / figures['epoch_s']:.0f} images/s, "
        f"{n_bytes / 1e6 / figures['epoch_s']:.0f} MB/s of the drive's {drive_mb_s:.0f}; opened in "
        f"{figures['opened_s']:.1f} s; at most {figures['anonymous_bytes'] / 1e9:.2f} GB of "
        "anonymous memory"
    )
    return {
        "images": n_images,
        "bytes": n_bytes,
        "written_s": written_s,
        "drive_mb_s": drive_mb_s,
        **figures,
    }


class AnonymousMemory:
    """Samples the anonymous memory of the process twenty times a second."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        import psutil

        process = psutil.Process()
        while True:
            held = process.memory_info()
            # On Linux rss is anonymous memory plus shared memory, which is backed by files.
            self.peak_bytes = max(self.peak_bytes, held.rss - held.shared)
            if self._ended.wait(0.05):
                return

    def end(self) -> int:
        """Stop, and return the peak in bytes."""
        self._ended.set()
        self._thread.join()
        return self.peak_bytes


def run_epoch(folder: Path) -> dict[str, float]:
    """Open a folder and load it once."""
    from birdsong.images.store import open_store
    from birdsong.loading.batch_loader import BatchLoader
    from birdsong.loading.loader_config import LoaderConfig

    memory = AnonymousMemory()
    started_s = time.perf_counter()
    store = open_store(folder)
    n_images = len(store.rows)
    loader = BatchLoader(
        store,
        store.rows,
        feed_images.labels_of(np.arange(n_images)),
        n_labels=feed_images.N_LABELS,
        config=LoaderConfig(batch_size=256, shuffle=True, memory_bytes=0),
    )
    opened_s = time.perf_counter() - started_s
    seen = np.zeros(n_images, np.int64)
    for images, _ in loader.epoch():
        np.add.at(seen, feed_images.numbers_of(images), 1)
    epoch_s = time.perf_counter() - started_s - opened_s
    if not (seen == 1).all():
        raise RuntimeError(f"{(seen != 1).sum()} images did not come exactly once")
    return {"opened_s": opened_s, "epoch_s": epoch_s, "anonymous_bytes": memory.end()}


if __name__ == "__main__":
    print(json.dumps(run_epoch(Path(sys.argv[1]))))
