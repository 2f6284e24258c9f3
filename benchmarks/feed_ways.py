"""The ways to feed that are measured, each in a process of its own.

What counts is how many images the batches of a way hold. Ours give labels as one-hot rows, as
Keras's losses with label smoothing want them; the others, in `feed_alternatives`, as numbers, which
is less work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import feed_dataset
from benchmarks.feed_alternatives import Batches, Job, hdf5, keras_folder, pillow, tfrecord
from birdsong.loading.augmentation import AugmentationConfig
from birdsong.loading.batch_loader import BatchLoader
from birdsong.loading.image_sources import PngSource
from birdsong.loading.loader_config import LoaderConfig


def ours(scratch: Path, job: Job, *, png: bool = False, windows: bool = False) -> Batches:
    """`BatchLoader`."""
    batches = image_feed(scratch, job, png=png, windows=windows).forever()
    try:
        for images, _ in batches:
            yield len(images)
    finally:
        batches.close()


def image_feed(scratch: Path, job: Job, *, png: bool = False, windows: bool = False) -> BatchLoader:
    """Return what feeds the images as training does, shuffled."""
    store = feed_dataset.opened(scratch)
    return BatchLoader(
        store,
        store.rows,
        feed_dataset.labels_of(np.arange(len(store.rows))),
        n_labels=feed_dataset.N_LABELS,
        config=LoaderConfig(
            batch_size=job.batch_size,
            n_threads=job.workers,
            shuffle=True,
            augmentation=AugmentationConfig.full() if job.augmented else None,
            memory_bytes=0 if windows else 2**62,
            window_bytes=60_000_000,
        ),
        background_rows=store.rows[:256],
        source=PngSource(store) if png else None,
    )


def _ours_png(scratch: Path, job: Job) -> Batches:
    return ours(scratch, job, png=True)


def _ours_windows(scratch: Path, job: Job) -> Batches:
    return ours(scratch, job, windows=True)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to feed.

    Attributes
    ----------
    batches : callable
    files : str
        Pattern of the files it reads, under the scratch folder.
    has_workers : bool
        Whether it takes a number of threads or processes.
    needs : tuple of str
        Packages that it imports.
    """

    batches: Callable[[Path, Job], Batches]
    files: str
    has_workers: bool = True
    needs: tuple[str, ...] = ()


_PNGS = f"{feed_dataset.STORE}/images/*/*.png"
_PACKED = f"{feed_dataset.STORE}/packed/*.raw"
WAYS = {
    "birdsong, PNG": Way(_ours_png, _PNGS),
    "Keras, image_dataset_from_directory": Way(
        keras_folder, _PNGS, has_workers=False, needs=("keras", "tensorflow")
    ),
    "Keras generator, Pillow, processes": Way(pillow, _PNGS),
    "birdsong, packed": Way(ours, _PACKED),
    "birdsong, packed, by windows": Way(_ours_windows, _PACKED),
    "tf.data, TFRecord": Way(tfrecord, f"{feed_dataset.TFRECORDS}/*", needs=("tensorflow",)),
    "HDF5, chunks shuffled": Way(hdf5, feed_dataset.HDF5, has_workers=False, needs=("h5py",)),
}


def rate(way: Way, scratch: Path, job: Job, seconds: float) -> float:
    """Measure images a second.

    Warm, the first batch is not counted. Cold, everything is: opening, the first batch, and one
    epoch or five times as long as a warm measurement takes.
    """
    paths = sorted(scratch.glob(way.files))
    n_images = len(feed_dataset.opened(scratch).rows)
    if job.cold:
        feed_dataset.forget(paths)
    started_s = time.perf_counter()
    batches = way.batches(scratch, job)
    n = 0
    try:
        if not job.cold:
            next(batches)
            started_s = time.perf_counter()
        for n_batch in batches:
            n += n_batch
            spent_s = time.perf_counter() - started_s
            if (n >= n_images or spent_s > 5 * seconds) if job.cold else spent_s > seconds:
                break
        return n / (time.perf_counter() - started_s)
    finally:
        batches.close()


def _warmed(way: Way, scratch: Path) -> None:
    for path in scratch.glob(way.files):
        path.read_bytes()


def _in_order(jobs: list[Job]) -> Iterator[tuple[int, Job]]:
    """Cold ones first: what a process has mapped cannot be dropped from the cache."""
    return iter(sorted(enumerate(jobs), key=lambda each: not each[1].cold))


def main() -> None:
    """Be the process that is timed: a way and its jobs in, a line for each rate out."""
    asked = json.loads(sys.stdin.read())
    way, scratch = WAYS[asked["way"]], Path(asked["scratch"])
    jobs = [Job(**job) for job in asked["jobs"]]
    # Imports, and what a library does at its first use, are not counted.
    first = way.batches(scratch, Job(batch_size=32, augmented=any(job.augmented for job in jobs)))
    next(first)
    first.close()
    is_warm = False
    for place, job in _in_order(jobs):
        if not job.cold and not is_warm:
            _warmed(way, scratch)
            is_warm = True
        print(json.dumps([place, rate(way, scratch, job, asked["seconds"])]), flush=True)


if __name__ == "__main__":
    main()
