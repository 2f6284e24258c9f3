"""What is drawn: within the config's limits, spread over them, and the same for the same seed."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from birdsong.errors import ConfigError
from birdsong.loading.augmentation import AugmentationConfig, draw_augmentation
from tests.images.drawn import KINDS, NOTHING, generator

N = 4000


@given(
    n=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    config=st.builds(
        AugmentationConfig,
        max_shift_frames=st.integers(0, 300),
        n_time_masks=st.integers(0, 3),
        max_time_mask_frames=st.integers(0, 300),
        n_frequency_masks=st.integers(0, 3),
        max_frequency_mask_bands=st.integers(0, 100),
        mixup_alpha=st.floats(0, 5),
        max_gain_db=st.floats(0, 60),
        max_tilt_db=st.floats(0, 60),
        max_pitch_bands=st.integers(0, 70),
        max_tempo_change=st.floats(0, 0.5),
        background_share=st.floats(0, 1),
    ),
)
def test_draws_lie_within_the_limits(n, seed, config):
    parameters = draw_augmentation(generator(seed), n, config, n_backgrounds=7)
    assert {len(each) for each in asdict(parameters).values()} == {n}
    assert np.abs(parameters.shift_frames).max() <= config.max_shift_frames
    assert np.abs(parameters.pitch_bands).max() <= config.max_pitch_bands
    assert np.abs(parameters.gain_db).max() <= config.max_gain_db + 1e-5
    assert np.abs(parameters.tilt_db).max() <= config.max_tilt_db + 1e-5
    assert np.abs(parameters.tempo - 1).max() <= config.max_tempo_change + 1 / 2048
    assert ((parameters.backgrounds >= -1) & (parameters.backgrounds < 7)).all()
    assert (parameters.background_snr_db >= config.min_background_snr_db).all()
    assert (parameters.background_snr_db <= config.max_background_snr_db).all()
    assert ((parameters.own_weights >= 0.5) & (parameters.own_weights <= 1)).all()
    assert sorted(parameters.partners) == list(range(n)), "everybody is a partner once"
    assert n == 1 or (parameters.partners != np.arange(n)).all(), "and nobody his own"
    for starts, ends, count, longest, size in (
        (parameters.time_mask_starts, parameters.time_mask_ends, config.n_time_masks,
         config.max_time_mask_frames, 200),
        (parameters.frequency_mask_starts, parameters.frequency_mask_ends, config.n_frequency_masks,
         config.max_frequency_mask_bands, 64),
    ):  # fmt: skip
        assert starts.shape == ends.shape == (n, count)
        assert ((starts >= 0) & (starts <= ends) & (ends <= size)).all()
        assert ((ends - starts) <= longest).all()


def test_the_same_seed_draws_the_same_and_another_something_else():
    one, same, other = (
        asdict(draw_augmentation(generator(seed), 50, AugmentationConfig.full(), n_backgrounds=9))
        for seed in (1, 1, 2)
    )
    for name, values in one.items():
        np.testing.assert_array_equal(values, same[name])
        assert (values != other[name]).any(), name


def test_draws_are_spread_over_the_limits():
    config = replace(
        KINDS["everything"], max_shift_frames=3, max_tempo_change=2 / 1024, background_share=0.25
    )
    parameters = draw_augmentation(generator(), N, config, n_backgrounds=5)
    assert set(parameters.shift_frames) == set(range(-3, 4))
    assert set(parameters.pitch_bands) == {-1, 0, 1}
    assert set(parameters.tempo) == {1 + step / 1024 for step in range(-2, 3)}
    assert set(parameters.backgrounds) == set(range(-1, 5))
    assert (parameters.backgrounds >= 0).mean() == pytest.approx(0.25, abs=0.04)
    assert parameters.gain_db.std() == pytest.approx(2 * config.max_gain_db / 12**0.5, rel=0.05)
    assert set((parameters.frequency_mask_ends - parameters.frequency_mask_starts).ravel()) == set(
        range(9)
    )


def test_weights_follow_beta():
    alpha = 0.2
    weights = draw_augmentation(generator(), N, replace(NOTHING, mixup_alpha=alpha)).own_weights
    shares = np.random.default_rng(1).beta(alpha, alpha, N)
    expected = np.maximum(shares, 1 - shares)
    np.testing.assert_allclose(
        np.quantile(weights, [0.1, 0.3, 0.5]), np.quantile(expected, [0.1, 0.3, 0.5]), atol=0.04
    )
    assert (weights * 256 == np.rint(weights * 256)).all()


def test_backgrounds_must_be_there_to_choose_from():
    with pytest.raises(ValueError, match=r"background_share is 0\.7, so at least one background"):
        draw_augmentation(generator(), 4, KINDS["background"])


@pytest.mark.parametrize("field", AugmentationConfig.__slots__)
def test_a_config_out_of_range_is_named(field):
    with pytest.raises(
        ConfigError, match=rf"AugmentationConfig\.{field} must be at least 0, got -1"
    ):
        AugmentationConfig(**{field: -1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_tempo_change": 0.6}, r"max_tempo_change must be at most 0\.5, got 0\.6"),
        ({"background_share": 1.5}, r"background_share must be at most 1, got 1\.5"),
        (
            {"min_background_snr_db": 50.0},
            r"min_background_snr_db must be at most max_background_snr_db, 45, got 50\.0",
        ),
        ({"max_gain_db": float("nan")}, "max_gain_db must be at least 0, got nan"),
    ],
)
def test_a_config_that_makes_no_sense_is_named(values, message):
    with pytest.raises(ConfigError, match=message):
        AugmentationConfig(**values)


def test_what_is_new_is_off_until_it_is_asked_for():
    assert AugmentationConfig() == AugmentationConfig(
        max_gain_db=0, max_tilt_db=0, max_pitch_bands=0, max_tempo_change=0, background_share=0
    )
    assert all(value > 0 for value in asdict(AugmentationConfig.full()).values())
