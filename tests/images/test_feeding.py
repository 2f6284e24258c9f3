"""Batches from a folder of pictures: the same ones, however many threads make them."""

import itertools
import threading

import numpy as np
import pytest

from birdsong.errors import DatasetError
from birdsong.images.augment import AugmentConfig
from birdsong.images.feeding import PictureFeed
from tests.images.small_store import random_pictures, write_small_store

N = 23
BATCH_SIZE = 4
NUMBER_OF = {picture.tobytes(): number for number, picture in enumerate(random_pictures(N))}
LABELS = np.arange(N) % 3


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_small_store(tmp_path_factory.mktemp("images") / "images", N)


def feed(store, **options):
    options = {"n_labels": 3, "batch_size": BATCH_SIZE} | options
    return PictureFeed(store, store.rows, LABELS, **options)


def numbers(batches) -> list[list[int]]:
    """Which pictures a batch holds, where they are not augmented."""
    return [[NUMBER_OF[picture.tobytes()] for picture in pictures] for pictures, _ in batches]


@pytest.fixture
def feeding_threads():
    """What tells which threads feed, besides those of other tests."""
    others = set(threading.enumerate())
    return lambda: [
        thread.name
        for thread in set(threading.enumerate()) - others
        if thread.name.startswith("birdsong-feed")
    ]


def test_batches_are_what_a_network_takes(store):
    batches = list(feed(store).epoch())
    assert [len(pictures) for pictures, _ in batches] == [4, 4, 4, 4, 4, 3]
    assert len(feed(store)) == len(batches)
    for pictures, targets in batches:
        assert (pictures.shape[1:], pictures.dtype) == ((64, 200, 1), np.uint8)
        assert (targets.shape, targets.dtype) == ((len(pictures), 3), np.float32)


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_without_shuffling_pictures_come_in_their_order_with_their_labels(store, batch_size):
    batches = list(feed(store, batch_size=batch_size).epoch(7))
    assert list(itertools.chain(*numbers(batches))) == list(range(N))
    assert len(batches) == len(feed(store, batch_size=batch_size)) == -(-N // batch_size)
    targets = np.concatenate([targets for _, targets in batches])
    np.testing.assert_array_equal(targets, np.eye(3)[LABELS])


@pytest.mark.parametrize("epoch", [0, 1, 12])
def test_every_picture_comes_once_an_epoch_with_its_label(store, epoch):
    batches = list(feed(store, shuffle=True).epoch(epoch))
    order = list(itertools.chain(*numbers(batches)))
    assert sorted(order) == list(range(N))
    targets = np.concatenate([targets for _, targets in batches])
    np.testing.assert_array_equal(targets.argmax(axis=1), LABELS[order])


def test_epochs_and_seeds_have_orders_of_their_own(store):
    orders = [
        numbers(feed(store, shuffle=True, seed=seed).epoch(epoch))
        for seed in (0, 1)
        for epoch in (0, 1, 2)
    ]
    for one, other in itertools.combinations(orders, 2):
        assert one != other


def test_any_number_of_threads_gives_the_same_batches(store):
    def batches(n_threads):
        options = {"shuffle": True, "augmentation": AugmentConfig(), "seed": 3}
        whole = feed(store, n_threads=n_threads, **options)
        return list(itertools.chain(whole.epoch(0), whole.epoch(1)))

    expected = batches(1)
    assert len(expected) == 12
    for n_threads in (2, 5):
        for (pictures, targets), (ours, our_targets) in zip(
            expected, batches(n_threads), strict=True
        ):
            np.testing.assert_array_equal(pictures, ours)
            np.testing.assert_array_equal(targets, our_targets)


def test_augmentation_changes_with_the_epoch(store):
    # In the order of the rows, so that only the draws differ.
    whole = feed(store, augmentation=AugmentConfig(mixup_alpha=0.0))
    first, again, second = (
        np.concatenate([pictures for pictures, _ in whole.epoch(number)]) for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any(axis=(1, 2, 3)).sum() > N / 2


def test_what_is_drawn_for_a_picture_does_not_depend_on_its_batch(store):
    config = AugmentConfig(mixup_alpha=0.0)
    small, large = (
        np.concatenate([p for p, _ in feed(store, batch_size=n, augmentation=config).epoch()])
        for n in (4, 23)
    )
    np.testing.assert_array_equal(small, large)


def test_forever_is_epoch_after_epoch(store):
    whole = feed(store, shuffle=True)
    batches = whole.forever(first_epoch=2)
    taken = numbers(itertools.islice(batches, 2 * len(whole)))
    batches.close()
    assert taken == numbers(whole.epoch(2)) + numbers(whole.epoch(3))


@pytest.mark.parametrize("n_threads", [1, 5])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", r"17\.png: cannot be read as a PNG"),
        (None, r"17\.png: no such picture"),
    ],
)
def test_a_damaged_picture_is_named(tmp_path, feeding_threads, n_threads, content, message):
    store = write_small_store(tmp_path / "images", N)
    damaged = store.folder / store.rows[17].image
    damaged.unlink() if content is None else damaged.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        list(feed(store, n_threads=n_threads).epoch())
    assert feeding_threads() == []


@pytest.mark.parametrize("n_taken", [0, 1, 3, 6])
def test_no_thread_outlives_an_epoch_that_is_left_early(store, feeding_threads, n_taken):
    batches = feed(store, n_threads=5).epoch()
    for _ in range(n_taken):
        next(batches)
    if n_taken == 1:
        assert feeding_threads(), "the test would see them"
    batches.close()
    assert feeding_threads() == []


def test_no_thread_outlives_training_that_stops(store, feeding_threads):
    batches = feed(store, n_threads=2).forever()
    next(batches)
    batches.close()
    assert feeding_threads() == []


def test_nothing_to_feed_is_said(store):
    with pytest.raises(DatasetError, match="images: no picture is left to feed"):
        PictureFeed(store, [], np.array([], int), n_labels=3)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (LABELS[:-1], {}, "23 pictures, but 22 label indices"),
        (LABELS, {"n_labels": 2}, r"label indices must be in 0\.\.1, got 0\.\.2"),
        (LABELS - 1, {}, r"label indices must be in 0\.\.2, got -1\.\.1"),
        (LABELS, {"batch_size": 0}, "batch_size and n_threads must be at least 1, got 0 and 2"),
        (LABELS, {"n_threads": 0}, "batch_size and n_threads must be at least 1, got 64 and 0"),
    ],
)
def test_arguments_that_do_not_fit_are_named(store, labels, options, message):
    with pytest.raises(ValueError, match=message):
        PictureFeed(store, store.rows, labels, **({"n_labels": 3} | options))
