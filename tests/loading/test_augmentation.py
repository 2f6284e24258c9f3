"""What augmentation does to an image, kind by kind, on images made by hand."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.images.grey_level_tables import GREY_DB
from birdsong.loading.augmentation import (
    AugmentationParameters,
    apply_augmentation,
    draw_augmentation,
)
from tests.images.drawn import KINDS, NOTHING, draws_of, generator, one_hot
from tests.images.small_store import random_images

BACKGROUNDS = random_images(3, seed=1) // 4


def changed_by(config, images, mixed_in=None, **values):
    """The images, changed as `values` say."""
    parameters = draws_of(len(images), **values)
    changed, _ = apply_augmentation(images, one_hot(len(images)), parameters, config, mixed_in)
    return changed


def lit(row, column, level=255):
    """A dark image with one lit point; uint8 (1, 64, 200)."""
    image = np.zeros((1, 64, 200), np.uint8)
    image[0, row, column] = level
    return image


def places(image):
    """Where an image is lit, as (row, column)."""
    return list(zip(*(axis.tolist() for axis in np.nonzero(image)), strict=True))


@given(
    n=st.integers(1, 20),
    seed=st.integers(0, 2**31),
    config=st.sampled_from(list(KINDS.values())),
)
def test_a_batch_stays_a_batch(n, seed, config):
    images, targets = random_images(n), one_hot(n)
    parameters = draw_augmentation(generator(seed), n, config, n_backgrounds=3)
    changed, mixed = apply_augmentation(images, targets, parameters, config, BACKGROUNDS)
    assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
    assert (mixed.shape, mixed.dtype) == (targets.shape, np.float32)
    assert mixed.min() >= 0
    np.testing.assert_array_equal(mixed.sum(axis=1), 1)
    np.testing.assert_array_equal(images, random_images(n), "the images given stay")
    np.testing.assert_array_equal(targets, one_hot(n), "the targets given stay")
    again, _ = apply_augmentation(images, targets, parameters, config, BACKGROUNDS)
    np.testing.assert_array_equal(changed, again)


@pytest.mark.parametrize("kind", KINDS)
def test_a_image_does_not_depend_on_its_place_in_the_batch(kind):
    n, config = 11, replace(KINDS[kind], mixup_alpha=0.0)
    images = random_images(n)
    parameters = draw_augmentation(generator(), n, config, n_backgrounds=3)
    together, _ = apply_augmentation(images, one_hot(n), parameters, config, BACKGROUNDS)
    for i in range(n):
        own = AugmentationParameters(
            **{
                field.name: getattr(parameters, field.name)[i : i + 1]
                for field in fields(AugmentationParameters)
            }
        )
        alone, _ = apply_augmentation(images[i : i + 1], one_hot(1), own, config, BACKGROUNDS)
        np.testing.assert_array_equal(alone[0], together[i])


def test_no_augmentation_is_none():
    changed, targets = apply_augmentation(
        random_images(4), one_hot(4), draw_augmentation(generator(), 4, NOTHING), NOTHING
    )
    np.testing.assert_array_equal(changed, random_images(4))
    np.testing.assert_array_equal(targets, one_hot(4))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "nothing"])
def test_every_kind_changes_images(kind):
    config = KINDS[kind]
    parameters = draw_augmentation(generator(), 9, config, n_backgrounds=3)
    changed, _ = apply_augmentation(random_images(9), one_hot(9), parameters, config, BACKGROUNDS)
    assert (changed != random_images(9)).any(axis=(1, 2)).sum() >= 5


@pytest.mark.parametrize(("shift", "column"), [(7, 17), (-10, 0), (-11, 199), (250, 60)])
@pytest.mark.parametrize("kind", ["shift", "tempo"])
def test_a_shift_moves_a_point_in_time(kind, shift, column):
    (changed,) = changed_by(KINDS[kind], lit(20, 10), shift_frames=shift)
    assert places(changed) == [(20, column)]


@given(st.integers(-300, 300))
def test_a_shift_is_a_roll(shift):
    images = random_images(1)
    expected = np.roll(images, shift, axis=2)
    for kind in ("shift", "tempo"):
        changed = changed_by(KINDS[kind], images, shift_frames=shift)
        np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("tempo", [0.875, 1.125])
def test_a_tempo_draws_a_rhythm_together_about_the_middle(tempo):
    beats = np.zeros((1, 64, 200), np.uint8)
    beats[:, :, [40, 41, 100, 101, 160, 161]] = 255  # two frames each, so that none is skipped
    (changed,) = changed_by(KINDS["tempo"], beats, tempo=tempo)
    for beat in (40.5, 100.5, 160.5):
        expected = 99.5 + (beat - 99.5) / tempo
        found = np.flatnonzero(changed[0, round(expected) - 4 : round(expected) + 5])
        assert found.mean() + round(expected) - 4 == pytest.approx(expected, abs=0.8)
    assert (changed == changed[:1]).all(), "pitch stays"


@pytest.mark.parametrize(("bands", "row"), [(3, 17), (-3, 23), (20, 0), (0, 20)])
def test_pitch_moves_a_point_up_and_down(bands, row):
    (changed,) = changed_by(KINDS["pitch"], lit(20, 10), pitch_bands=bands)
    assert places(changed) == [(row, 10)]


@given(st.integers(-70, 70))
def test_what_pitch_moves_over_the_edge_is_gone(bands):
    images = random_images(1)
    (changed,) = changed_by(KINDS["pitch"], images, pitch_bands=bands)
    expected = np.zeros((64, 200), np.uint8)
    for row in range(64):
        if 0 <= row + bands < 64:
            expected[row] = images[0, row + bands]
    np.testing.assert_array_equal(changed, expected)


@given(st.floats(-60, 60))
def test_a_gain_moves_the_song_and_leaves_the_background(gain_db):
    levels = np.resize(np.arange(256, dtype=np.uint8), (1, 64, 200))
    (changed,) = changed_by(KINDS["gain"], levels, gain_db=gain_db)
    song = 10 ** (levels[0] * GREY_DB / 10) - 1  # its power in units of the background's
    gain = 10 ** (np.clip(gain_db, -50, 50) / 10)
    expected = np.clip(10 * np.log10(1 + gain * song) / GREY_DB, 0, 255)
    np.testing.assert_allclose(changed, expected, atol=1.01)
    assert (changed[levels[0] == 0] == 0).all()


def test_a_gain_moves_what_is_loud_by_all_of_it():
    changed = changed_by(KINDS["gain"], lit(20, 10, level=150), gain_db=5.0)
    assert changed[0, 20, 10] == pytest.approx(150 + 5 / GREY_DB, abs=1)
    assert places(changed[0]) == [(20, 10)]


@pytest.mark.parametrize("tilt_db", [-6.0, 6.0])
def test_a_tilt_lifts_one_end_of_the_bands_and_sinks_the_other(tilt_db):
    song = np.full((1, 64, 200), 150, np.uint8)
    (changed,) = changed_by(KINDS["tilt"], song, tilt_db=tilt_db)
    by_band_db = (changed[:, 0].astype(float) - 150) * GREY_DB
    np.testing.assert_allclose(by_band_db, np.linspace(tilt_db, -tilt_db, 64) / 2, atol=GREY_DB)
    assert (changed == changed[:, :1]).all()


def test_gain_and_tilt_add_up():
    song, both = np.full((1, 64, 200), 150, np.uint8), replace(KINDS["gain"], max_tilt_db=6.0)
    changed = changed_by(both, song, gain_db=4.0, tilt_db=6.0)
    assert changed[0, 0, 0] == pytest.approx(150 + 7 / GREY_DB, abs=1)
    assert changed[0, 63, 0] == pytest.approx(150 + 1 / GREY_DB, abs=1)


def test_a_mask_is_dark_and_nothing_else_is():
    white = np.full((2, 64, 200), 255, np.uint8)
    config = replace(KINDS["time masks"], n_frequency_masks=1)
    changed = changed_by(
        config,
        white,
        time_mask_starts=[[0, 50], [10, 10]],
        time_mask_ends=[[5, 80], [10, 200]],
        frequency_mask_starts=[[60], [3]],
        frequency_mask_ends=[[64], [4]],
    )
    expected = white.copy()
    expected[0, :, 0:5] = expected[0, :, 50:80] = expected[0, 60:64] = 0
    expected[1, :, 10:200] = expected[1, 3:4] = 0
    np.testing.assert_array_equal(changed, expected)


@pytest.mark.parametrize("snr_db", [0, 10, 20, 35])
def test_a_song_stands_as_far_above_a_mixed_in_background_as_was_drawn(snr_db):
    steady = np.zeros((1, 64, 200), np.uint8)
    song = lit(20, 10, level=round(45 / GREY_DB))
    (changed,) = changed_by(
        KINDS["background"], song, steady, backgrounds=0, background_snr_db=snr_db
    )
    # 45 dB above its own background, whose power is added to that of the other.
    other = 10 ** ((45 - snr_db) / 10)
    expected_db = 10 * np.log10((10**4.5 + other) / (1 + other))
    assert changed[20, 10] * GREY_DB == pytest.approx(expected_db, abs=GREY_DB)
    if 10 <= snr_db <= 20:
        assert expected_db == pytest.approx(snr_db, abs=0.5), "as nothing else is in the way"
    assert places(changed) == [(20, 10)], "background on background is background"


@given(
    own=st.integers(0, 255), other=st.integers(0, 255), loudest=st.integers(0, 255),
    snr_db=st.floats(0, 60),
)  # fmt: skip
def test_mixing_adds_powers(own, other, loudest, snr_db):
    image, background = lit(0, 0, max(own, loudest)), np.zeros((1, 64, 200), np.uint8)
    image[0, 5, 5], background[0, 5, 5] = own, other
    (changed,) = changed_by(
        KINDS["background"], image, background, backgrounds=0, background_snr_db=snr_db
    )
    above_db = np.clip(max(own, loudest) * GREY_DB - snr_db, -50, 50)
    weight = 10 ** (above_db / 10)
    powers = 10 ** (own * GREY_DB / 10), 10 ** (other * GREY_DB / 10)
    expected = 10 * np.log10((powers[0] + weight * powers[1]) / (1 + weight)) / GREY_DB
    assert changed[5, 5] == pytest.approx(expected, abs=1.01)
    assert min(own, other) <= changed[5, 5] <= max(own, other)


def test_only_images_that_were_chosen_get_a_background():
    images = random_images(20) // 2
    chosen = np.where(np.arange(20) % 3 == 0, np.arange(20) % 2, -1)
    changed = changed_by(
        KINDS["background"], images, BACKGROUNDS, backgrounds=chosen, background_snr_db=10
    )
    np.testing.assert_array_equal((changed != images).any(axis=(1, 2)), chosen >= 0)


def test_a_background_that_is_wanted_must_be_given():
    with pytest.raises(ValueError, match="mixes backgrounds in, but none are given"):
        changed_by(KINDS["background"], lit(0, 0))


def test_mixup_mixes_targets_as_it_mixes_images():
    n = 16
    greys = np.arange(n) * 15
    images = np.broadcast_to(greys[:, np.newaxis, np.newaxis], (n, 64, 200)).astype(np.uint8)
    parameters = draw_augmentation(generator(), n, KINDS["mixup"])
    changed, targets = apply_augmentation(images, one_hot(n), parameters, KINDS["mixup"])
    own = targets[np.arange(n), np.arange(n)]
    np.testing.assert_array_equal(own, parameters.own_weights)
    np.testing.assert_array_equal(
        targets[np.arange(n), parameters.partners], 1 - parameters.own_weights
    )
    np.testing.assert_allclose(changed[:, 0, 0], targets @ greys, atol=0.51)
    assert (changed == changed[:, :1, :1]).all()


def test_a_lone_image_is_mixed_with_none():
    parameters = draw_augmentation(generator(), 1, KINDS["mixup"])
    changed, targets = apply_augmentation(random_images(1), one_hot(1), parameters, KINDS["mixup"])
    np.testing.assert_array_equal(changed, random_images(1))
    np.testing.assert_array_equal(targets, [[1]])
