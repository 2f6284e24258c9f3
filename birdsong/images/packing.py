"""A packed copy made: pictures read side by side, shards written whole or not at all.

`packed` says what is in one, and reads it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from birdsong.atomic import write_atomically
from birdsong.errors import DatasetError
from birdsong.images import packed
from birdsong.images.packed import Shard
from birdsong.images.png import decode_png
from birdsong.images.store import ImageStore
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE


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
    folder = store.folder / packed.FOLDER
    parts = [
        store.rows[first : first + packed.SHARD_PICTURES]
        for first in range(0, len(store.rows), packed.SHARD_PICTURES)
    ]

    def write(number: int) -> Shard:
        pictures = [store.folder / row.image for row in parts[number]]
        return _write_shard(folder, number, pictures, compressed=compressed)

    try:
        folder.mkdir(exist_ok=True)
        (folder / packed.DESCRIPTION).unlink(missing_ok=True)
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
            "format_version": packed.FORMAT_VERSION,
            "fingerprint": store.config.fingerprint(),
            "index_sha256": packed.index_hash(store.folder),
            "shape": list(SPECTROGRAM_SHAPE),
            "compressed": compressed,
            "n_pictures": len(store.rows),
            "shards": [asdict(shard) for shard in shards],
        }
        content = json.dumps(description, indent=1) + "\n"
        write_atomically(folder / packed.DESCRIPTION, content.encode())
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written ({error})") from error
    return folder


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
