"""Image sources: rows of ``index.csv`` to images, from the packed copy or from PNGs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from birdsong.arrays import ImageArray, IntArray
from birdsong.errors import DatasetError
from birdsong.images.packed import NotPackedError, PackedStore, check_rows, open_packed
from birdsong.images.png_batches import PngReader
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow


class ImageSource(Protocol):
    """Reads images by their rows of ``index.csv``; threads may share it."""

    def __len__(self) -> int:
        """How many images it holds."""

    def read(self, rows: IntArray) -> ImageArray:
        """Return images.

        Parameters
        ----------
        rows : int, shape (n,)
            In any order, and any of them more than once.

        Returns
        -------
        uint8, shape (n, n_mels, n_frames)

        Raises
        ------
        DatasetError
            If there is no such row, or an image is missing or damaged; the message names it.
        """


class PngSource:
    """The PNGs of a folder.

    Parameters
    ----------
    store : ImageStore
    """

    def __init__(self, store: ImageStore) -> None:
        self._folder = str(store.folder)
        self._images = [row.image for row in store.rows]
        self._reader = PngReader(store.config)

    def __len__(self) -> int:
        """How many images the folder holds."""
        return len(self._images)

    def read(self, rows: IntArray) -> ImageArray:
        """Return images by their rows, as `ImageSource` says."""
        check_rows(Path(self._folder), len(self), rows)
        return self._reader.read([f"{self._folder}/{self._images[row]}" for row in rows.tolist()])


class EpochReader(Protocol):
    """Reads the images of one epoch; threads share it, and read each range once."""

    def read(self, first: int, end: int) -> ImageArray:
        """Return the images of a stretch of the epoch, uint8 (end - first, n_mels, n_frames)."""

    def close(self) -> None:
        """Release threads and memory, and wake waiting threads."""


class DirectReader:
    """Reads the images of an epoch from a source with random access.

    Parameters
    ----------
    source : ImageSource
    rows : int, shape (n,)
        The rows of the epoch's images.
    """

    def __init__(self, source: ImageSource, rows: IntArray) -> None:
        self._source = source
        self._rows = rows

    def read(self, first: int, end: int) -> ImageArray:
        """Return the images of a stretch of the epoch, uint8 (end - first, n_mels, n_frames)."""
        return self._source.read(self._rows[first:end])

    def close(self) -> None:
        """Nothing is held open."""


Source: TypeAlias = PngSource | PackedStore


def open_source(store: ImageStore) -> Source:
    """Open the packed copy if there is one that is up to date, else the PNGs.

    Raises
    ------
    DatasetError
        If the packed copy is damaged.
    """
    try:
        return open_packed(store)
    except NotPackedError:
        return PngSource(store)


def row_numbers(store: ImageStore, rows: Sequence[IndexRow]) -> IntArray:
    """Return the positions of rows in ``index.csv``, by their images.

    Parameters
    ----------
    store : ImageStore
    rows : sequence of IndexRow, length n

    Returns
    -------
    int64, shape (n,)

    Raises
    ------
    DatasetError
        If the folder has no such image.
    """
    if rows is store.rows:
        return np.arange(len(rows))
    place_of = {row.image: place for place, row in enumerate(store.rows)}
    try:
        return np.array([place_of[row.image] for row in rows], np.int64)
    except KeyError as error:
        raise DatasetError(
            f"{store.folder}: its index.csv has no image {error}; load rows of this folder"
        ) from error
