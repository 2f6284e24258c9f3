"""Images for the benchmarks of loaders, in the file format of each loader.

Images are those of a folder, or random noise in which each image holds its number. `write_large`
writes a packed copy of any size, without PNGs, at the speed of the disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from birdsong.arrays import ImageArray, IntArray
from birdsong.csv_tables import write_table
from birdsong.errors import ConfigError
from birdsong.images import packed
from birdsong.images.packing import pack, write_description, write_shard
from birdsong.images.png import encode_png
from birdsong.images.store import ImageStore, open_store, write_settings
from birdsong.images.tables import INDEX, IndexRow
from birdsong.loading.image_sources import open_source
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE, SpectrogramConfig

STORE = "images"
TFRECORDS = "tfrecords"
HDF5 = "images.h5"
N_LABELS = 1623
"""Number of labels, as in a model of many species."""

_CHUNK_IMAGES = 128  # of HDF5: 1.6 MB
_N_TFRECORDS = 8


def write_formats(scratch: Path, image_folder: Path | None, n_images: int) -> int:
    """Write the same images as PNGs with a packed copy, as TFRecords and as HDF5.

    Parameters
    ----------
    scratch : Path
        Output folder.
    image_folder : Path or None
        Folder of images, of which `n_images` are drawn with a fixed seed; None for random ones.
    n_images : int
        Maximum.

    Returns
    -------
    int
        Number of images.

    Raises
    ------
    ConfigError
        If the folder holds no image.
    """
    if image_folder is None:
        images = np.concatenate(list(random_images(n_images)))
        config = SpectrogramConfig()
        filters = np.ones((config.n_mels, config.n_fft // 2 + 1), np.float32)
    else:
        given = open_store(image_folder)
        if not given.rows:
            raise ConfigError(f"{image_folder}: expected images, found none")
        rows = np.random.default_rng(0).permutation(len(given.rows))[:n_images]
        images = open_source(given).read(np.sort(rows))
        config, filters = given.config, given.filters
    folder = scratch / STORE
    index = [index_row(number) for number in range(len(images))]
    for row, image in zip(index, images, strict=True):
        path = folder / row.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(image, fingerprint=config.fingerprint()))
    write_settings(folder, {"spectrogram": config.to_dict()}, filters)
    write_table(folder / INDEX, IndexRow, index)
    pack(open_store(folder))
    _write_hdf5(scratch / HDF5, images)
    _write_tfrecords(scratch / TFRECORDS, images)
    os.sync()
    return len(images)


def write_large(folder: Path, n_images: int) -> float:
    """Write a packed copy of random images, without PNGs; return the seconds it took."""
    started_s = time.perf_counter()
    config = SpectrogramConfig()
    filters = np.ones((config.n_mels, config.n_fft // 2 + 1), np.float32)
    (folder / packed.FOLDER).mkdir(parents=True)
    write_settings(folder, {"spectrogram": config.to_dict()}, filters)
    write_table(folder / INDEX, IndexRow, map(index_row, range(n_images)))
    shards = [
        write_shard(folder / packed.FOLDER, number, images)
        for number, images in enumerate(random_images(n_images))
    ]
    write_description(folder / packed.FOLDER, config, shards)
    os.sync()
    return time.perf_counter() - started_s


def random_images(n_images: int) -> Iterator[ImageArray]:
    """Yield random images, a shard at a time; the first pixels of each hold its number."""
    generator = np.random.default_rng(0)
    noise = generator.integers(
        0, 256, (min(n_images, packed.SHARD_IMAGES), *SPECTROGRAM_SHAPE), dtype=np.uint8
    )
    for first in range(0, n_images, packed.SHARD_IMAGES):
        numbers = np.arange(first, min(first + packed.SHARD_IMAGES, n_images))
        images = noise[: len(numbers)] ^ generator.integers(0, 256, dtype=np.uint8)
        images[:, 0, :8] = numbers.astype("<i8")[:, np.newaxis].view(np.uint8)
        yield images


def numbers_of(images: ImageArray) -> IntArray:
    """Read the numbers of random images."""
    first_pixels = np.ascontiguousarray(images.reshape(-1, *images.shape[1:3])[:, 0, :8])
    return first_pixels.view("<i8")[:, 0].astype(np.int64)


def index_row(number: int) -> IndexRow:
    """Return the row of an image; eight share a recording, and 64 recordings a label."""
    recording = number // 8
    label = labels_of(np.array([number]))[0]
    return IndexRow(
        image=f"images/{label:04d}/{number:07d}.png",
        recording=f"{recording:06d}.ogg",
        session=f"{recording:06d}",
        start_s=1.5 * (number % 8),
        end_s=1.5 * (number % 8) + 3,
        order="Fictiformes",
        family="Fictidae",
        genus="Fictus",
        species=f"s{label:04d}",
        kind="bird",
        english_name="",
    )


def labels_of(numbers: IntArray) -> IntArray:
    """Class indices of random images."""
    return numbers // 512 % N_LABELS


def drop_from_cache(paths: Sequence[Path]) -> int:
    """Drop files from the system's cache; return their size in bytes."""
    n_bytes = 0
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            n_bytes += os.fstat(descriptor).st_size
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    return n_bytes


def drive_mb_s(paths: Sequence[Path]) -> float:
    """Sequential read speed of files from the drive, in MB/s."""
    n_bytes = drop_from_cache(paths)
    started_s = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.read(8 * 2**20):
                pass
    return n_bytes / 1e6 / (time.perf_counter() - started_s)


def open_images(scratch: Path) -> ImageStore:
    """Open the folder of PNGs."""
    return open_store(scratch / STORE)


def _write_hdf5(path: Path, images: ImageArray) -> None:
    try:
        import h5py
    except ImportError:
        return
    with h5py.File(path, "w") as file:
        chunk = (min(_CHUNK_IMAGES, len(images)), *images.shape[1:])
        file.create_dataset("images", data=images, chunks=chunk)
        file.create_dataset("labels", data=labels_of(np.arange(len(images))))


def _write_tfrecords(folder: Path, images: ImageArray) -> None:
    try:
        import tensorflow as tf
    except ImportError:
        return
    folder.mkdir()
    labels = labels_of(np.arange(len(images))).tolist()
    for part in range(_N_TFRECORDS):
        with tf.io.TFRecordWriter(str(folder / f"{part}.tfrecord")) as writer:
            for number in range(part, len(images), _N_TFRECORDS):
                content = tf.train.BytesList(value=[images[number].tobytes()])
                label = tf.train.Int64List(value=[labels[number]])
                features = {
                    "image": tf.train.Feature(bytes_list=content),
                    "label": tf.train.Feature(int64_list=label),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
