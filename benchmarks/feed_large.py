"""A packed copy of any size through one shuffled epoch: how fast, and in how much memory.

The epoch runs in a process of its own, which opens the folder as training does. What counts is
anonymous memory, which a system cannot take back: arrays and Python's objects, but not the pages of
files. Every image carries its number, and each has to come once.
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

from benchmarks import feed_dataset

_ROOT = Path(__file__).resolve().parents[1]


def measure_large(scratch: Path, n_images: int) -> dict[str, Any]:
    """Write a packed copy and feed it once, shuffled by windows; print what it took.

    Parameters
    ----------
    scratch : Path
        Takes 12,800 bytes an image while it lasts.
    n_images : int

    Returns
    -------
    dict
        Images, seconds that writing and the epoch took, the drive's MB/s, and the most anonymous
        memory in bytes.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        written_s = feed_dataset.write_large(Path(folder) / "large", n_images)
        shards = sorted((Path(folder) / "large" / "packed").glob("*.raw"))
        drive_mb_s = feed_dataset.drive_mb_s(shards[:40])
        n_bytes = feed_dataset.forget(shards)
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
    """Looks twenty times a second at what the process holds, and keeps the most."""

    def __init__(self) -> None:
        self.most_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        import psutil

        process = psutil.Process()
        while True:
            held = process.memory_info()
            # What is shared is backed by files: on Linux rss is anonymous memory beside that.
            self.most_bytes = max(self.most_bytes, held.rss - held.shared)
            if self._ended.wait(0.05):
                return

    def end(self) -> int:
        """Return the most that was held, in bytes."""
        self._ended.set()
        self._thread.join()
        return self.most_bytes


def one_epoch(folder: Path) -> dict[str, float]:
    """Open a folder, and feed it once."""
    from birdsong.images.store import open_store
    from birdsong.loading.batch_loader import BatchLoader
    from birdsong.loading.loader_config import LoaderConfig

    memory = AnonymousMemory()
    started_s = time.perf_counter()
    store = open_store(folder)
    n_images = len(store.rows)
    feed = BatchLoader(
        store,
        store.rows,
        feed_dataset.labels_of(np.arange(n_images)),
        n_labels=feed_dataset.N_LABELS,
        config=LoaderConfig(batch_size=256, shuffle=True, memory_bytes=0),
    )
    opened_s = time.perf_counter() - started_s
    seen = np.zeros(n_images, np.int64)
    for images, _ in feed.epoch():
        np.add.at(seen, feed_dataset.numbers_of(images), 1)
    epoch_s = time.perf_counter() - started_s - opened_s
    if not (seen == 1).all():
        raise RuntimeError(f"{(seen != 1).sum()} images did not come exactly once")
    return {"opened_s": opened_s, "epoch_s": epoch_s, "anonymous_bytes": memory.end()}


if __name__ == "__main__":
    print(json.dumps(one_epoch(Path(sys.argv[1]))))
