"""How loud a song is, told from its image."""

import numpy as np
import pytest

from birdsong.sound.grey_levels import signal_level_db
from birdsong.sound.spectrogram import SPECTROGRAM_SHAPE, SpectrogramConfig

CONFIG = SpectrogramConfig()


def test_it_is_the_distance_from_the_middle_to_the_brightest_hundredth():
    images = np.random.default_rng(1).integers(0, 256, (5, *SPECTROGRAM_SHAPE)).astype(np.uint8)
    images[1] //= 3
    images[2] = np.where(images[2] > 200, images[2], 7)
    flat = np.sort(images.reshape(5, -1).astype(float), axis=1)
    expected = (flat[:, 12_672] - flat[:, 6_400]) * CONFIG.grey_db
    np.testing.assert_allclose(signal_level_db(images, CONFIG), expected, rtol=1e-6)
    assert signal_level_db(images, CONFIG).dtype == np.float32


@pytest.mark.parametrize(
    ("n_frames", "level", "expected_db"),
    [(200, 102, 20.0), (100, 102, 20.0), (60, 102, 0.0), (0, 0, 0.0)],
)
def test_a_note_counts_as_loud_as_it_is_if_it_lasts(n_frames, level, expected_db):
    image = np.zeros((1, *SPECTROGRAM_SHAPE), np.uint8)
    image[0, 30:32, :n_frames] = level
    assert signal_level_db(image, CONFIG)[0] == pytest.approx(expected_db, abs=0.01)


def test_nothing_is_no_song():
    assert signal_level_db(np.empty((0, *SPECTROGRAM_SHAPE), np.uint8), CONFIG).shape == (0,)
