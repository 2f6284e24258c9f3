"""Where images come from: the packed copy, or the PNGs, many at once."""

import os
from dataclasses import replace

import numpy as np
import pytest

from birdsong.csv_tables import write_table
from birdsong.errors import DatasetError
from birdsong.images import packed
from birdsong.images.packed import PackedStore
from birdsong.images.packing import pack
from birdsong.images.png import encode_png
from birdsong.images.store import open_store
from birdsong.images.tables import INDEX, IndexRow
from birdsong.loading.image_sources import PngSource, open_source, row_numbers
from tests.images.small_store import CONFIG, random_images, write_small_store

N = 70  # more than are read at a time
FINGERPRINT = CONFIG.fingerprint()


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "SHARD_IMAGES", 16)
    return write_small_store(tmp_path / "images", N)


@pytest.mark.parametrize("kind", ["png", "raw", "compressed"])
def test_images_come_in_any_order_and_more_than_once(store, kind):
    if kind != "png":
        pack(store, compressed=kind == "compressed")
    source = open_source(store)
    assert isinstance(source, PngSource if kind == "png" else PackedStore)
    assert len(source) == N
    rows = np.random.default_rng(1).integers(0, N, 100)
    np.testing.assert_array_equal(source.read(rows), random_images(N)[rows])
    assert source.read(rows[:0]).shape == (0, 64, 200)
    with pytest.raises(DatasetError, match="holds images 0 to 69, asked for 3 to 70"):
        source.read(np.array([3, N]))
    with pytest.raises(DatasetError, match="asked for -1 to 3"):
        source.read(np.array([3, -1]))


def test_a_copy_of_what_the_folder_was_before_is_not_read(store):
    pack(store)
    write_table(store.folder / INDEX, IndexRow, reversed(store.rows))
    source = open_source(open_store(store.folder))
    assert isinstance(source, PngSource)
    np.testing.assert_array_equal(source.read(np.arange(N)), random_images(N)[::-1])


def test_a_damaged_copy_is_an_error(store):
    (pack(store) / "00001.raw").write_bytes(b"short")
    with pytest.raises(DatasetError, match=r"00001\.raw: expected 204800 bytes, got 5"):
        open_source(store)


def test_rows_are_known_by_their_images(store):
    rows = [replace(store.rows[i], kind="background") for i in (5, 3, 5)]
    np.testing.assert_array_equal(row_numbers(store, rows), [5, 3, 5])
    np.testing.assert_array_equal(row_numbers(store, store.rows), np.arange(N))
    with pytest.raises(DatasetError, match=r"index\.csv has no image 'b\.png'"):
        row_numbers(store, [replace(rows[0], image="b.png")])


@pytest.mark.parametrize(
    "encode",
    [
        lambda image: encode_png(image, fingerprint=FINGERPRINT, level=6),
        lambda image: encode_png(image, fingerprint="another, and longer than ours"),
        lambda image: encode_png(image, fingerprint=FINGERPRINT[::-1]),
        lambda image: encode_png(image, fingerprint=FINGERPRINT) + b"\0",
    ],
    ids=["compressed", "longer", "another fingerprint", "something behind it"],
)
def test_images_that_look_different_are_read_all_the_same(store, encode):
    image = random_images(1, seed=5)[0]
    (store.folder / store.rows[40].image).write_bytes(encode(image))
    expected = random_images(N)
    expected[40] = image
    np.testing.assert_array_equal(open_source(store).read(np.arange(N)), expected)


@pytest.mark.parametrize("at", [*range(0, 90), *range(90, 12_900, 499), *range(-20, 0)])
def test_a_flipped_bit_is_seen_anywhere(store, at):
    path = store.folder / store.rows[40].image
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"40\.png: cannot be read as a PNG"):
        open_source(store).read(np.arange(N))


@pytest.mark.parametrize("n_bytes", [0, 7, 90, 6000, -13, -3])
def test_a_file_that_breaks_off_is_named(store, n_bytes):
    path = store.folder / store.rows[40].image
    os.truncate(path, n_bytes % path.stat().st_size)
    with pytest.raises(DatasetError, match=r"40\.png: cannot be read as a PNG"):
        open_source(store).read(np.arange(N))


def test_what_is_missing_or_no_file_is_named(store):
    path = store.folder / store.rows[40].image
    path.unlink()
    with pytest.raises(DatasetError, match=r"40\.png: no such image"):
        open_source(store).read(np.arange(N))
    path.mkdir()
    with pytest.raises(DatasetError, match=r"40\.png: cannot be read"):
        open_source(store).read(np.arange(N))
