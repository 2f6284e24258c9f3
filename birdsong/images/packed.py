"""The packed copy of a folder of pictures: a few large files instead of millions of small ones.

``packed/`` lies beside the PNGs. Shard ``n`` holds the pictures of the rows
``n * SHARD_PICTURES`` and following of ``index.csv``, in that order: as raw bytes, or, compressed,
as the PNGs' own bytes one after the other. ``packed.json`` is written last and lists every file
with its size and hash, and the hash of the ``index.csv`` that it was made from.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from birdsong.arrays import ImageArray, IntArray
from birdsong.atomic import write_atomically
from birdsong.errors import DatasetError
from birdsong.images.png import decode_png
from birdsong.images.store import ImageStore
from birdsong.images.tables import INDEX
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE

FOLDER = "packed"
DESCRIPTION = "packed.json"
FORMAT_VERSION = 1
SHARD_PICTURES = 4096
"""Pictures in a shard: 52 MB of raw ones."""

PICTURE_BYTES = prod(SPECTROGRAM_SHAPE)


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of the packed copy.

    `offsets` names the file that says where each PNG begins; empty where pictures are raw.
    """

    file: str
    n_pictures: int
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

    Raises
    ------
    DatasetError
        If a shard is missing or has not its size.
    """

    def __init__(self, folder: Path, shards: Sequence[Shard]) -> None:
        self.folder = folder
        self.shards = tuple(shards)
        self._first = np.cumsum([0, *(shard.n_pictures for shard in shards)])
        self._bytes = [_mapped(folder / shard.file, shard.n_bytes) for shard in shards]
        self._offsets = [_offsets(folder, shard) for shard in shards]

    def __len__(self) -> int:
        """How many pictures it holds."""
        return int(self._first[-1])

    def read(self, rows: IntArray) -> ImageArray:
        """Return pictures by their rows of ``index.csv``.

        Parameters
        ----------
        rows : int, shape (n,)

        Returns
        -------
        uint8, shape (n, 64, 200)

        Raises
        ------
        DatasetError
            If there is no such row, or a compressed picture is damaged.
        """
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise DatasetError(
                f"{self.folder}: holds pictures 0 to {len(self) - 1}, asked for "
                f"{rows.min()} to {rows.max()}"
            )
        pictures = np.empty((len(rows), *SPECTROGRAM_SHAPE), np.uint8)
        shard_of = np.searchsorted(self._first, rows, side="right") - 1
        for number in np.unique(shard_of):
            own = np.flatnonzero(shard_of == number)
            places = rows[own] - self._first[number]
            offsets = self._offsets[number]
            if offsets is None:
                raw = self._bytes[number].reshape(-1, *SPECTROGRAM_SHAPE)
                pictures[own] = raw[places]
                continue
            for i, place in zip(own, places, strict=True):
                content = self._bytes[number][offsets[place] : offsets[place + 1]].tobytes()
                where = f"{self.folder / self.shards[number].file}, picture {place}"
                pictures[i] = decode_png(content, where)
        return pictures

    def verify(self) -> None:
        """Read every byte and hold it to the hashes.

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


