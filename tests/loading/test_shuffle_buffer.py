"""A packed copy larger than memory: read in order, window by window, by a thread ahead."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from birdsong.errors import DatasetError
from birdsong.images import packed
from birdsong.images.packed import open_packed
from birdsong.images.packing import pack
from birdsong.loading.image_sources import PngSource
from birdsong.loading.shuffle_buffer import WindowReader, order_by_windows, shards_per_window
from tests.images.drawn import KINDS
from tests.images.small_store import random_images, write_small_store
from tests.loading.loaders import batch_loader

N = 95
SHARD = 8  # images: twelve shards, the last one smaller
IMAGE_BYTES = 64 * 200
NUMBER_OF = {image.tobytes(): number for number, image in enumerate(random_images(N))}
LABELS = np.arange(N) % 5
BY_WINDOWS = {"memory_bytes": 0, "window_bytes": 3 * SHARD * IMAGE_BYTES + 5, "shuffle": True}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "SHARD_IMAGES", SHARD)
        store = write_small_store(tmp_path_factory.mktemp("images") / "images", N)
        pack(store)
    return store


def feed(store, **options):
    options = {"n_labels": 5, "batch_size": 4} | BY_WINDOWS | options
    return batch_loader(store, store.rows, LABELS, **options)


def numbers(batches) -> list[int]:
    return [NUMBER_OF[image.tobytes()] for images, _ in batches for image in images]


def test_windows_cover_an_epoch_and_each_shard_once():
    shards = np.random.default_rng(0).permutation(np.repeat([0, 2, 3, 4, 7, 8, 9], 10))
    order, windows = order_by_windows(shards, 3, seed=0, epoch=0)
    np.testing.assert_array_equal(np.sort(order), np.arange(70))
    assert [(window.first, window.end) for window in windows] == [(0, 30), (30, 60), (60, 70)]
    assert sorted(itertools.chain(*(w.shards for w in windows))) == [0, 2, 3, 4, 7, 8, 9]
    for window in windows:
        own = order[window.first : window.end]
        assert set(shards[own]) == set(window.shards)
        assert (np.diff(own) > 0).all(), "within a window the order stays"


def test_epochs_and_seeds_have_windows_of_their_own():
    shards = np.repeat(np.arange(12), 5)
    drawn = [
        [window.shards for window in order_by_windows(shards, 3, seed=seed, epoch=epoch)[1]]
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    for one, other in itertools.combinations(drawn, 2):
        assert one != other
    assert drawn[0] == [w.shards for w in order_by_windows(shards, 3, seed=0, epoch=0)[1]]


def test_every_image_comes_once_an_epoch_with_its_label(store):
    for epoch in (0, 1):
        batches = list(feed(store).epoch(epoch))
        assert [len(images) for images, _ in batches] == [4] * 23 + [3]
        order = numbers(batches)
        assert sorted(order) == list(range(N))
        targets = np.concatenate([targets for _, targets in batches])
        np.testing.assert_array_equal(targets.argmax(axis=1), LABELS[order])
        # Three shards share a window, and their images are shuffled.
        for first in range(0, N - SHARD, 3 * SHARD):
            shards = {number // SHARD for number in order[first : first + 3 * SHARD - 1]}
            assert len(shards) <= 4
            assert (np.diff(order[first : first + 3 * SHARD]) < 0).any()
    assert numbers(feed(store).epoch(0)) != numbers(feed(store).epoch(1))
    assert numbers(feed(store, seed=1).epoch(0)) != numbers(feed(store).epoch(0))


@pytest.mark.parametrize("batch_size", [1, 7, 60, 200])
def test_any_number_of_threads_and_any_source_give_the_same_batches(store, batch_size):
    options = {"batch_size": batch_size, "augmentation": KINDS["defaults"]}
    expected = list(feed(store, n_threads=0, **options).epoch(3))
    for n_threads in (1, 2, 5):
        for one, other in zip(
            feed(store, n_threads=n_threads, **options).epoch(3), expected, strict=True
        ):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
    order = np.array(numbers(feed(store, batch_size=batch_size).epoch(3)))
    for source in (PngSource(store), open_packed(store)):
        rows = [store.rows[i] for i in order]
        same = batch_loader(
            store, rows, LABELS[order], n_labels=5, source=source,
            batch_size=batch_size, augmentation=KINDS["nothing"],
        )  # fmt: skip
        ours = feed(store, batch_size=batch_size, augmentation=KINDS["nothing"]).epoch(3)
        for one, other in zip(same.epoch(3), ours, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def test_what_fits_into_memory_is_shuffled_as_a_whole(store):
    fits = {"memory_bytes": N * IMAGE_BYTES}
    whole = numbers(feed(store, **fits).epoch(0))
    assert whole == numbers(feed(store, source=PngSource(store), **fits).epoch(0))
    assert whole == numbers(feed(store, memory_bytes=None).epoch(0))
    assert whole != numbers(feed(store).epoch(0))


def test_without_shuffling_images_come_in_their_order(store):
    assert numbers(feed(store, shuffle=False).epoch(0)) == list(range(N))


@pytest.mark.parametrize("sampling", ["class-balanced", "session-balanced"])
def test_balanced_epochs_are_read_by_windows_too(store, sampling):
    labels = np.where(np.arange(N) < 80, 0, 1)
    balanced = batch_loader(store, store.rows, labels, n_labels=2, sampling=sampling, **BY_WINDOWS)
    order = numbers(balanced.epoch(0))
    assert len(order) == N
    expected = [47, 48] if sampling == "class-balanced" else [15, 80]
    assert sorted(np.bincount(labels[order])) == expected


def test_only_some_images_of_each_shard_may_be_fed(store):
    rows = store.rows[3::7]
    some = batch_loader(store, rows, LABELS[3::7], n_labels=5, batch_size=4, **BY_WINDOWS)
    assert sorted(numbers(some.epoch(0))) == list(range(3, N, 7))


def test_no_more_than_two_windows_are_ever_in_memory(store):
    source = open_packed(store)
    size = shards_per_window(source, BY_WINDOWS["window_bytes"])
    assert size == 3
    assert shards_per_window(source, 1) == 1
    order, windows = order_by_windows(source.shards_of(np.arange(N)), size, seed=0, epoch=0)
    assert len(windows) == 4
    reading = WindowReader(source, order, windows)
    try:
        for first in range(0, N, 5):
            time.sleep(0.002)  # time enough to read further ahead than it may
            images = reading.read(first, min(first + 5, N))
            np.testing.assert_array_equal(images, random_images(N)[order[first : first + 5]])
            held = [*reading._windows_in_memory.values(), *reading._free]
            assert len(held) <= reading.n_buffers <= 2
            assert all(buffer.nbytes <= 3 * SHARD * IMAGE_BYTES for buffer in held)
    finally:
        reading.close()


@pytest.mark.parametrize("n_threads", [0, 1, 5])
def test_a_shard_that_is_short_or_gone_is_named(tmp_path, monkeypatch, feeding_threads, n_threads):
    monkeypatch.setattr(packed, "SHARD_IMAGES", SHARD)
    store = write_small_store(tmp_path / "images", N)
    pack(store)
    source = open_packed(store)
    path = store.folder / "packed" / "00005.raw"
    os.truncate(path, 3000)
    with pytest.raises(DatasetError, match=r"00005\.raw: expected 102400 bytes, got 3000"):
        list(feed(store, source=source, n_threads=n_threads).epoch())
    path.unlink()
    with pytest.raises(DatasetError, match=r"00005\.raw: cannot be read"):
        list(feed(store, source=source, n_threads=n_threads).epoch())
    assert feeding_threads() == []


@pytest.mark.parametrize("n_taken", [0, 1, 8, 24])
@pytest.mark.parametrize("n_threads", [0, 1, 5])
def test_no_thread_outlives_an_epoch_that_is_left_early(
    store, monkeypatch, feeding_threads, n_threads, n_taken
):
    monkeypatch.setattr("birdsong.loading.batch_loader._CHUNK_IMAGES", 4)
    batches = feed(store, n_threads=n_threads).epoch()
    for _ in range(n_taken):
        next(batches)
    if n_taken == 1:
        assert feeding_threads(), "the test would see them"
    batches.close()
    assert feeding_threads() == []


def test_no_thread_outlives_an_interruption(store, monkeypatch, feeding_threads):
    monkeypatch.setattr("birdsong.loading.batch_loader._CHUNK_IMAGES", 4)
    batches = feed(store).epoch()
    next(batches)
    with pytest.raises(KeyboardInterrupt):
        batches.throw(KeyboardInterrupt())
    assert feeding_threads() == []


@pytest.mark.parametrize("asleep_in", ["the loop", "the feed"])
def test_control_c_ends_a_program_that_closes_nothing(store, asleep_in):
    program = textwrap.dedent(
        f"""
        import signal, sys, time
        from pathlib import Path
        import numpy as np
        from birdsong.loading import batch_loader
        from birdsong.loading.loader_config import LoaderConfig
        from birdsong.images.store import open_store

        signal.signal(signal.SIGINT, signal.default_int_handler)
        batch_loader._CHUNK_IMAGES = 4
        store = open_store(Path(sys.argv[1]))
        config = LoaderConfig(batch_size=4, **{BY_WINDOWS!r})
        feed = batch_loader.BatchLoader(
            store, store.rows, np.zeros(len(store.rows), int), n_labels=1, config=config
        )
        batches = feed.forever()
        next(batches)
        print("begun", flush=True)
        for _ in batches:
            {"time.sleep(60)" if asleep_in == "the loop" else "pass"}
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(store.folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    finally:
        process.kill()
    assert told.strip().endswith("KeyboardInterrupt")
    assert process.returncode != 0
