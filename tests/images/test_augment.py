"""What augmentation may change in a picture, and what it may not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import ConfigError
from birdsong.images.augment import AugmentConfig, augment
from tests.images.small_store import random_pictures

NOTHING = AugmentConfig(
    max_shift_frames=0,
    n_time_masks=0,
    max_time_mask_frames=0,
    n_frequency_masks=0,
    max_frequency_mask_bands=0,
    mixup_alpha=0.0,
)


def only(**fields: float) -> AugmentConfig:
    return AugmentConfig(**({name: getattr(NOTHING, name) for name in NOTHING.__slots__} | fields))


def generators(n: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, i)) for i in range(n)]


def one_hot(n: int) -> np.ndarray:
    return np.eye(n, dtype=np.float32)


@given(
    n=st.integers(1, 5),
    seed=st.integers(0, 2**31),
    config=st.builds(
        AugmentConfig,
        max_shift_frames=st.integers(0, 300),
        n_time_masks=st.integers(0, 3),
        max_time_mask_frames=st.integers(0, 300),
        n_frequency_masks=st.integers(0, 3),
        max_frequency_mask_bands=st.integers(0, 100),
        mixup_alpha=st.floats(0, 5),
    ),
)
def test_a_batch_stays_a_batch(n, seed, config):
    pictures, targets = random_pictures(n), one_hot(n)
    changed, mixed = augment(pictures, targets, generators(n, seed), config)
    assert (changed.shape, changed.dtype) == (pictures.shape, np.uint8)
    assert (mixed.shape, mixed.dtype) == (targets.shape, np.float32)
    assert mixed.min() >= 0
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(pictures, random_pictures(n), "the pictures given stay")
    np.testing.assert_array_equal(targets, one_hot(n), "the targets given stay")
    again, _ = augment(pictures, targets, generators(n, seed), config)
    np.testing.assert_array_equal(changed, again)


def test_no_augmentation_is_none():
    pictures, targets = random_pictures(4), one_hot(4)
    changed, same = augment(pictures, targets, generators(4), NOTHING)
    np.testing.assert_array_equal(changed, pictures)
    np.testing.assert_array_equal(same, targets)


@given(st.permutations(range(5)), st.integers(1, 5))
def test_a_picture_depends_on_its_own_generator_only(order, n_others):
    config = AugmentConfig(mixup_alpha=0.0)
    pictures, targets = random_pictures(5), one_hot(5)
    expected, _ = augment(pictures, targets, generators(5), config)
    chosen = order[:n_others]
    own = generators(5)
    changed, _ = augment(pictures[chosen], targets[chosen], [own[i] for i in chosen], config)
    np.testing.assert_array_equal(changed, expected[chosen])


def test_other_draws_change_it_otherwise():
    pictures, targets = np.repeat(random_pictures(1), 8, axis=0), one_hot(8)
    changed, _ = augment(pictures, targets, generators(8), AugmentConfig(mixup_alpha=0.0))
    assert len({picture.tobytes() for picture in changed}) == 8


def test_a_shift_rolls_in_time_by_no_more_than_asked():
    (picture,) = random_pictures(1)
    rolled = {np.roll(picture, shift, axis=1).tobytes(): shift for shift in range(-3, 4)}
    batch = np.repeat(picture[np.newaxis], 60, axis=0)
    changed, _ = augment(batch, one_hot(60), generators(60), only(max_shift_frames=3))
    assert {rolled[each.tobytes()] for each in changed} == set(range(-3, 4))


@pytest.mark.parametrize(
    ("config", "axis"),
    [
        (only(n_time_masks=2, max_time_mask_frames=10), 0),
        (only(n_frequency_masks=2, max_frequency_mask_bands=10), 1),
    ],
)
def test_masks_cover_whole_stretches_of_at_most_the_width_asked(config, axis):
    white = np.full((40, 64, 200), 255, np.uint8)
    changed, _ = augment(white, one_hot(40), generators(40), config)
    covered = (changed == 0).all(axis=axis + 1)  # whole columns, or whole rows
    np.testing.assert_array_equal(changed == 0, np.expand_dims(covered, axis + 1) & (white > 0))
    n_covered = covered.sum(axis=1)
    assert n_covered.max() <= 20
    assert len(set(n_covered)) > 5, "widths vary"
    starts = (np.diff(covered.astype(int), axis=1, prepend=0) == 1).sum(axis=1)
    assert starts.max() == 2


def test_mixup_mixes_targets_as_it_mixes_pictures():
    n = 16
    greys = np.arange(n) * 15
    pictures = np.broadcast_to(greys[:, np.newaxis, np.newaxis], (n, 64, 200)).astype(np.uint8)
    changed, targets = augment(pictures, one_hot(n), generators(n), only(mixup_alpha=1.0))
    own = targets[np.arange(n), np.arange(n)]
    assert (own >= 0.5).all(), "a picture stays mostly itself"
    assert own.std() > 0.05, "each has its own share"
    assert ((targets > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(changed[:, 0, 0], targets @ greys, atol=0.51)
    assert (changed == changed[:, :1, :1]).all()


def test_a_lone_picture_is_mixed_with_none():
    changed, targets = augment(random_pictures(1), one_hot(1), generators(1), only(mixup_alpha=1.0))
    np.testing.assert_array_equal(changed, random_pictures(1))
    np.testing.assert_array_equal(targets, [[1]])


@pytest.mark.parametrize("field", AugmentConfig.__slots__)
def test_a_config_out_of_range_is_named(field):
    with pytest.raises(ConfigError, match=rf"AugmentConfig\.{field} must be at least 0, got -1"):
        AugmentConfig(**{field: -1})
