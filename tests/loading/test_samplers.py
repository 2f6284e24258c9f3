"""Orders of epochs: plain ones show every image once, balanced ones every group equally often."""

import itertools

import numpy as np
import pytest

from birdsong.errors import ConfigError
from birdsong.loading.samplers import EpochSampler

LABELS = np.repeat([0, 1, 4], [60, 9, 3])  # labels 2 and 3 have no image
SESSIONS = [
    *["a"] * 50, *["b"] * 9, "c",  # of label 0
    *["a"] * 6, *["d"] * 3,  # the same name under another label
    *["e"] * 3,
]  # fmt: skip


def epochs(n: int, **options) -> np.ndarray:
    order = EpochSampler(LABELS, SESSIONS, **options)
    return np.stack([order.items(epoch) for epoch in range(n)])


def test_plain_epochs_show_every_image_once():
    for items in epochs(5):
        np.testing.assert_array_equal(np.sort(items), np.arange(len(LABELS)))
    np.testing.assert_array_equal(epochs(2, shuffle=False), [np.arange(len(LABELS))] * 2)


@pytest.mark.parametrize("sampling", ["plain", "class-balanced", "session-balanced"])
def test_an_epoch_depends_on_its_number_and_the_seed(sampling):
    drawn = [
        EpochSampler(LABELS, SESSIONS, sampling=sampling, seed=seed).items(epoch)
        for seed in (0, 1)
        for epoch in (0, 1, 7)
    ]
    assert all(len(items) == len(LABELS) for items in drawn)
    for one, other in itertools.combinations(drawn, 2):
        assert (one != other).any()
    again = EpochSampler(LABELS, SESSIONS, sampling=sampling, seed=1).items(7)
    np.testing.assert_array_equal(again, drawn[-1])


def test_class_balanced_epochs_show_every_label_equally_often():
    for items in epochs(10, sampling="class-balanced"):
        np.testing.assert_array_equal(np.bincount(LABELS[items]), [24, 24, 0, 0, 24])
        counts = np.bincount(items, minlength=len(LABELS))
        assert set(counts[LABELS == 0]) <= {0, 1}, "none again before all others of its label"
        assert set(counts[LABELS == 1]) == {2, 3}
        assert set(counts[LABELS == 4]) == {8}


def test_what_does_not_divide_goes_to_each_label_in_turn_by_chance():
    labels = np.array([0, 0, 0, 0, 0, 1, 2])  # seven places for three labels
    order = EpochSampler(labels, sampling="class-balanced")
    counts = np.stack(
        [np.bincount(labels[order.items(epoch)], minlength=3) for epoch in range(600)]
    )
    assert set(counts.ravel()) == {2, 3}
    np.testing.assert_allclose(counts.mean(axis=0), 7 / 3, atol=0.1)


def test_session_balanced_epochs_show_every_session_of_a_label_equally_often():
    counts = np.zeros(len(LABELS))
    for items in epochs(300, sampling="session-balanced"):
        np.testing.assert_array_equal(np.bincount(LABELS[items]), [60, 9, 0, 0, 3])
        counts += np.bincount(items, minlength=len(LABELS))
    counts /= 300
    of_session = {
        key: counts[[pair == key for pair in zip(LABELS, SESSIONS, strict=True)]].sum()
        for key in dict.fromkeys(zip(LABELS.tolist(), SESSIONS, strict=True))
    }
    assert [of_session[0, name] for name in "abc"] == pytest.approx([20, 20, 20])
    assert [of_session[1, name] for name in "ad"] == pytest.approx([4.5, 4.5], abs=0.1)
    assert of_session[4, "e"] == 3
    np.testing.assert_allclose(counts[:50], 0.4, atol=0.12)


def test_dealt_images_that_are_not_shuffled_come_in_their_order():
    for items in epochs(3, sampling="class-balanced", shuffle=False):
        assert (np.diff(items) >= 0).all()


def test_arguments_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"sampling must be one of plain, .*, got 'fair'"):
        EpochSampler(LABELS, sampling="fair")
    with pytest.raises(ValueError, match="72 images, but 0 sessions"):
        EpochSampler(LABELS, sampling="session-balanced")
