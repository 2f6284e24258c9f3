"""Which of several channels is heard."""

import numpy as np
import pytest

from birdsong.sound import downmix as downmix_module
from birdsong.sound.downmix import Downmix, choose_channel, sample_frames

RATE_HZ = 24_000


def song(seconds=8.0):
    """Short whistles, and a little noise."""
    times_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    whistle = 0.3 * np.sin(2 * np.pi * 3000 * times_s) * (times_s % 1.0 < 0.2)
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(times_s))
    return (whistle + noise).astype(np.float32)


def hiss(n, level, seed=1):
    return (level * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def chosen(*each):
    frames = sample_frames(np.stack(each, axis=1), RATE_HZ, 6)
    return choose_channel(frames, RATE_HZ).number


@pytest.mark.parametrize(
    ("others", "number"),
    [
        ([song()], 0),
        ([0.25 * song()], 0),
        ([np.zeros_like(song())], 0),
        ([-song()], 1),
        ([-0.8 * song()], 1),
        ([hiss(len(song()), 0.5)], 1),
        ([song(), song(), song(), 0.5 * song()], 0),
    ],
    ids=["alike", "softer", "dead", "inverted", "inverted, softer", "hiss", "five"],
)
def test_one_is_used_only_where_the_mean_loses_the_song(others, number):
    assert chosen(song(), *others) == number


def test_the_one_with_the_song_is_used_wherever_it_is():
    assert chosen(hiss(len(song()), 0.5), song(), hiss(len(song()), 0.5, 2)) == 2


@pytest.mark.parametrize("n_samples", [0, 100, 600])
def test_too_little_to_choose_by_is_mixed(n_samples):
    assert chosen(song()[:n_samples], -song()[:n_samples]) == (1 if n_samples >= 512 else 0)


def test_many_channels_at_a_high_rate_are_chosen_between_early(monkeypatch):
    """Frames of 64 channels at a million samples a second would take gigabytes."""
    monkeypatch.setattr(downmix_module, "_MAX_KEPT_SAMPLES", 10_000)
    downmix = Downmix(2, RATE_HZ)
    block = np.stack([song(1.0), -song(1.0)], axis=1)
    n_blocks = 0
    while downmix.choice is None:
        downmix.mix_down(block, float(n_blocks))
        n_blocks += 1
    assert n_blocks == 2
    assert downmix.channel == "channel 1 of 2"


def test_the_mean_is_handed_out_until_the_choice_is_made():
    block = np.stack([song(1.0), hiss(RATE_HZ, 0.5)], axis=1)
    downmix = Downmix(2, RATE_HZ)
    np.testing.assert_allclose(downmix.mix_down(block, 0.0), block.mean(axis=1), atol=1e-6)
    again = Downmix(2, RATE_HZ, downmix.choose())
    np.testing.assert_array_equal(again.mix_down(block, 0.0), block[:, 0])
    assert again.warnings() == [
        "channel 1 of 2 was used: the mix of all channels would lose its song"
    ]
