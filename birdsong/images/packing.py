"""Making the packed copy: images are read in parallel, shards are written atomically.

The format and its reader are in `packed`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from birdsong.arrays import ImageArray
from birdsong.atomic import write_atomically
from birdsong.errors import DatasetError
from birdsong.folder_lock import folder_lock
from birdsong.images import packed
from birdsong.images.packed import Shard
from birdsong.images.png import decode_png
from birdsong.images.png_batches import PngReader
from birdsong.images.store import ImageStore
from birdsong.sound.spectrogram import SpectrogramConfig

_SHARD_FILE = re.compile(r"\d{5}\.(raw|pngs|offsets\.npy)")


def pack(
    store: ImageStore,
    *,
    compressed: bool = False,
    n_jobs: int = 1,
    on_done: Callable[[int], None] | None = None,
) -> Path:
    """Write the packed copy of a folder of images, several shards at a time.

    Parameters
    ----------
    store : ImageStore
    compressed : bool
        Keep the PNGs' bytes: smaller, and slower to read.
    n_jobs : int
        Threads; reading files and hashing release the GIL.
    on_done : callable, optional
        Called with the number of images in each finished shard.

    Returns
    -------
    Path
        The folder of the packed copy.

    Raises
    ------
    DatasetError
        If there is no image, one is missing or damaged, or the folder cannot be written. An
        earlier packed copy is then gone, so that no incomplete one is used.
    """
    from joblib import Parallel, delayed

    if not store.rows:
        raise DatasetError(f"{store.folder}: holds no image to pack")
    folder = store.folder / packed.FOLDER
    parts = [
        store.rows[first : first + packed.SHARD_IMAGES]
        for first in range(0, len(store.rows), packed.SHARD_IMAGES)
    ]

    reader = PngReader(store.config)

    def write(number: int) -> Shard:
        paths = [store.folder / row.image for row in parts[number]]
        if compressed:
            return _write_compressed_shard(folder, number, paths, store.config.shape)
        return write_shard(folder, number, reader.read([str(path) for path in paths]))

    with folder_lock(folder):
        try:
            (folder / packed.DESCRIPTION).unlink(missing_ok=True)
            shards = []
            parallel = Parallel(n_jobs=n_jobs, backend="threading", return_as="generator")
            for shard in parallel(delayed(write)(number) for number in range(len(parts))):
                shards.append(shard)
                if on_done:
                    on_done(shard.n_images)
            written = {name for s in shards for name in (s.file, s.offsets)}
            for path in folder.iterdir():  # of an earlier copy that was larger, or compressed
                if _SHARD_FILE.fullmatch(path.name) and path.name not in written:
                    path.unlink()
            write_description(folder, store.config, shards, compressed=compressed)
        except OSError as error:
            raise DatasetError(f"{folder}: cannot be written ({error})") from error
    return folder


def write_shard(folder: Path, number: int, images: ImageArray) -> Shard:
    """Write one shard of raw images.

    Parameters
    ----------
    folder : Path
        ``packed`` of an image folder.
    number : int
        The shard's, from 0.
    images : uint8, shape (n, n_mels, n_frames)
        Not more than a shard has; fewer only in the last one.

    Returns
    -------
    Shard

    Raises
    ------
    OSError
        If it cannot be written.
    """
    whole = images.tobytes()
    file = f"{number:05d}.raw"
    write_atomically(folder / file, whole)
    return Shard(file, len(images), len(whole), hashlib.sha256(whole).hexdigest())


def write_description(
    folder: Path, config: SpectrogramConfig, shards: Sequence[Shard], *, compressed: bool = False
) -> None:
    """Write ``packed.json``, which makes the shards a valid packed copy.

    Parameters
    ----------
    folder : Path
        ``packed`` of an image folder, whose ``index.csv`` is written already.
    config : SpectrogramConfig
        Of the images.
    shards : sequence of Shard
        In the order of the rows of ``index.csv``.
    compressed : bool

    Raises
    ------
    OSError
        If it cannot be written.
    """
    description = {
        "format_version": packed.FORMAT_VERSION,
        "fingerprint": config.fingerprint(),
        "index_sha256": packed.index_hash(folder.parent),
        "shape": list(config.shape),
        "compressed": compressed,
        "n_images": sum(shard.n_images for shard in shards),
        "shards": [asdict(shard) for shard in shards],
    }
    content = json.dumps(description, indent=1) + "\n"
    write_atomically(folder / packed.DESCRIPTION, content.encode())


def _write_compressed_shard(
    folder: Path, number: int, paths: Sequence[Path], shape: tuple[int, int]
) -> Shard:
    contents = [_read(path) for path in paths]
    for content, path in zip(contents, paths, strict=True):
        decode_png(content, str(path), shape)
    whole = b"".join(contents)
    file = f"{number:05d}.pngs"
    write_atomically(folder / file, whole)
    offsets = np.cumsum([0, *map(len, contents)], dtype=np.int64)
    table = io.BytesIO()
    np.save(table, offsets, allow_pickle=False)
    name = f"{number:05d}.offsets.npy"
    write_atomically(folder / name, table.getvalue())
    return Shard(
        file,
        len(paths),
        len(whole),
        hashlib.sha256(whole).hexdigest(),
        offsets=name,
        offsets_sha256=hashlib.sha256(table.getvalue()).hexdigest(),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
