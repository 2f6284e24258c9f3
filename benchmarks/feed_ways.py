"""The ways to feed that are measured, each in a process of its own.

A way hands out batches without end; what counts is how many pictures they hold. All of them
shuffle, and give a label with each picture: ours as a one-hot row, as Keras's losses with label
smoothing want it, the others as a number, which is less work. Where augmentation is asked for, all
do the same to a batch, `AugmentConfig.full()` in numpy, in the place where each does its work.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import feed_material
from birdsong.arrays import ImageArray
from birdsong.images.augment import AugmentConfig, augment_pictures, draw_augmentation
from birdsong.images.feeding import PictureFeed
from birdsong.images.sources import PngSource, open_source
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

Batches = Generator[int, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One measurement: how a way is set up, and whether files are in the cache."""

    workers: int = 0
    batch_size: int = 256
    augmented: bool = False
    cold: bool = False


class Augmentation:
    """What alternatives do to a batch, in whichever thread or process."""

    def __init__(self, backgrounds: ImageArray) -> None:
        self._backgrounds = backgrounds
        self._config = AugmentConfig.full()
        self._numbers = itertools.count()

    def __call__(self, pictures: ImageArray) -> ImageArray:
        """Change a batch, uint8 (n, 64, 200)."""
        generator = np.random.Generator(np.random.Philox(next(self._numbers)))
        n_backgrounds = len(self._backgrounds)
        draws = draw_augmentation(
            generator, len(pictures), self._config, n_backgrounds=n_backgrounds
        )
        return augment_pictures(pictures, draws, self._config, self._backgrounds)


def ours(scratch: Path, job: Job, *, png: bool = False, windows: bool = False) -> Batches:
    """`PictureFeed`."""
    store = feed_material.opened(scratch)
    feed = PictureFeed(
        store,
        store.rows,
        feed_material.labels_of(np.arange(len(store.rows))),
        n_labels=feed_material.N_LABELS,
        batch_size=job.batch_size,
        n_threads=job.workers,
        shuffle=True,
        augmentation=AugmentConfig.full() if job.augmented else None,
        background_rows=store.rows[:256],
        source=PngSource(store) if png else None,
        memory_bytes=0 if windows else 2**62,
        window_bytes=60_000_000,
    )
    batches = feed.forever()
    try:
        for pictures, _ in batches:
            yield len(pictures)
    finally:
        batches.close()


def keras_folder(scratch: Path, job: Job) -> Batches:
    """`keras.utils.image_dataset_from_directory`."""
    import keras
    import tensorflow as tf

    data = keras.utils.image_dataset_from_directory(
        scratch / feed_material.STORE / "pictures",
        color_mode="grayscale",
        batch_size=job.batch_size,
        image_size=SPECTROGRAM_SHAPE,
        seed=0,
        verbose=False,
    )
    if job.augmented:
        augmentation = Augmentation(_backgrounds(scratch))

        def change(pictures: Any, labels: Any) -> Any:
            grey = tf.cast(pictures[..., 0], tf.uint8)
            return tf.numpy_function(augmentation, [grey], tf.uint8), labels

        data = data.map(change, num_parallel_calls=tf.data.AUTOTUNE)
    for pictures, _ in data.repeat():
        yield len(pictures)


def keras_pillow(scratch: Path, job: Job) -> Batches:
    """A `keras.utils.PyDataset` that opens files with Pillow, alone or in N processes."""
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    adapter = PyDatasetAdapter(_pillow_dataset(scratch, job))
    batches = adapter.get_numpy_iterator()
    try:
        for pictures, _ in batches:
            yield len(pictures)
    finally:
        if adapter.enqueuer:
            adapter.enqueuer.stop()


def _pillow_dataset(scratch: Path, job: Job) -> Any:
    import keras
    from PIL import Image

    class Pictures(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=max(1, job.workers), use_multiprocessing=job.workers > 0)
            store = feed_material.opened(scratch)
            self.paths = [str(store.folder / row.image) for row in store.rows]
            self.labels = feed_material.labels_of(np.arange(len(self.paths)))
            self.augmentation = Augmentation(_backgrounds(scratch))

        @property
        def num_batches(self) -> int | None:
            return None  # without end

        def __getitem__(self, index: int) -> tuple[ImageArray, Any]:
            items = np.random.default_rng(index).integers(0, len(self.paths), job.batch_size)
            pictures = np.empty((len(items), *SPECTROGRAM_SHAPE), np.uint8)
            for i, item in enumerate(items):
                with Image.open(self.paths[item]) as image:
                    pictures[i] = np.asarray(image)
            if job.augmented:
                pictures = self.augmentation(pictures)
            return pictures[..., np.newaxis], self.labels[items]

    return Pictures()


