"""The packed copy of a folder of images: a few large files instead of millions of small ones.

``packed/`` is in the same folder. Shard ``n`` holds the images of the rows
``n * SHARD_IMAGES`` and following of ``index.csv``, in that order: as raw bytes, or, compressed,
as the PNGs' own bytes one after the other. ``packed.json`` is written last and lists every file
with its size and hash, and the hash of the ``index.csv`` that it was made from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.arrays import ImageArray, IntArray
from birdsong.errors import DatasetError
from birdsong.images.png import decode_png
from birdsong.images.store import ImageStore
from birdsong.images.tables import INDEX
from birdsong.old_names import IMAGE_FIELDS, with_new_names

FOLDER = "packed"
DESCRIPTION = "packed.json"
FORMAT_VERSION = 1
SHARD_IMAGES = 4096
"""Images in a shard: 52 MB of raw ones of the default shape."""


class NotPackedError(DatasetError):
    """A folder has no packed copy, or an outdated one."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of the packed copy.

    `offsets` is the file with the offset of each PNG; empty if images are raw.
    """

    file: str
    n_images: int
    n_bytes: int
    sha256: str
    offsets: str = ""
    offsets_sha256: str = ""


class PackedStore:
    """A packed copy, opened for reading: shards are mapped into memory, not read into it.

    Parameters
    ----------
    folder : Path
        ``packed`` of an image folder.
    shards : sequence of Shard
    shape : (int, int)
        Rows and columns of the images.

    Attributes
    ----------
    shape : (int, int)
    first_rows : int, shape (n_shards + 1,)
        The first row of each shard, and how many images there are.

    Raises
    ------
    DatasetError
        If a shard is missing or has the wrong size.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard], shape: tuple[int, int]) -> None:
        self.folder = folder
        self.shape = shape
        self.shards = tuple(shards)
        self.first_rows = np.cumsum([0, *(shard.n_images for shard in shards)])
        self._bytes = [_mapped(folder / shard.file, shard.n_bytes) for shard in shards]
        self._offsets = [_offsets(folder, shard, prod(shape)) for shard in shards]

    def __len__(self) -> int:
        """How many images it holds."""
        return int(self.first_rows[-1])

    @property
    def image_bytes(self) -> int:
        """Bytes of a raw image."""
        return prod(self.shape)

    @property
    def is_compressed(self) -> bool:
        """Whether it keeps the bytes of PNGs."""
        return any(offsets is not None for offsets in self._offsets)

    def shards_of(self, rows: IntArray) -> IntArray:
        """Return the shard of each row, int64 (n,)."""
        return np.searchsorted(self.first_rows, rows, side="right") - 1

    def read(self, rows: IntArray) -> ImageArray:
        """Return images by their rows of ``index.csv``.

        Parameters
        ----------
        rows : int, shape (n,)

        Returns
        -------
        uint8, shape (n, n_mels, n_frames)

        Raises
        ------
        DatasetError
            If there is no such row, or a compressed image is damaged.
        """
        check_rows(self.folder, len(self), rows)
        images = np.empty((len(rows), *self.shape), np.uint8)
        if not len(rows):
            return images
        shard_of = self.shards_of(rows)
        order = np.argsort(shard_of, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(shard_of[order])) + 1):
            number = shard_of[own[0]]
            places = rows[own] - self.first_rows[number]
            offsets = self._offsets[number]
            if offsets is None:
                raw = self._bytes[number].reshape(-1, *self.shape)
                if len(own) == len(rows):  # straight to their places
                    np.take(raw, places, axis=0, out=images, mode="clip")
                else:
                    images[own] = np.take(raw, places, axis=0)
                continue
            for i, place in zip(own, places, strict=True):
                content = self._bytes[number][offsets[place] : offsets[place + 1]].tobytes()
                where = f"{self.folder / self.shards[number].file}, image {place}"
                images[i] = decode_png(content, where, self.shape)
        return images

    def verify(self) -> None:
        """Check every shard against its hash.

        Raises
        ------
        DatasetError
            If a shard was altered; the message names it.
        """
        for shard in self.shards:
            for file, expected in (
                (shard.file, shard.sha256),
                (shard.offsets, shard.offsets_sha256),
            ):
                if not file:
                    continue
                with (self.folder / file).open("rb") as opened:
                    found = hashlib.file_digest(opened, "sha256").hexdigest()
                if found != expected:
                    raise DatasetError(
                        f"{self.folder / file}: was altered since it was packed; pack again"
                    )


def check_rows(folder: Path, n: int, rows: IntArray) -> None:
    """Check that rows exist.

    Raises
    ------
    DatasetError
        If a row is not in 0..n-1.
    """
    if len(rows) and not (rows.min() >= 0 and rows.max() < n):
        raise DatasetError(
            f"{folder}: holds images 0 to {n - 1}, asked for {rows.min()} to {rows.max()}"
        )


def open_packed(store: ImageStore) -> PackedStore:
    """Open the packed copy that belongs to a folder of images.

    Raises
    ------
    NotPackedError
        If there is none, or the folder has changed since it was made.
    DatasetError
        If it is damaged.
    """
    path = store.folder / FOLDER / DESCRIPTION
    try:
        description: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = description["format_version"]
        if version != FORMAT_VERSION:
            raise DatasetError(
                f"{path}: expected format version {FORMAT_VERSION}, got {version!r}; pack again"
            )
        made_from = (description["fingerprint"], description["index_sha256"])
        shards = [Shard(**with_new_names(shard, IMAGE_FIELDS)) for shard in description["shards"]]
    except FileNotFoundError as error:
        raise NotPackedError(f"{store.folder}: has no packed copy") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); pack again") from error
    if made_from != (store.config.fingerprint(), index_hash(store.folder)):
        raise NotPackedError(f"{path}: the folder has changed since it was packed; pack again")
    for shard in shards:
        for name in (shard.file, shard.offsets):
            if Path(name).name != name:  # never a path outside the folder
                raise DatasetError(f"{path}: {name!r} is no name of a shard; pack again")
    return PackedStore(path.parent, shards, store.config.shape)


def _mapped(path: Path, n_bytes: int) -> ImageArray:
    try:
        found = path.stat().st_size
        if found != n_bytes:
            raise DatasetError(f"{path}: expected {n_bytes} bytes, got {found}; pack again")
        # As a plain array: each view of a memmap object costs as much as an image.
        return np.asarray(np.memmap(path, np.uint8, mode="r")).view(np.ndarray)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); pack again") from error


def _offsets(folder: Path, shard: Shard, image_bytes: int) -> npt.NDArray[np.int64] | None:
    """The offset of each image in a compressed shard; None if images are raw."""
    if not shard.offsets:
        if shard.n_bytes != shard.n_images * image_bytes:
            raise DatasetError(
                f"{folder / shard.file}: {shard.n_images} images do not have {shard.n_bytes} "
                "bytes; pack again"
            )
        return None
    path = folder / shard.offsets
    try:
        offsets: npt.NDArray[np.int64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); pack again") from error
    if (
        offsets.shape != (shard.n_images + 1,)
        or offsets.dtype != np.int64
        or (offsets[0], offsets[-1]) != (0, shard.n_bytes)
        or (np.diff(offsets) <= 0).any()
    ):
        raise DatasetError(f"{path}: does not fit its shard; pack again")
    return offsets


def index_hash(folder: Path) -> str:
    """Return the hash of ``index.csv``, which shows whether a packed copy is up to date."""
    with (folder / INDEX).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
