"""The batch loader: threaded generators of ``uint8`` batches, from PNGs or the packed copy.

Threads prepare chunks of several batches in advance, and yield them in order. The content of a
batch depends on the seed, the epoch, its position in the epoch and the images, never on the number
of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from birdsong.arrays import FloatArray, ImageArray, IntArray
from birdsong.errors import DatasetError
from birdsong.images.packed import PackedStore
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.loading.augmentation import (
    AugmentationParameters,
    augment_images,
    draw_augmentation,
)
from birdsong.loading.image_sources import (
    DirectReader,
    EpochReader,
    ImageSource,
    open_source,
    row_numbers,
)
from birdsong.loading.loader_config import LoaderConfig
from birdsong.loading.samplers import EpochSampler
from birdsong.loading.shuffle_buffer import (
    WindowReader,
    image_memory_bytes,
    order_by_windows,
    shards_per_window,
)

Batch: TypeAlias = tuple[ImageArray, FloatArray]

_CHUNK_IMAGES = 512  # a thread's piece of work, at least: handing one over costs 50 us
_CHUNKS_AHEAD = 2  # beside one for each thread: bounds the memory when the network is slower
_MAX_BACKGROUNDS = 2048  # 26 MB: in memory, so that a batch does not wait for twice the files


DEFAULT_CONFIG = LoaderConfig()


class BatchLoader:
    """Batches of images with their targets.

    Parameters
    ----------
    store : ImageStore
    rows : sequence of IndexRow
        The images to load.
    label_indices : int, shape (n_images,)
        The class index of each.
    n_labels : int
        Columns of the targets.
    config : LoaderConfig, optional
    background_rows : sequence of IndexRow
        Background images to mix in. They are read at once; of many, only a random sample.
    source : ImageSource, optional
        Where images are read from; by default the packed copy if there is one, else the PNGs.

    Raises
    ------
    DatasetError
        If there is no image, or no background where the augmentation wants some; or if a
        background image is missing or damaged.
    ValueError
        If the lengths differ, or an index is out of range.
    """

    def __init__(
        self,
        store: ImageStore,
        rows: Sequence[IndexRow],
        label_indices: IntArray,
        *,
        n_labels: int,
        config: LoaderConfig = DEFAULT_CONFIG,
        background_rows: Sequence[IndexRow] = (),
        source: ImageSource | None = None,
    ) -> None:
        if len(rows) == 0:
            raise DatasetError(f"{store.folder}: no image is left to load")
        if len(rows) != len(label_indices):
            raise ValueError(f"{len(rows)} images, but {len(label_indices)} label indices")
        if label_indices.min() < 0 or label_indices.max() >= n_labels:
            raise ValueError(
                f"label indices must be in 0..{n_labels - 1}, got {label_indices.min()}.."
                f"{label_indices.max()}"
            )
        self._store = store
        self._config = config
        self._source = source or open_source(store)
        self._row_numbers = row_numbers(store, rows)
        self._label_indices = label_indices
        self._n_labels = n_labels
        self._sampler = EpochSampler(
            label_indices,
            [row.session for row in rows] if config.sampling == "session-balanced" else (),
            sampling=config.sampling,
            shuffle=config.shuffle,
            seed=config.seed,
        )
        self._windowed_store = self._find_windowed_store()
        self._backgrounds = self._read_backgrounds(background_rows)

    def _find_windowed_store(self) -> PackedStore | None:
        """The packed copy, if it is read by windows: shuffled, uncompressed, larger than memory."""
        source, config = self._source, self._config
        if not config.shuffle or not isinstance(source, PackedStore) or source.is_compressed:
            return None
        memory_bytes = config.memory_bytes
        if memory_bytes is None:
            memory_bytes = image_memory_bytes()
        return source if len(source) * source.image_bytes > memory_bytes else None

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller than the others."""
        return -(-len(self._row_numbers) // self._config.batch_size)

    def epoch(self, number: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of one epoch.

        Closing the generator, or an exception in it, ends its threads first.

        Parameters
        ----------
        number : int
            Number of the epoch, which sets its order and augmentation.

        Yields
        ------
        images : uint8, shape (n, n_mels, n_frames, 1)
        targets : float32, shape (n, n_labels)
            One-hot, or mixed where images were mixed.

        Raises
        ------
        DatasetError
            If an image is missing or damaged; the message names it.
        """
        items, reader = self._start_epoch(number)
        chunk = self._config.batch_size * max(1, _CHUNK_IMAGES // self._config.batch_size)
        firsts = range(0, len(items), chunk)
        pending: deque[Future[list[Batch]]] = deque()
        executor = None
        try:
            if self._config.n_threads == 0:
                for first in firsts:
                    yield from self._make_batches(reader, items, first, chunk, number)
                return
            executor = ThreadPoolExecutor(
                self._config.n_threads, thread_name_prefix="birdsong-feed"
            )
            for first in firsts:
                pending.append(
                    executor.submit(self._make_batches, reader, items, first, chunk, number)
                )
                if len(pending) >= self._config.n_threads + _CHUNKS_AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            reader.close()  # first: it wakes threads that wait for it
            if executor:
                executor.shutdown(wait=True, cancel_futures=True)

    def forever(self, first_epoch: int = 0) -> Generator[Batch, None, None]:
        """Yield batches of endless epochs, as `keras.Model.fit` expects."""
        number = first_epoch
        while True:
            yield from self.epoch(number)
            number += 1

    def _start_epoch(self, epoch: int) -> tuple[IntArray, EpochReader]:
        """Order an epoch, and start to read it."""
        items = self._sampler.items(epoch)
        rows = self._row_numbers[items]
        if self._windowed_store is None:
            return items, DirectReader(self._source, rows)
        order, windows = order_by_windows(
            self._windowed_store.shards_of(rows),
            shards_per_window(self._windowed_store, self._config.window_bytes),
            seed=self._config.seed,
            epoch=epoch,
        )
        return items[order], WindowReader(self._windowed_store, rows[order], windows)

    def _make_batches(
        self, reader: EpochReader, items: IntArray, first: int, n: int, epoch: int
    ) -> list[Batch]:
        """Return several batches, whose images are read at once."""
        images = reader.read(first, min(first + n, len(items)))
        batches = []
        for start in range(0, len(images), self._config.batch_size):
            batch_images = images[start : start + self._config.batch_size]
            labels = self._label_indices[items[first + start : first + start + len(batch_images)]]
            batch_number = (first + start) // self._config.batch_size
            batches.append(self._make_batch(batch_images, labels, epoch, batch_number))
        return batches

    def _make_batch(
        self, images: ImageArray, labels: IntArray, epoch: int, batch_number: int
    ) -> Batch:
        augmentation = self._config.augmentation
        if augmentation is None:
            return images[..., np.newaxis], one_hot(labels, self._n_labels)
        key = np.random.SeedSequence((self._config.seed, epoch, batch_number))
        parameters = draw_augmentation(
            np.random.Generator(np.random.Philox(key)),
            len(images),
            augmentation,
            n_backgrounds=len(self._backgrounds),
            shape=self._store.config.shape,
        )
        changed = augment_images(
            images,
            parameters,
            augmentation,
            self._backgrounds,
            grey_db=self._store.config.grey_db,
        )
        return changed[..., np.newaxis], one_hot(labels, self._n_labels, parameters)

    def _read_backgrounds(self, rows: Sequence[IndexRow]) -> ImageArray:
        augmentation = self._config.augmentation
        if augmentation is None or augmentation.background_share == 0:
            return np.empty((0, *self._store.config.shape), np.uint8)
        if len(rows) == 0:
            raise DatasetError(
                f"{self._store.folder}: background_share is "
                f"{augmentation.background_share:g}, but there is no background image to mix in; "
                "set it to 0, or load images that include background"
            )
        chosen = np.arange(len(rows))
        if len(rows) > _MAX_BACKGROUNDS:
            chosen = np.random.default_rng(self._config.seed).choice(
                chosen, _MAX_BACKGROUNDS, False
            )
        kept = [rows[i] for i in np.sort(chosen)]
        return self._source.read(row_numbers(self._store, kept))


def one_hot(
    labels: IntArray, n_labels: int, parameters: AugmentationParameters | None = None
) -> FloatArray:
    """One-hot targets, with two shares per row if images were mixed.

    With 1,600 labels, computing whole rows would take longer than loading the images, so only the
    values that are not zero are written.

    Parameters
    ----------
    labels : int, shape (n,), values in 0..n_labels-1
    n_labels : int
    parameters : AugmentationParameters, optional
        Of the mixup; None if images were not mixed.

    Returns
    -------
    float32, shape (n, n_labels)
    """
    targets = np.zeros((len(labels), n_labels), np.float32)
    places = np.arange(len(labels))
    targets[places, labels] = 1 if parameters is None else parameters.own_weights
    if parameters is not None:
        targets[places, labels[parameters.partners]] += 1 - parameters.own_weights
    return targets