def tfrecord(scratch: Path, job: Job) -> Batches:
    """`tf.data` over TFRecords, batches parsed at once."""
    import tensorflow as tf

    files = [str(path) for path in sorted((scratch / feed_material.TFRECORDS).iterdir())]
    features = {
        "picture": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    augmentation = Augmentation(_backgrounds(scratch))

    def parse(records: Any) -> Any:
        example = tf.io.parse_example(records, features)
        pictures = tf.io.decode_raw(example["picture"], tf.uint8)
        pictures = tf.reshape(pictures, (-1, *SPECTROGRAM_SHAPE))
        if job.augmented:
            pictures = tf.numpy_function(augmentation, [pictures], tf.uint8)
        return pictures, example["label"]

    options = tf.data.Options()
    options.threading.private_threadpool_size = max(1, job.workers)
    parallel = job.workers or None
    data = tf.data.TFRecordDataset(files, num_parallel_reads=parallel).repeat()
    data = data.shuffle(2048, seed=0).batch(job.batch_size).map(parse, num_parallel_calls=parallel)
    if job.workers:
        data = data.prefetch(job.workers)
    for pictures, _ in data.with_options(options):
        yield len(pictures)


def hdf5(scratch: Path, job: Job) -> Batches:
    """Chunks of HDF5 in random order, sixteen of them shuffled in memory."""
    import h5py

    augmentation = Augmentation(_backgrounds(scratch))
    generator = np.random.default_rng(0)
    waiting: list[ImageArray] = []
    with h5py.File(scratch / feed_material.HDF5) as file:
        pictures, labels = file["pictures"], file["labels"][:]
        chunk = pictures.chunks[0]
        firsts = np.arange(0, len(pictures), chunk)
        while True:
            generator.shuffle(firsts)
            for group in np.array_split(firsts, max(1, len(firsts) // 16)):
                held = np.concatenate([pictures[first : first + chunk] for first in group])
                taught = np.concatenate([labels[first : first + chunk] for first in group])
                order = generator.permutation(len(held))
                waiting.append(held[order])
                taught = taught[order]
                while sum(map(len, waiting)) >= job.batch_size:
                    whole = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
                    batch, waiting = whole[: job.batch_size], [whole[job.batch_size :]]
                    yield len(augmentation(batch) if job.augmented else batch)


def _backgrounds(scratch: Path) -> ImageArray:
    return open_source(feed_material.opened(scratch)).read(np.arange(16))


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
        Whether it can be told how many threads or processes to use.
    needs : tuple of str
        Packages that it imports.
    environment : Mapping
        What its process finds set.
    """

    batches: Callable[[Path, Job], Batches]
    files: str
    has_workers: bool = True
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


_PNGS = f"{feed_material.STORE}/pictures/*/*.png"
_PACKED = f"{feed_material.STORE}/packed/*.raw"
WAYS = {
    "birdsong, PNG": Way(_ours_png, _PNGS),
    "Keras, image_dataset_from_directory": Way(
        keras_folder, _PNGS, has_workers=False, needs=("keras", "tensorflow")
    ),
    # Without TensorFlow: Keras forks its processes, which then hang in TensorFlow's locks.
    "Keras PyDataset, Pillow, processes": Way(
        keras_pillow, _PNGS, needs=("keras",), environment={"KERAS_BACKEND": "numpy"}
    ),
    "birdsong, packed": Way(ours, _PACKED),
    "birdsong, packed, by windows": Way(_ours_windows, _PACKED),
    "tf.data, TFRecord": Way(tfrecord, f"{feed_material.TFRECORDS}/*", needs=("tensorflow",)),
    "HDF5, chunks shuffled": Way(hdf5, feed_material.HDF5, has_workers=False, needs=("h5py",)),
}


def rate(way: Way, scratch: Path, job: Job, seconds: float) -> float:
    """Measure pictures a second.

    Warm, the first batch is not counted. Cold, everything is: opening, the first batch, and one
    epoch or five times as long as a warm measurement takes.
    """
    paths = sorted(scratch.glob(way.files))
    n_pictures = len(feed_material.opened(scratch).rows)
    if job.cold:
        feed_material.forget(paths)
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
            if (n >= n_pictures or spent_s > 5 * seconds) if job.cold else spent_s > seconds:
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