def pack(
    store: ImageStore,
    *,
    compressed: bool = False,
    n_jobs: int = 1,
    on_done: Callable[[int], None] | None = None,
) -> Path:
    """Write the packed copy of a folder of pictures, shards side by side.

    Parameters
    ----------
    store : ImageStore
    compressed : bool
        Keep the PNGs' bytes: smaller, and slower to read.
    n_jobs : int
        Threads; reading files and hashing let go of Python's lock.
    on_done : callable, optional
        Told how many pictures a finished shard holds.

    Returns
    -------
    Path
        The folder of the packed copy.

    Raises
    ------
    DatasetError
        If there is no picture, one is missing or damaged, or the folder cannot be written. What
        was packed before is gone then: nothing half-written passes for whole.
    """
    from joblib import Parallel, delayed

    if not store.rows:
        raise DatasetError(f"{store.folder}: holds no picture to pack")
    folder = store.folder / FOLDER
    parts = [
        store.rows[first : first + SHARD_PICTURES]
        for first in range(0, len(store.rows), SHARD_PICTURES)
    ]

    def write(number: int) -> Shard:
        pictures = [store.folder / row.image for row in parts[number]]
        return _write_shard(folder, number, pictures, compressed=compressed)

    try:
        folder.mkdir(exist_ok=True)
        (folder / DESCRIPTION).unlink(missing_ok=True)
        shards = []
        parallel = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
        for shard in parallel(delayed(write)(number) for number in range(len(parts))):
            shards.append(shard)
            if on_done:
                on_done(shard.n_pictures)
        for path in folder.iterdir():  # shards of an earlier copy that was larger
            if path.name not in {name for s in shards for name in (s.file, s.offsets)}:
                path.unlink()
        description = {
            "format_version": FORMAT_VERSION,
            "fingerprint": store.config.fingerprint(),
            "index_sha256": _index_hash(store.folder),
            "shape": list(SPECTROGRAM_SHAPE),
            "compressed": compressed,
            "n_pictures": len(store.rows),
            "shards": [asdict(shard) for shard in shards],
        }
        content = json.dumps(description, indent=1) + "\n"
        write_atomically(folder / DESCRIPTION, content.encode())
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written ({error})") from error
    return folder


def open_packed(store: ImageStore) -> PackedStore:
    """Open the packed copy that belongs to a folder of pictures.

    Raises
    ------
    DatasetError
        If there is none, it is damaged, or the folder has changed since it was made.
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
        shards = [Shard(**shard) for shard in description["shards"]]
    except FileNotFoundError as error:
        raise DatasetError(f"{store.folder}: has no packed copy") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); pack again") from error
    if made_from != (store.config.fingerprint(), _index_hash(store.folder)):
        raise DatasetError(f"{path}: the folder has changed since it was packed; pack again")
    for shard in shards:
        for name in (shard.file, shard.offsets):
            if Path(name).name != name:  # never out of the folder
                raise DatasetError(f"{path}: {name!r} is no name of a shard; pack again")
    return PackedStore(path.parent, shards)


def _write_shard(folder: Path, number: int, paths: Sequence[Path], *, compressed: bool) -> Shard:
    contents = [_read(path) for path in paths]
    pictures = [decode_png(c, str(path)) for c, path in zip(contents, paths, strict=True)]
    whole = b"".join(contents) if compressed else np.stack(pictures).tobytes()
    file = f"{number:05d}.{'pngs' if compressed else 'raw'}"
    write_atomically(folder / file, whole)
    shard = Shard(file, len(paths), len(whole), hashlib.sha256(whole).hexdigest())
    if not compressed:
        return shard
    offsets = np.cumsum([0, *map(len, contents)], dtype=np.int64)
    table = io.BytesIO()
    np.save(table, offsets, allow_pickle=False)
    name = f"{number:05d}.offsets.npy"
    write_atomically(folder / name, table.getvalue())
    digest = hashlib.sha256(table.getvalue()).hexdigest()
    return replace(shard, offsets=name, offsets_sha256=digest)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


def _mapped(path: Path, n_bytes: int) -> ImageArray:
    try:
        found = path.stat().st_size
        if found != n_bytes:
            raise DatasetError(f"{path}: expected {n_bytes} bytes, got {found}; pack again")
        return np.memmap(path, np.uint8, mode="r")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); pack again") from error


def _offsets(folder: Path, shard: Shard) -> npt.NDArray[np.int64] | None:
    """Where each picture of a compressed shard begins; None where pictures are raw."""
    if not shard.offsets:
        if shard.n_bytes != shard.n_pictures * PICTURE_BYTES:
            raise DatasetError(
                f"{folder / shard.file}: {shard.n_pictures} pictures do not have {shard.n_bytes} "
                "bytes; pack again"
            )
        return None
    path = folder / shard.offsets
    try:
        offsets: npt.NDArray[np.int64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); pack again") from error
    if (
        offsets.shape != (shard.n_pictures + 1,)
        or offsets.dtype != np.int64
        or (offsets[0], offsets[-1]) != (0, shard.n_bytes)
        or (np.diff(offsets) <= 0).any()
    ):
        raise DatasetError(f"{path}: does not fit its shard; pack again")
    return offsets


def _index_hash(folder: Path) -> str:
    with (folder / INDEX).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
