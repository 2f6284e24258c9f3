"""Multi-threaded generators of ``uint8`` batches from a folder of PNGs.

Threads make whole batches ahead of the one that is asked for; they come out in order. What a batch
holds follows from the seed, the epoch, its place in the epoch and the pictures, never from the
number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from birdsong.arrays import FloatArray, ImageArray, IntArray
from birdsong.errors import DatasetError
from birdsong.images.augment import AugmentConfig, apply_augmentation, draw_augmentation
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

Batch: TypeAlias = tuple[ImageArray, FloatArray]

_BATCHES_AHEAD = 4  # for each thread: bounds the memory when the network is the slower one
_MAX_BACKGROUNDS = 2048  # 26 MB: in memory, so that a batch does not wait for twice the files


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
    background_rows : sequence of IndexRow
        The pictures that the augmentation may mix in. They are read now, and of many only some.

    Raises
    ------
    DatasetError
        If there is no picture, or no background where the augmentation wants some; or if a
        background picture is missing or damaged.
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
        background_rows: Sequence[IndexRow] = (),
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
        self._backgrounds = self._read_backgrounds(background_rows)

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
            for place, part in enumerate(parts):
                waiting.append(executor.submit(self._batch, part, number, place))
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

    def _batch(self, items: IntArray, epoch: int, place: int) -> Batch:
        pictures = self._read(self._rows[i] for i in items)
        targets = np.zeros((len(items), self._n_labels), np.float32)
        targets[np.arange(len(items)), self._label_indices[items]] = 1
        if self._augmentation is not None:
            key = np.random.SeedSequence((self._seed, epoch, place))
            draws = draw_augmentation(
                np.random.Generator(np.random.Philox(key)),
                len(items),
                self._augmentation,
                n_backgrounds=len(self._backgrounds),
            )
            pictures, targets = apply_augmentation(
                pictures,
                targets,
                draws,
                self._augmentation,
                self._backgrounds,
                grey_db=self._store.config.grey_db,
            )
        return pictures[..., np.newaxis], targets

    def _read_backgrounds(self, rows: Sequence[IndexRow]) -> ImageArray:
        if self._augmentation is None or self._augmentation.background_share == 0:
            return np.empty((0, *SPECTROGRAM_SHAPE), np.uint8)
        if len(rows) == 0:
            raise DatasetError(
                f"{self._store.folder}: background_share is "
                f"{self._augmentation.background_share:g}, but there is no background picture to "
                "mix in; set it to 0, or feed pictures with background among them"
            )
        chosen = np.arange(len(rows))
        if len(rows) > _MAX_BACKGROUNDS:
            chosen = np.random.default_rng(self._seed).choice(chosen, _MAX_BACKGROUNDS, False)
        return self._read(rows[i] for i in np.sort(chosen))

    def _read(self, rows: Iterable[IndexRow]) -> ImageArray:
        return np.stack([self._store.read_picture(row) for row in rows])
