"""The stage that makes images: what its options become."""

import pytest

from birdsong.errors import ConfigError
from birdsong.pipelines.preprocess import of_segments
from birdsong.sound.spectrogram import SpectrogramConfig


@pytest.mark.parametrize(
    ("segment_s", "hop_length", "n_fft"), [(3.0, 360, 512), (2.0, 240, 512), (5.0, 600, 1024)]
)
def test_how_long_a_segment_is(segment_s, hop_length, n_fft):
    config = of_segments(segment_s)
    assert config == SpectrogramConfig(hop_length=hop_length, n_fft=n_fft)
    assert config.segment_s == pytest.approx(segment_s)


@pytest.mark.parametrize("segment_s", [2.0001, float("nan"), float("inf"), -2.0, 0.0, 100.0])
def test_a_segment_that_cannot_be(segment_s):
    with pytest.raises(ConfigError, match=r"--segment-s must be a whole|hop_length must be"):
        of_segments(segment_s)
