"""Makes the golden files of this folder: ``python tests/golden/make.py``.

Run it when the image is meant to change, look at what it made, and commit both.
"""

from pathlib import Path

import numpy as np

from birdsong.arrays import FloatArray, ImageArray
from birdsong.images.png import encode_png
from birdsong.sound.grey_levels import above_background_db, grey_image
from birdsong.sound.mel_filters import mel_filters
from birdsong.sound.spectrogram import SpectrogramConfig, mel_power_db

FOLDER = Path(__file__).parent


def golden_sound(config: SpectrogramConfig) -> FloatArray:
    """A steady hum that should fade, a rising sweep, and a beeping tone, over faint noise."""
    times_s = np.arange(config.segment_samples) / config.sample_rate_hz
    hum = 0.05 * np.sin(2 * np.pi * 500 * times_s)
    sweep = 0.2 * np.sin(2 * np.pi * (1500 * times_s + 1000 * times_s**2)) * (times_s < 1.5)
    beeps = 0.1 * np.sin(2 * np.pi * 8000 * times_s) * (times_s % 0.5 < 0.1)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(times_s))
    return (hum + sweep + beeps + noise).astype(np.float32)


def golden_image(config: SpectrogramConfig) -> ImageArray:
    """The image of that sound."""
    decibels = mel_power_db(golden_sound(config), config, mel_filters(config))
    return grey_image(above_background_db(decibels, config), config)


if __name__ == "__main__":
    config = SpectrogramConfig()
    png = encode_png(golden_image(config), fingerprint=config.fingerprint())
    (FOLDER / "image.png").write_bytes(png)
