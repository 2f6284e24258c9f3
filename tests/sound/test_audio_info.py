"""What is said of lengths that differ."""

import pytest

from birdsong.sound.audio_info import AudioInfo


@pytest.mark.parametrize(
    ("declared_s", "decoded_s", "words"),
    [
        (16.0, 8.0, "ends early: 8.0 s of the 16.0 s that its header declares"),
        (8.04, 8.0, "ends early: 8.00 s of the 8.04 s that its header declares"),
        (8.0, 8.031, "declares 8.00 s, but it holds 8.03 s"),
    ],
)
def test_two_lengths_are_written_so_that_they_differ(declared_s, decoded_s, words):
    info = AudioInfo(sample_rate_hz=48_000, n_channels=1, declared_s=declared_s, bits=16)
    (warning,) = info.length_warnings(decoded_s, is_damaged=False)
    assert words in warning


def test_little_that_is_missing_is_not_nothing():
    info = AudioInfo(sample_rate_hz=48_000, n_channels=1, present_s=8.04, bits=16)
    (warning,) = info.length_warnings(8.0, is_damaged=False)
    assert warning == "ends early, after 8.0 s: 0.04 s more cannot be decoded"
