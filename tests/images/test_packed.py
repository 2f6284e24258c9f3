"""The packed copy: the same images in a few large files."""

import json
from dataclasses import replace

import numpy as np
import pytest

from birdsong.errors import DatasetError
from birdsong.images import packed
from birdsong.images.packed import open_packed
from birdsong.images.packing import pack
from birdsong.images.store import open_store
from birdsong.images.tables import INDEX, IndexRow, write_table
from birdsong.pipelines.command import main
from tests.images.small_store import random_images, write_small_store

N = 23


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A small folder, and shards so small that it needs three of them."""
    monkeypatch.setattr(packed, "SHARD_IMAGES", 10)
    return write_small_store(tmp_path / "images", N)


@pytest.fixture(params=[False, True], ids=["raw", "compressed"])
def copy(request, store):
    pack(store, compressed=request.param, n_jobs=2)
    return store


def test_every_image_comes_back_in_any_order(copy):
    opened = open_packed(copy)
    assert len(opened) == N
    assert [shard.n_images for shard in opened.shards] == [10, 10, 3]
    order = np.random.default_rng(1).permutation(N)
    np.testing.assert_array_equal(opened.read(order), random_images(N)[order])
    assert opened.read(np.array([], int)).shape == (0, 64, 200)
    opened.verify()


def test_the_number_of_threads_changes_nothing(store):
    pack(store, n_jobs=1)
    first = {path.name: path.read_bytes() for path in (store.folder / "packed").iterdir()}
    pack(store, n_jobs=4)
    assert {p.name: p.read_bytes() for p in (store.folder / "packed").iterdir()} == first


def test_packed_again_nothing_of_the_earlier_copy_is_left(store):
    pack(store, compressed=True)
    pack(store)
    names = sorted(path.name for path in (store.folder / "packed").iterdir())
    assert names == ["00000.raw", "00001.raw", "00002.raw", "packed.json"]


def test_rows_that_are_not_there(copy):
    with pytest.raises(DatasetError, match="holds images 0 to 22, asked for 0 to 23"):
        open_packed(copy).read(np.array([0, N]))
    with pytest.raises(DatasetError, match="asked for -1"):
        open_packed(copy).read(np.array([-1]))


def test_an_altered_shard_is_named(copy):
    opened = open_packed(copy)
    path = copy.folder / "packed" / opened.shards[1].file
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"{path.name}: was altered since it was packed"):
        open_packed(copy).verify()


def test_a_shard_that_is_short_or_gone_is_named(copy):
    path = copy.folder / "packed" / open_packed(copy).shards[0].file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=r"00000\.\w+: expected \d+ bytes, got \d+; pack again"):
        open_packed(copy)
    path.unlink()
    with pytest.raises(DatasetError, match=r"00000\.\w+: cannot be read"):
        open_packed(copy)


@pytest.mark.parametrize(
    "offsets", [np.arange(11), np.zeros(11, np.int64), np.arange(10), np.ones(11)]
)
def test_offsets_that_do_not_fit(store, offsets):
    pack(store, compressed=True)
    np.save(store.folder / "packed" / "00000.offsets.npy", offsets)
    with pytest.raises(DatasetError, match=r"00000\.offsets\.npy: does not fit its shard"):
        open_packed(store)


def test_without_a_copy_or_after_a_change(store):
    with pytest.raises(DatasetError, match="has no packed copy"):
        open_packed(store)
    pack(store)
    write_table(store.folder / INDEX, IndexRow, reversed(store.rows))
    with pytest.raises(DatasetError, match="the folder has changed since it was packed"):
        open_packed(open_store(store.folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "expected format version 1, got 2; pack again"),
        ({"shards": [{"file": "00000.raw"}]}, "cannot be read"),
        ({"shards": 3}, "cannot be read"),
    ],
)
def test_a_description_that_cannot_be(store, change, message):
    path = pack(store) / "packed.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DatasetError, match=message):
        open_packed(store)


def test_a_shard_never_lies_elsewhere(store):
    path = pack(store) / "packed.json"
    described = json.loads(path.read_text())
    described["shards"][0]["file"] = "../index.csv"
    path.write_text(json.dumps(described))
    with pytest.raises(DatasetError, match=r"'\.\./index\.csv' is no name of a shard"):
        open_packed(store)


def test_a_damaged_image_stops_it_and_leaves_no_description(store):
    pack(store)
    (store.folder / store.rows[3].image).write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"3\.png: cannot be read as a PNG"):
        pack(store)
    with pytest.raises(DatasetError, match="has no packed copy"):
        open_packed(store)


def test_nothing_to_pack(store):
    with pytest.raises(DatasetError, match="holds no image to pack"):
        pack(replace(store, rows=()))


def test_command(store, capsys):
    assert main(["pack", str(store.folder), "--jobs", "2"]) == 0
    assert f"23 images, 0.3 MB in {store.folder}/packed" in capsys.readouterr().out
    assert main(["pack", str(store.folder), "--jobs", "0"]) == 2
