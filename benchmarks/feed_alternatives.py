"""Batch loaders of other libraries, set up as in their documentation.

Each yields batches endlessly, shuffles, and returns class indices. With augmentation all apply
`AugmentationConfig.full()` to a batch in numpy, in their workers.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from multiprocessing.pool import AsyncResult, Pool
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import feed_images
from birdsong.arrays import ImageArray, IntArray
from birdsong.loading.augmentation import AugmentationConfig, augment_images, draw_augmentation
from birdsong.loading.image_sources import open_source

Batches = Generator[int, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One measurement: the settings of a loader, and whether files are cold."""

    workers: int = 0
    batch_size: int = 256
    augmented: bool = False
    cold: bool = False


class Augmentation:
    """Augmentation of the alternatives, callable in threads and processes."""

    def __init__(self, backgrounds: ImageArray) -> None:
        self._backgrounds = backgrounds
        self._config = AugmentationConfig.full()
        self._numbers = itertools.count()

    def __call__(self, images: ImageArray) -> ImageArray:
        """Augment a batch, uint8 (n, n_mels, n_frames)."""
        generator = np.random.Generator(np.random.Philox(next(self._numbers)))
        draws = draw_augmentation(
            generator,
            len(images),
            self._config,
            n_backgrounds=len(self._backgrounds),
            shape=self._backgrounds.shape[1:],
        )
        return augment_images(images, draws, self._config, self._backgrounds)


def keras_folder(scratch: Path, job: Job) -> Batches:
    """`keras.utils.image_dataset_from_directory`."""
    for images, _ in keras_folder_data(scratch, job):
        yield len(images)


def keras_folder_data(scratch: Path, job: Job) -> Any:
    """Return an endless `tf.data.Dataset` of batches."""
    import keras
    import tensorflow as tf

    data = keras.utils.image_dataset_from_directory(
        scratch / feed_images.STORE / "images",
        color_mode="grayscale",
        batch_size=job.batch_size,
        image_size=feed_images.open_images(scratch).config.shape,
        seed=0,
        verbose=False,
    )
    if job.augmented:
        augmentation = Augmentation(_backgrounds(scratch))

        def change(images: Any, labels: Any) -> Any:
            grey = tf.cast(images[..., 0], tf.uint8)
            return tf.numpy_function(augmentation, [grey], tf.uint8), labels

        data = data.map(change, num_parallel_calls=tf.data.AUTOTUNE)
    return data.repeat()


def pillow(scratch: Path, job: Job) -> Batches:
    """A generator that opens files with Pillow, alone or in a pool of processes.

    Keras's own pool forks a process with TensorFlow's threads, and can hang. This one does not use
    TensorFlow, and has at most one batch per process and two more in progress.
    """
    prepared = _Pillow(scratch, job)
    if job.workers == 0:
        for number in itertools.count():
            yield len(prepared(number)[0])
    waiting: deque[AsyncResult[tuple[ImageArray, IntArray]]] = deque()
    with Pool(job.workers, _prepare, (scratch, job)) as pool:
        try:
            for number in itertools.count():
                waiting.append(pool.apply_async(_prepared_batch, (number,)))
                if len(waiting) >= job.workers + 2:
                    yield len(waiting.popleft().get()[0])
        finally:
            for each in waiting:  # ending a pool with batches in progress sometimes hangs
                each.wait()


class _Pillow:
    """Loads batches with Pillow."""

    def __init__(self, scratch: Path, job: Job) -> None:
        store = feed_images.open_images(scratch)
        self._shape = store.config.shape
        self._paths = [str(store.folder / row.image) for row in store.rows]
        self._labels = feed_images.labels_of(np.arange(len(self._paths)))
        self._batch_size = job.batch_size
        self._augmentation = Augmentation(_backgrounds(scratch)) if job.augmented else None

    def __call__(self, number: int) -> tuple[ImageArray, IntArray]:
        items = np.random.default_rng(number).integers(0, len(self._paths), self._batch_size)
        images = np.empty((len(items), *self._shape), np.uint8)
        for i, item in enumerate(items):
            with Image.open(self._paths[item]) as image:
                images[i] = np.asarray(image)
        if self._augmentation:
            images = self._augmentation(images)
        return images[..., np.newaxis], self._labels[items]


_in_process: list[_Pillow] = []  # the loader of a process of the pool


def _prepare(scratch: Path, job: Job) -> None:
    _in_process[:] = [_Pillow(scratch, job)]


def _prepared_batch(number: int) -> tuple[ImageArray, IntArray]:
    return _in_process[0](number)


def tfrecord(scratch: Path, job: Job) -> Batches:
    """`tf.data` over TFRecords, batches parsed at once."""
    for images, _ in tfrecord_data(scratch, job):
        yield len(images)


def tfrecord_data(scratch: Path, job: Job) -> Any:
    """Return an endless `tf.data.Dataset` of batches."""
    import tensorflow as tf

    files = [str(path) for path in sorted((scratch / feed_images.TFRECORDS).iterdir())]
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    augmentation = Augmentation(_backgrounds(scratch))
    shape = feed_images.open_images(scratch).config.shape

    def parse(records: Any) -> Any:
        example = tf.io.parse_example(records, features)
        images = tf.io.decode_raw(example["image"], tf.uint8)
        images = tf.reshape(images, (-1, *shape))
        if job.augmented:
            images = tf.numpy_function(augmentation, [images], tf.uint8)
        return images, example["label"]

    options = tf.data.Options()
    options.threading.private_threadpool_size = max(1, job.workers)
    parallel = job.workers or None
    data = tf.data.TFRecordDataset(files, num_parallel_reads=parallel).repeat()
    data = data.shuffle(2048, seed=0).batch(job.batch_size).map(parse, num_parallel_calls=parallel)
    if job.workers:
        data = data.prefetch(job.workers)
    return data.with_options(options)


def hdf5(scratch: Path, job: Job) -> Batches:
    """Chunks of HDF5 in random order, sixteen of them shuffled in memory."""
    import h5py

    augmentation = Augmentation(_backgrounds(scratch))
    generator = np.random.default_rng(0)
    waiting: list[ImageArray] = []
    with h5py.File(scratch / feed_images.HDF5) as file:
        images, labels = file["images"], file["labels"][:]
        chunk = images.chunks[0]
        firsts = np.arange(0, len(images), chunk)
        while True:
            generator.shuffle(firsts)
            for group in np.array_split(firsts, max(1, len(firsts) // 16)):
                held = np.concatenate([images[first : first + chunk] for first in group])
                targets = np.concatenate([labels[first : first + chunk] for first in group])
                order = generator.permutation(len(held))
                waiting.append(held[order])
                targets = targets[order]
                while sum(map(len, waiting)) >= job.batch_size:
                    whole = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
                    batch, waiting = whole[: job.batch_size], [whole[job.batch_size :]]
                    yield len(augmentation(batch) if job.augmented else batch)


def _backgrounds(scratch: Path) -> ImageArray:
    return open_source(feed_images.open_images(scratch)).read(np.arange(16))
