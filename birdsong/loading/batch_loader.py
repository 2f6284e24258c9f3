"""Multi-threaded generators of ``uint8`` batches, from PNGs or from the packed copy.

Threads make pieces, some batches each, ahead of what is asked for; they come out in order. What a
batch holds follows from the seed, the epoch, its place in the epoch and the images, never from
the number of threads.
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
    DirectReading,
    ImageSource,
    Reading,
    open_source,
    row_numbers,
)
from birdsong.loading.loader_config import LoaderConfig
from birdsong.loading.samplers import EpochSampler
from birdsong.loading.shuffle_buffer import (
    WindowedReading,
    into_windows,
    memory_for_images,
    shards_a_window,
)

Batch: TypeAlias = tuple[ImageArray, FloatArray]

_PIECE_IMAGES = 512  # a thread's piece of work, at least: handing one over costs 50 us
_PIECES_AHEAD = 2  # beside one for each thread: bounds the memory when the network is slower
_MAX_BACKGROUNDS = 2048  # 26 MB: in memory, so that a batch does not wait for twice the files


DEFAULT = LoaderConfig()


class BatchLoader:
    """Batches of images with the labels they teach.

    Parameters
    ----------
    store : ImageStore
    rows : sequence of IndexRow
        The images to feed.
    label_indices : int, shape (n_images,)
        The class index of each.
    n_labels : int
        Columns of the targets.
    config : LoaderConfig, optional
    background_rows : sequence of IndexRow
        The images that the augmentation may mix in. They are read now, and of many only some.
    source : ImageSource, optional
        Where images are read; without one, the packed copy where there is one, else the PNGs.

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
        config: LoaderConfig = DEFAULT,
        background_rows: Sequence[IndexRow] = (),
        source: ImageSource | None = None,
    ) -> None:
        if len(rows) == 0:
            raise DatasetError(f"{store.folder}: no image is left to feed")
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
        self._order = EpochSampler(
            label_indices,
            [row.session for row in rows] if config.sampling == "session-balanced" else (),
            sampling=config.sampling,
            shuffle=config.shuffle,
            seed=config.seed,
        )
        self._windowed = self._store_in_windows()
        self._backgrounds = self._read_backgrounds(background_rows)

    def _store_in_windows(self) -> PackedStore | None:
        """The packed copy, if it is read by windows: shuffled, raw and larger than memory."""
        source, config = self._source, self._config
        if not config.shuffle or not isinstance(source, PackedStore) or source.is_compressed:
            return None
        memory_bytes = config.memory_bytes
        if memory_bytes is None:
            memory_bytes = memory_for_images()
        return source if len(source) * source.image_bytes > memory_bytes else None

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller than the others."""
        return -(-len(self._row_numbers) // self._config.batch_size)

    def epoch(self, number: int = 0) -> Generator[Batch, None, None]:
        """One pass over all images, or as many as there are.

        Closing it, or an exception in it, ends its threads before it returns.

        Parameters
        ----------
        number : int
            Which epoch: another one has another order and other augmentation.

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
        items, reading = self._begin(number)
        piece = self._config.batch_size * max(1, _PIECE_IMAGES // self._config.batch_size)
        firsts = range(0, len(items), piece)
        waiting: deque[Future[list[Batch]]] = deque()
        executor = None
        try:
            if self._config.n_threads == 0:
                for first in firsts:
                    yield from self._piece(reading, items, first, piece, number)
                return
            executor = ThreadPoolExecutor(
                self._config.n_threads, thread_name_prefix="birdsong-feed"
            )
            for first in firsts:
                waiting.append(executor.submit(self._piece, reading, items, first, piece, number))
                if len(waiting) >= self._config.n_threads + _PIECES_AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            reading.close()  # first: it wakes threads that wait for it
            if executor:
                executor.shutdown(wait=True, cancel_futures=True)

    def forever(self, first_epoch: int = 0) -> Generator[Batch, None, None]:
        """Epoch after epoch, without end: what `keras.Model.fit` takes."""
        number = first_epoch
        while True:
            yield from self.epoch(number)
            number += 1

    def _begin(self, epoch: int) -> tuple[IntArray, Reading]:
        """Order an epoch, and begin to read it."""
        items = self._order.items(epoch)
        rows = self._row_numbers[items]
        if self._windowed is None:
            return items, DirectReading(self._source, rows)
        order, windows = into_windows(
            self._windowed.shards_of(rows),
            shards_a_window(self._windowed, self._config.window_bytes),
            seed=self._config.seed,
            epoch=epoch,
        )
        return items[order], WindowedReading(self._windowed, rows[order], windows)

    def _piece(
        self, reading: Reading, items: IntArray, first: int, n: int, epoch: int
    ) -> list[Batch]:
        """Some batches, their images read at once."""
        images = reading.read(first, min(first + n, len(items)))
        batches = []
        for at in range(0, len(images), self._config.batch_size):
            own = images[at : at + self._config.batch_size]
            labels = self._label_indices[items[first + at : first + at + len(own)]]
            place = (first + at) // self._config.batch_size
            batches.append(self._batch(own, labels, epoch, place))
        return batches

    def _batch(self, images: ImageArray, labels: IntArray, epoch: int, place: int) -> Batch:
        augmentation = self._config.augmentation
        if augmentation is None:
            return images[..., np.newaxis], one_hot(labels, self._n_labels)
        key = np.random.SeedSequence((self._config.seed, epoch, place))
        draws = draw_augmentation(
            np.random.Generator(np.random.Philox(key)),
            len(images),
            augmentation,
            n_backgrounds=len(self._backgrounds),
            shape=self._store.config.shape,
        )
        changed = augment_images(
            images,
            draws,
            augmentation,
            self._backgrounds,
            grey_db=self._store.config.grey_db,
        )
        return changed[..., np.newaxis], one_hot(labels, self._n_labels, draws)

    def _read_backgrounds(self, rows: Sequence[IndexRow]) -> ImageArray:
        augmentation = self._config.augmentation
        if augmentation is None or augmentation.background_share == 0:
            return np.empty((0, *self._store.config.shape), np.uint8)
        if len(rows) == 0:
            raise DatasetError(
                f"{self._store.folder}: background_share is "
                f"{augmentation.background_share:g}, but there is no background image to mix in; "
                " set it to 0, or feed images with background among them"
            )
        chosen = np.arange(len(rows))
        if len(rows) > _MAX_BACKGROUNDS:
            chosen = np.random.default_rng(self._config.seed).choice(
                chosen, _MAX_BACKGROUNDS, False
            )
        kept = [rows[i] for i in np.sort(chosen)]
        return self._source.read(row_numbers(self._store, kept))


def one_hot(
    labels: IntArray, n_labels: int, draws: AugmentationParameters | None = None
) -> FloatArray:
    """What images teach: 1 for the label of each, or shares of two where images were mixed.

    Zeros cost a third of what an image does at 1,600 labels, and sums over whole rows several
    times that; so only what is not zero is written.

    Parameters
    ----------
    labels : int, shape (n,), values in 0..n_labels-1
    n_labels : int
    draws : AugmentationParameters, optional
        Tells which images were mixed and how much.

    Returns
    -------
    float32, shape (n, n_labels)
    """
    targets = np.zeros((len(labels), n_labels), np.float32)
    places = np.arange(len(labels))
    targets[places, labels] = 1 if draws is None else draws.own_weights
    if draws is not None:
        targets[places, labels[draws.partners]] += 1 - draws.own_weights
    return targets
