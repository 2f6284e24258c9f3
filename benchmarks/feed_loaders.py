"""The batch loaders that `feed` times, each in a new process.

Birdsong's loaders return one-hot labels, which Keras's losses with label smoothing need. The
others, in `feed_alternatives`, return class indices, which is less work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import feed_images
from benchmarks.feed_alternatives import Batches, Job, hdf5, keras_folder, pillow, tfrecord
from birdsong.loading.augmentation import AugmentationConfig
from birdsong.loading.batch_loader import BatchLoader
from birdsong.loading.image_sources import PngSource
from birdsong.loading.loader_config import LoaderConfig


def birdsong_loader(
    scratch: Path, job: Job, *, png: bool = False, windows: bool = False
) -> Batches:
    """`BatchLoader`."""
    batches = image_loader(scratch, job, png=png, windows=windows).forever()
    try:
        for images, _ in batches:
            yield len(images)
    finally:
        batches.close()


def image_loader(
    scratch: Path, job: Job, *, png: bool = False, windows: bool = False
) -> BatchLoader:
    """Return a shuffling loader as in training."""
    store = feed_images.open_images(scratch)
    return BatchLoader(
        store,
        store.rows,
        feed_images.labels_of(np.arange(len(store.rows))),
        n_labels=feed_images.N_LABELS,
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


def _png_loader(scratch: Path, job: Job) -> Batches:
    return birdsong_loader(scratch, job, png=True)


def _window_loader(scratch: Path, job: Job) -> Batches:
    return birdsong_loader(scratch, job, windows=True)


@dataclass(frozen=True, slots=True)
class Loader:
    """A batch loader to be timed.

    Attributes
    ----------
    batches : callable
    files : str
        Glob pattern of its files in the scratch folder.
    has_workers : bool
        Whether its number of threads or processes can be set.
    needs : tuple of str
        Packages that it imports.
    """

    batches: Callable[[Path, Job], Batches]
    files: str
    has_workers: bool = True
    needs: tuple[str, ...] = ()


_PNGS = f"{feed_images.STORE}/images/*/*.png"
_PACKED = f"{feed_images.STORE}/packed/*.raw"
LOADERS = {
    "birdsong, PNG": Loader(_png_loader, _PNGS),
    "Keras, image_dataset_from_directory": Loader(
        keras_folder, _PNGS, has_workers=False, needs=("keras", "tensorflow")
    ),
    "Keras generator, Pillow, processes": Loader(pillow, _PNGS),
    "birdsong, packed": Loader(birdsong_loader, _PACKED),
    "birdsong, packed, by windows": Loader(_window_loader, _PACKED),
    "tf.data, TFRecord": Loader(tfrecord, f"{feed_images.TFRECORDS}/*", needs=("tensorflow",)),
    "HDF5, chunks shuffled": Loader(hdf5, feed_images.HDF5, has_workers=False, needs=("h5py",)),
}


def rate(loader: Loader, scratch: Path, job: Job, seconds: float) -> float:
    """Measure images per second.

    With warm files the first batch is not counted. With cold files everything is: opening, the
    first batch, and up to one epoch or five times the duration of a warm measurement.
    """
    paths = sorted(scratch.glob(loader.files))
    n_images = len(feed_images.open_images(scratch).rows)
    if job.cold:
        feed_images.drop_from_cache(paths)
    started_s = time.perf_counter()
    batches = loader.batches(scratch, job)
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


def _warm_cache(loader: Loader, scratch: Path) -> None:
    for path in scratch.glob(loader.files):
        path.read_bytes()


def _cold_first(jobs: list[Job]) -> Iterator[tuple[int, Job]]:
    """Sort cold jobs first: files that a process has mapped cannot be dropped from the cache."""
    return iter(sorted(enumerate(jobs), key=lambda each: not each[1].cold))


def main() -> None:
    """Run in the process that is timed: read a loader and its jobs, print a line for each rate."""
    request = json.loads(sys.stdin.read())
    loader, scratch = LOADERS[request["way"]], Path(request["scratch"])
    jobs = [Job(**job) for job in request["jobs"]]
    # Imports and the first use of a library are not counted.
    first = loader.batches(
        scratch, Job(batch_size=32, augmented=any(job.augmented for job in jobs))
    )
    next(first)
    first.close()
    is_warm = False
    for place, job in _cold_first(jobs):
        if not job.cold and not is_warm:
            _warm_cache(loader, scratch)
            is_warm = True
        print(json.dumps([place, rate(loader, scratch, job, request["seconds"])]), flush=True)


if __name__ == "__main__":
    main()
