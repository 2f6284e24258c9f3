"""The command that a correction shows makes images like those that there are."""

import pytest

from birdsong.app.corrections import preprocess_command
from birdsong.images.store import write_settings
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.spectrogram import SpectrogramConfig


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (SpectrogramConfig(), ["--segment-s", "2.0", "--step-s", "1.5"]),
        (
            SpectrogramConfig(n_mels=48, n_frames=150, hop_length=320),
            ["--segment-s", "2.0", "--n-mels", "48", "--n-frames", "150", "--step-s", "1.5"],
        ),
    ],
)
def test_images_of_any_shape(tmp_path, config, options):
    settings = {"spectrogram": config.to_dict(), "step_s": 1.5, "grid": True}
    write_settings(tmp_path, settings, mel_filters(config))
    words = preprocess_command(None, None, tmp_path).split()
    assert words[words.index("--segment-s") :] == [*options, "--grid"]
