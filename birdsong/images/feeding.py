"""Multi-threaded generators of ``uint8`` batches from a folder of PNGs.

Threads make whole batches ahead of the one that is asked for; they come out in order. What a batch
holds follows from the seed, the epoch and the pictures, never from the number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from birdsong.arrays import FloatArray, ImageArray, IntArray
from birdsong.errors import DatasetError
from birdsong.images.augment import AugmentConfig, augment
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow

Batch: TypeAlias = tuple[ImageArray, FloatArray]

_BATCHES_AHEAD = 4  # for each thread: bounds the memory when the network is the slower one


class PictureFeed:
    """Batches of pictures with the labels they teach.

    Parameters
    ----------
    store : ImageStore
    rows : sequence of IndexRow
        The pictures to feed.
    label_indices : int, shape (n_pictures,)
        The class index of each.
    n_labels : int
        Columns of the targets.
    batch_size : int
    n_threads : int
    seed : int
    shuffle : bool
        Draw a new order for each epoch; otherwise pictures come in the order of `rows`.
    augmentation : AugmentConfig, optional
        None leaves the pictures as they are.

    Raises
    ------
    DatasetError
        If there is no picture.
    ValueError
        If the lengths differ, an index is out of range, or a size is below one.
    """

    def __init__(
        self,
        store: ImageStore,
        rows: Sequence[IndexRow],
        label_indices: IntArray,
        *,
        n_labels: int,
        batch_size: int = 64,
        n_threads: int = 2,
        seed: int = 0,
        shuffle: bool = False,
        augmentation: AugmentConfig | None = None,
    ) -> None:
        if len(rows) == 0:
            raise DatasetError(f"{store.folder}: no picture is left to feed")
        if len(rows) != len(label_indices):
            raise ValueError(f"{len(rows)} pictures, but {len(label_indices)} label indices")
        if label_indices.min() < 0 or label_indices.max() >= n_labels:
            raise ValueError(
                f"label indices must be in 0..{n_labels - 1}, got {label_indices.min()}.."
                f"{label_indices.max()}"
            )
        if batch_size < 1 or n_threads < 1:
            raise ValueError(
                f"batch_size and n_threads must be at least 1, got {batch_size} and {n_threads}"
            )
        self._store = store
        self._rows = rows
        self._label_indices = label_indices
        self._n_labels = n_labels
        self._batch_size = batch_size
        self._n_threads = n_threads
        self._seed = seed
        self._shuffle = shuffle
        self._augmentation = augmentation

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller than the others."""
        return -(-len(self._rows) // self._batch_size)

    def epoch(self, number: int = 0) -> Generator[Batch, None, None]:
        """One pass over all pictures.

        Parameters
        ----------
        number : int
            Which epoch: another one has another order and other augmentation.

        Yields
        ------
        pictures : uint8, shape (n, 64, 200, 1)
        targets : float32, shape (n, n_labels)
            One-hot, or mixed where pictures were mixed.

        Raises
        ------
        DatasetError
            If a picture is missing or damaged; the message names it.
        """
        order = np.arange(len(self._rows))
        if self._shuffle:
            np.random.default_rng((self._seed, number)).shuffle(order)
        parts = iter(np.split(order, range(self._batch_size, len(order), self._batch_size)))
        waiting: deque[Future[Batch]] = deque()
        executor = ThreadPoolExecutor(self._n_threads, thread_name_prefix="birdsong-feed")
        try:
            for part in parts:
                waiting.append(executor.submit(self._batch, part, number))
                if len(waiting) >= _BATCHES_AHEAD * self._n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def forever(self, first_epoch: int = 0) -> Generator[Batch, None, None]:
        """Epoch after epoch, without end: what `keras.Model.fit` takes."""
        number = first_epoch
        while True:
            yield from self.epoch(number)
            number += 1

    def _batch(self, items: IntArray, epoch: int) -> Batch:
        pictures = np.stack([self._store.read_picture(self._rows[i]) for i in items])
        targets = np.zeros((len(items), self._n_labels), np.float32)
        targets[np.arange(len(items)), self._label_indices[items]] = 1
        if self._augmentation is not None:
            generators = [np.random.default_rng((self._seed, epoch, int(i))) for i in items]
            pictures, targets = augment(pictures, targets, generators, self._augmentation)
        return pictures[..., np.newaxis], targets
