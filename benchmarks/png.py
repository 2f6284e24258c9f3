"""Speed of writing and reading PNG images, and their size.

Every encoder gets the same images from preprocessing, in turn, in several rounds; the table shows
medians. Everything runs in memory on one thread: the time of a disk depends on the disk and on the
bytes, which are printed, too. Before timing, each encoder is checked to be lossless.
"""

from __future__ import annotations

import io
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from birdsong.arrays import FloatArray, ImageArray
from birdsong.errors import AudioError, ConfigError
from birdsong.images.png import decode_png, encode_png
from birdsong.preprocessing.preprocess_recording import PreprocessConfig
from birdsong.recordings.audio_folder import find_audio_files
from birdsong.sound.audio_reader import AudioReader
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.segment_proposal import find_segments
from birdsong.synthetic.species import SPECIES
from birdsong.synthetic.synthesis import SynthesisConfig, render_recording

MAX_IMAGES = 1000
CONFIG = PreprocessConfig()
FINGERPRINT = CONFIG.spectrogram.fingerprint()


def by_pillow(image: ImageArray, **options: int) -> bytes:
    """Encode with Pillow, which chooses a filter for each line."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", **options)
    return file.getvalue()


def read_by_pillow(content: bytes) -> ImageArray:
    """Decode with Pillow."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def read_by_birdsong(content: bytes) -> ImageArray:
    """Decode with birdsong, which falls back to Pillow for filtered PNGs."""
    return decode_png(content, "an image of the benchmark", CONFIG.spectrogram.shape)


WRITERS: dict[str, Callable[[ImageArray], bytes]] = {
    "birdsong: stored, unfiltered": partial(encode_png, fingerprint=FINGERPRINT),
    "unfiltered, deflate level 1": partial(encode_png, fingerprint=FINGERPRINT, level=1),
    "Pillow's default": by_pillow,
    "Pillow, compress_level 1": partial(by_pillow, compress_level=1),
    "Pillow, compress_level 0": partial(by_pillow, compress_level=0),
}
READERS = {"birdsong": read_by_birdsong, "Pillow": read_by_pillow}


def measure(*, audio: Path | None, n_rounds: int) -> dict[str, Any]:
    """Write with every encoder and read with every decoder; print a table.

    Parameters
    ----------
    audio : Path or None
        Folder of recordings, of which enough for a thousand images are drawn with a fixed seed;
        None for synthetic ones.
    n_rounds : int

    Returns
    -------
    dict
        Number of images and recordings; by encoder, the bytes of all images, the seconds of each
        round, and those of each decoder.

    Raises
    ------
    ConfigError
        If no recording in the folder gives an image.
    """
    images: list[ImageArray] = []
    n_recordings = 0
    filters = mel_filters(CONFIG.spectrogram)
    for blocks in _real(audio) if audio else _synthetic():
        try:
            images += _images(blocks, filters)
        except AudioError as error:
            print(f"left out: {error}")
            continue
        n_recordings += 1
        if len(images) >= MAX_IMAGES:
            break
    images = images[:MAX_IMAGES]
    if not images:
        raise ConfigError(f"{audio}: expected recordings of birds, found none with an image")

    figures: dict[str, dict[str, Any]] = {}
    for name, write in WRITERS.items():
        written = [write(image) for image in images]
        for reader, read in READERS.items():
            if not all(map(np.array_equal, map(read, written), images)):
                raise RuntimeError(f"{name}: {reader} reads other images than were written")
        figures[name] = {"bytes": sum(map(len, written)), "write_s": []}
        figures[name]["read_s"] = {reader: [] for reader in READERS}
    for _ in range(n_rounds):
        for name, write in WRITERS.items():
            started_s = time.perf_counter()
            written = [write(image) for image in images]
            figures[name]["write_s"].append(time.perf_counter() - started_s)
            for reader, read in READERS.items():
                started_s = time.perf_counter()
                for content in written:
                    read(content)
                figures[name]["read_s"][reader].append(time.perf_counter() - started_s)

    print(
        f"{len(images)} images of {n_recordings} {'real' if audio else 'synthetic'} "
        f"recordings; images a second on one thread, in memory; median of {n_rounds} rounds"
    )
    print(f"  {'':<30}  written" + "".join(f"  {f'read by {name}':>16}" for name in READERS))
    for name, each in figures.items():
        columns = [f"{len(images) / statistics.median(each['write_s']):7.0f}"]
        for seconds in each["read_s"].values():
            columns.append(f"{len(images) / statistics.median(seconds):16.0f}")
        n_bytes = each["bytes"] / len(images)
        print(f"  {name:<30}  {'  '.join(columns)}  {n_bytes:7.0f} bytes an image")
    return {"images": len(images), "recordings": n_recordings, "ways": figures}


def _images(blocks: Iterable[FloatArray], filters: FloatArray) -> list[ImageArray]:
    """Images of one recording, as in preprocessing."""
    found = find_segments(blocks, CONFIG.spectrogram, filters, CONFIG.songs, step_s=CONFIG.step_s)
    return [segment.image for segment, _ in found]


def _real(folder: Path) -> Iterator[Iterator[FloatArray]]:
    """Decode the recordings of a folder in random order."""
    if not folder.is_dir():
        raise ConfigError(f"no such audio folder: {folder}")
    paths = list(find_audio_files(folder).files)
    random.Random(0).shuffle(paths)
    for path in paths:
        yield _decoded(path)


def _decoded(path: Path) -> Iterator[FloatArray]:
    with AudioReader(path, CONFIG.spectrogram.sample_rate_hz) as reader:
        yield from reader.blocks()


def _synthetic() -> Iterator[list[FloatArray]]:
    """Synthesize recordings of each species, endlessly."""
    config = SynthesisConfig(sample_rate_hz=CONFIG.spectrogram.sample_rate_hz)
    individual = 0
    while True:
        for species in SPECIES:
            yield [render_recording(species, individual=individual, config=config).samples]
        individual += 1
