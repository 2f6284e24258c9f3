"""Batches from a folder of images: the same ones, however many threads make them."""

import itertools

import numpy as np
import pytest

from birdsong.errors import DatasetError
from birdsong.loading.augmentation import AugmentationConfig
from tests.images.drawn import KINDS
from tests.images.small_store import random_images, write_small_store
from tests.loading.loaders import batch_loader

N = 23
BATCH_SIZE = 4
NUMBER_OF = {image.tobytes(): number for number, image in enumerate(random_images(N))}
LABELS = np.arange(N) % 3


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_small_store(tmp_path_factory.mktemp("images") / "images", N)


def feed(store, **options):
    options = {"n_labels": 3, "batch_size": BATCH_SIZE} | options
    return batch_loader(store, store.rows, LABELS, **options)


def numbers(batches) -> list[list[int]]:
    """Which images a batch holds, where they are not augmented."""
    return [[NUMBER_OF[image.tobytes()] for image in images] for images, _ in batches]


def test_batches_are_what_a_network_takes(store):
    batches = list(feed(store).epoch())
    assert [len(images) for images, _ in batches] == [4, 4, 4, 4, 4, 3]
    assert len(feed(store)) == len(batches)
    for images, targets in batches:
        assert (images.shape[1:], images.dtype) == ((64, 200, 1), np.uint8)
        assert (targets.shape, targets.dtype) == ((len(images), 3), np.float32)


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_without_shuffling_images_come_in_their_order_with_their_labels(store, batch_size):
    batches = list(feed(store, batch_size=batch_size).epoch(7))
    assert list(itertools.chain(*numbers(batches))) == list(range(N))
    assert len(batches) == len(feed(store, batch_size=batch_size)) == -(-N // batch_size)
    targets = np.concatenate([targets for _, targets in batches])
    np.testing.assert_array_equal(targets, np.eye(3)[LABELS])


@pytest.mark.parametrize("epoch", [0, 1, 12])
def test_every_image_comes_once_an_epoch_with_its_label(store, epoch):
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


@pytest.mark.parametrize("kind", ["defaults", "everything"])
def test_any_number_of_threads_gives_the_same_batches(store, kind):
    def batches(n_threads):
        whole = feed(
            store,
            n_threads=n_threads,
            shuffle=True,
            augmentation=KINDS[kind],
            background_rows=store.rows[:5],
            seed=3,
        )
        return list(itertools.chain(whole.epoch(0), whole.epoch(1)))

    expected = batches(1)
    assert len(expected) == 12
    for n_threads in (2, 5):
        for (images, targets), (ours, our_targets) in zip(
            expected, batches(n_threads), strict=True
        ):
            np.testing.assert_array_equal(images, ours)
            np.testing.assert_array_equal(targets, our_targets)


def test_augmentation_changes_with_the_epoch(store):
    # In the order of the rows, so that only the draws differ.
    whole = feed(store, augmentation=AugmentationConfig(mixup_alpha=0.0))
    first, again, second = (
        np.concatenate([images for images, _ in whole.epoch(number)]) for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any(axis=(1, 2, 3)).sum() > N / 2


def test_batches_of_an_epoch_are_augmented_otherwise(store):
    # The same image again and again, so that only the draws differ.
    rows = [store.rows[0]] * N
    whole = batch_loader(store, rows, LABELS, n_labels=3, batch_size=4, augmentation=KINDS["shift"])
    batches = [images.tobytes() for images, _ in whole.epoch()]
    assert len(set(batches)) == len(batches)


def test_backgrounds_come_from_the_rows_that_were_given(store):
    def images(**options):
        return np.concatenate([images for images, _ in feed(store, **options).epoch()])

    config = KINDS["background"]
    (one,), (other,) = ([store.rows[i]] for i in (3, 4))
    with_one, with_other = (
        images(augmentation=config, background_rows=[row]) for row in (one, other)
    )
    assert (with_one != with_other).any(axis=(1, 2, 3)).mean() == pytest.approx(0.7, abs=0.3)
    np.testing.assert_array_equal(
        images(augmentation=KINDS["shift"], background_rows=[one]),
        images(augmentation=KINDS["shift"]),
        "where the config wants none",
    )


def test_of_many_backgrounds_some_are_kept(store, monkeypatch):
    monkeypatch.setattr("birdsong.loading.batch_loader._MAX_BACKGROUNDS", 4)
    feeds = [
        feed(store, augmentation=KINDS["background"], background_rows=store.rows, seed=seed)
        for seed in (0, 0, 1)
    ]
    kept = [[NUMBER_OF[each.tobytes()] for each in one._backgrounds] for one in feeds]
    assert kept[0] == kept[1] != kept[2]
    assert len(set(kept[0])) == 4


def test_a_background_that_is_wanted_must_be_there(store):
    with pytest.raises(DatasetError, match=r"images: background_share is 0\.7, but there is no"):
        feed(store, augmentation=KINDS["background"])


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
        (b"no image", r"17\.png: cannot be read as a PNG"),
        (None, r"17\.png: no such image"),
    ],
)
def test_a_damaged_image_is_named(tmp_path, feeding_threads, n_threads, content, message):
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


def test_no_image_to_load_is_an_error(store):
    with pytest.raises(DatasetError, match="images: no image is left to load"):
        batch_loader(store, [], np.array([], int), n_labels=3)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (LABELS[:-1], {}, "23 images, but 22 label indices"),
        (LABELS, {"n_labels": 2}, r"label indices must be in 0\.\.1, got 0\.\.2"),
        (LABELS - 1, {}, r"label indices must be in 0\.\.2, got -1\.\.1"),
        (LABELS, {"batch_size": 0}, "batch_size must be at least 1 .* got 0 and 2"),
        (LABELS, {"n_threads": -1}, "n_threads at least 0, got 64 and -1"),
    ],
)
def test_arguments_that_do_not_fit_are_named(store, labels, options, message):
    with pytest.raises(ValueError, match=message):
        batch_loader(store, store.rows, labels, **({"n_labels": 3} | options))
