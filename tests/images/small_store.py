"""A folder of images that is made in a blink, without any sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from birdsong.images import store, tables
from birdsong.images.png import encode_png
from birdsong.images.store import ImageStore
from birdsong.images.tables import IndexRow
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE, SpectrogramConfig

CONFIG = SpectrogramConfig()
FILTERS = np.random.default_rng(0).random((64, CONFIG.n_fft // 2 + 1), np.float32)


def random_images(n: int, seed: int = 0) -> np.ndarray:
    """Images of noise, all of them different; uint8 (n, 64, 200)."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, *SPECTROGRAM_SHAPE), dtype=np.uint8)


def index_row(number: int, **changes: object) -> IndexRow:
    """The row of image `number`, each of its own recording."""
    values = {
        "image": f"Turdus_merula/{number}.png",
        "recording": f"field/{number}.wav",
        "session": f"session {number}",
        "start_s": 1.5 * number,
        "end_s": 1.5 * number + 3,
        "order": "Passeriformes",
        "family": "Turdidae",
        "genus": "Turdus",
        "species": "merula",
        "kind": "bird",
        "english_name": "Common Blackbird",
    }
    return IndexRow(**(values | changes))


def write_small_store(folder: Path, n: int) -> ImageStore:
    """Write `n` images with all that belongs to them, and open the folder."""
    rows = [index_row(number) for number in range(n)]
    (folder / "Turdus_merula").mkdir(parents=True)
    for row, image in zip(rows, random_images(n), strict=True):
        (folder / row.image).write_bytes(encode_png(image, fingerprint=CONFIG.fingerprint()))
    store.write_settings(folder, {"spectrogram": CONFIG.to_dict()}, FILTERS)
    tables.write_table(folder / tables.INDEX, IndexRow, rows)
    return store.open_store(folder)
