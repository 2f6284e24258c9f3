"""The stage that makes images: what its options become."""

import argparse

import pytest

from birdsong.errors import ConfigError
from birdsong.pipelines.preprocess import add_arguments, of_segments
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


def test_the_options_say_what_the_config_does_by_default():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args(["--manifest", "M", "--audio", "A", "--out", "O"])
    assert of_segments(options.segment_s, options.n_mels, options.n_frames) == SpectrogramConfig()


def test_images_of_another_shape():
    config = of_segments(2.0, n_mels=48, n_frames=150)
    assert (config.shape, config.hop_length, config.segment_s) == ((48, 150), 320, 2.0)
    with pytest.raises(ConfigError, match=r"n_mels must be .*, got 3$"):
        of_segments(2.0, n_mels=3)
    with pytest.raises(ConfigError, match=r"n_frames must be .*, got 0$"):
        of_segments(2.0, n_frames=0)
    with pytest.raises(ConfigError, match=r"a whole number of times 0\.009958, got 2; 2\.00"):
        of_segments(2.0, n_frames=239)
