"""Options of `birdsong preprocess` become the settings of its images."""

import argparse

import pytest

from birdsong.errors import ConfigError
from birdsong.pipelines.preprocess import add_arguments, spectrogram_config
from birdsong.sound.spectrogram import SpectrogramConfig


@pytest.mark.parametrize(
    ("segment_s", "hop_length", "n_fft"), [(3.0, 360, 512), (2.0, 240, 512), (5.0, 600, 1024)]
)
def test_duration_of_a_segment(segment_s, hop_length, n_fft):
    config = spectrogram_config(segment_s)
    assert config == SpectrogramConfig(hop_length=hop_length, n_fft=n_fft)
    assert config.segment_s == pytest.approx(segment_s)


@pytest.mark.parametrize("segment_s", [2.0001, float("nan"), float("inf"), -2.0, 0.0, 100.0])
def test_a_segment_out_of_range(segment_s):
    with pytest.raises(ConfigError, match=r"--segment-s must be a multiple|hop_length must be"):
        spectrogram_config(segment_s)


def test_the_options_say_what_the_config_does_by_default():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args(["--manifest", "M", "--audio", "A", "--out", "O"])
    config = spectrogram_config(options.segment_s, n_mels=options.n_mels, n_frames=options.n_frames)
    assert config == SpectrogramConfig()


def test_images_of_another_shape():
    config = spectrogram_config(2.0, n_mels=48, n_frames=150)
    assert (config.shape, config.hop_length, config.segment_s) == ((48, 150), 320, 2.0)
    with pytest.raises(ConfigError, match=r"n_mels must be .*, got 3$"):
        spectrogram_config(2.0, n_mels=3)
    with pytest.raises(ConfigError, match=r"n_frames must be .*, got 0$"):
        spectrogram_config(2.0, n_frames=0)
    with pytest.raises(ConfigError, match=r"a multiple of 0\.009958, got 2; .* 2\.00"):
        spectrogram_config(2.0, n_frames=239)
